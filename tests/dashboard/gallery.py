"""The gallery: a page with every part of the style, and a server of it with the pages' policy."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
from jinja2 import ChoiceLoader, FileSystemLoader

from dashboard.assets import ADDRESS, FOLDER, Assets
from dashboard.frame import _environment
from dashboard.languages import language
from rules.lexer import lex

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
BARS = (("Dutch", 9120), ("English", 3310), ("Standard Moroccan Tamazight", 90), ("Arabic", 0))
TOKEN = "token-of-the-form"  # noqa: S105  (a name for it)

PAUSE_SECONDS = 0.5
"""The second half of the page comes so much later at the address `slow`."""


def gallery(name: str = "en") -> str:
    environment = _environment(language(name))
    assert environment.loader is not None
    environment.loader = ChoiceLoader([environment.loader, FileSystemLoader(Path(__file__).parent)])
    frame = SimpleNamespace(
        language=name,
        languages=("nl", "en"),
        nav=[
            SimpleNamespace(name="monitor", title="Monitor", address="/", here=True),
            SimpleNamespace(name="explore", title="Explore", address="/explore", here=False),
            SimpleNamespace(name="rules", title="Rules", address="/rules", here=False),
            SimpleNamespace(name="sources", title="Sources", address="/sources", here=False),
        ],
        reader=SimpleNamespace(
            account="ann@example.org", purpose_title="Safety in the street", may=lambda _right: True
        ),
        csrf=TOKEN,
        address="/gallery",
        assets=Assets.of(),
        snapshot=1,
        source_titles={},
        misnamed=(),
    )
    return environment.get_template("gallery.html").render(frame=frame, **_figures())


def _figures() -> dict[str, Any]:
    days = [date(2026, 9, 1) + timedelta(days=each) for each in range(61)]
    return {
        "long": _table(
            _columns("value:Posts", "low:Normal, from", "high:Normal, up to"),
            [_day(day, place) for place, day in enumerate(days)],
        ),
        "tones": _table(
            _columns("tone:negative:Negative", "tone:neutral:Neutral", "tone:positive:Positive",
                     "tone:abstained:Not sure"),
            [
                {"cells": [_time(date(2026, 8, 3) + timedelta(weeks=week)),
                           *((_number(value + week) if week != 4 else {"hidden": True})
                             for value in (30, 90, 22, 40))]}
                for week in range(12)
            ],
        ),
        "compared": _table(
            _columns("value:Fatbikes on the pavement", "compare:Scooters"),
            [{"cells": [_time(day), _number(200 + 9 * place), _number(260 + place % 5 * 20)]}
             for place, day in enumerate(days[:20])],
        ),
        "shares": _table(
            _columns("share:Share", "before:The period before"),
            [{"cells": [_time(day), {"text": f"{place / 10}%", "value": place / 1000},
                        {"text": "1%", "value": 0.011}],
              "learning": place < 8, "event": "Election" if place == 15 else ""}
             for place, day in enumerate(days[:30])],
        ),
        "bars": _table(
            [{"label": "Language", "role": "name"}, *_columns("value:Posts")[1:]],
            [{"cells": [{"text": name}, _number(value) if value else {"hidden": True}]}
             for name, value in BARS],
        ),
        "pairs": _table(
            [{"label": "Language", "role": "name"}, *_columns("share:July", "compare:August")[1:]],
            [{"cells": [{"text": name}, _number(one), _number(other)]}
             for name, one, other in (("Dutch", 0.62, 0.55), ("English", 0.3, 0.34))],
        ),
        "lying": _table(
            [{"label": "Source", "role": "name"},
             *_columns("tone:negative:Negative", "tone:neutral:Neutral", "tone:positive:Positive",
                       "tone:abstained:Not sure")[1:]],
            [{"cells": [{"text": name}, *(_number(each) for each in values)]}
             for name, values in (("Feeds", (10, 60, 4, 30)), ("Archive", (30, 30, 20, 20)))],
        ),
    }  # fmt: skip


def _day(day: date, place: int) -> dict[str, Any]:
    posts = 120 + (place % 7) * 14 + (300 if 40 <= place <= 44 else 0)
    return {
        "cells": [
            _time(day),
            {"hidden": True} if place in (20, 21) else _number(posts),
            _number(90 + (place % 7) * 12) if place > 8 else {"text": "–"},
            _number(170 + (place % 7) * 15) if place > 8 else {"text": "–"},
        ],
        "gap": place in (30, 31, 32),
        "change": "version 3 of the rule" if place == 25 else "",
        "event": "Demonstration" if place == 41 else "",
        "learning": place <= 8,
    }


def _table(columns: list[dict[str, str]], rows: list[dict[str, Any]]) -> SimpleNamespace:
    return SimpleNamespace(columns=columns, rows=rows)


def _columns(*named: str) -> list[dict[str, str]]:
    split = [each.rpartition(":") for each in named]
    return [
        {"label": "Time", "role": "time"},
        *({"label": label, "role": role, "align": "end"} for role, _, label in split),
    ]


def _time(day: date) -> dict[str, str]:
    return {"text": f"{day:%a} {day.day} {day:%b}", "time": day.isoformat()}


def _number(value: float) -> dict[str, Any]:
    return {"text": f"{value:,}", "value": value}


def _item(label: str, kind: str, *, posts: int | None = None, detail: str = "") -> dict[str, Any]:
    return {"label": label, "kind": kind, "posts": posts, "detail": detail, "insert": label}


class Gallery:
    """What the page is given, and what it asked."""

    def __init__(self) -> None:
        self.page = gallery()
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.newer = threading.Event()
        self.address = ""

    def answer(self, handler: BaseHTTPRequestHandler, method: str) -> None:
        url = urlsplit(handler.path)
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        self.asked.append((method, handler.path, dict(handler.headers.items()), body))
        match url.path:
            case "/api/v1/live":
                self._stream(handler)
            case "/api/v1/complete":
                prefix = parse_qs(url.query)["prefix"][0]
                items = [
                    _item(f"{prefix}en", "word", posts=1200),
                    _item("$streets", "list", detail="12 words"),
                    _item("NEAR/5", "operator", detail="a NEAR/5 b"),
                ]
                self._send(handler, msgspec.json.encode({"items": items}), "application/json")
            case "/api/v1/check":
                words = msgspec.json.decode(body)["words"]
                errors = [
                    {
                        "start": each.start,
                        "end": each.end,
                        "message": f"{each.name}: is no field",
                        "help": "Nobody is looked for",
                    }
                    for each in lex(words)
                    if each.kind == "field" and each.name == "from"
                ]
                said = {"errors": errors, "warnings": []}
                self._send(handler, msgspec.json.encode(said), "application/json")
            case path if path.startswith(ADDRESS):
                file = FOLDER / Path(path).name
                kind = TYPES.get(file.suffix, "font/woff2")
                self._send(handler, file.read_bytes(), kind)
            case "/found":
                self._send(
                    handler, b"<!doctype html><html lang=en><title>Found</title>", "text/html"
                )
            case "/slow":
                self._send(handler, self.page.encode(), "text/html", pause=PAUSE_SECONDS)
            case _:
                self._send(handler, self.page.encode(), "text/html")

    def _send(
        self, handler: BaseHTTPRequestHandler, content: bytes, kind: str, *, pause: float = 0
    ) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", f"{kind}; charset=utf-8")
        handler.send_header("Content-Length", str(len(content)))
        handler.send_header("Content-Security-Policy", POLICY)
        handler.end_headers()
        if pause:
            half = content.index(b"<main")
            handler.wfile.write(content[:half])
            time.sleep(pause)
            content = content[half:]
        handler.wfile.write(content)

    def _stream(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.end_headers()
        handler.wfile.write(b": hello\n\n")
        if self.newer.wait(60):
            handler.wfile.write(b'event: newer\ndata: {"until": "2026-11-01"}\n\n')


@contextmanager
def served() -> Iterator[Gallery]:
    """The gallery on a free port of this machine."""
    shown = Gallery()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shown.answer(self, "GET")

        def do_POST(self) -> None:
            shown.answer(self, "POST")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class calls it that)
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        shown.address = f"http://127.0.0.1:{server.server_port}/gallery"
        try:
            yield shown
        finally:
            shown.newer.set()
            server.shutdown()
            thread.join()
