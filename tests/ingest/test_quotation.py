"""What a stranger says reaches whoever reads an error as one line that ends."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.bluesky.connection import Refused
from ingest.bluesky.listening import Listening
from ingest.bluesky.position import Position
from ingest.bluesky.refusal import refusal_in
from ingest.bluesky.stream import _judge
from ingest.bluesky.wire import V2
from ingest.feeds.pages import no_feed
from ingest.web.answers import SAID
from ingest.web.client import Page, _target
from ingest.web.quotation import quoted
from stream.testing import START

EVIL = "\x1b[2J\x1b]0;pwned\x07 een\ntwee \u202e"
HOST = "wss://a.example"


def position() -> Position:
    return Position.of({}, since=None)


@given(st.text(st.characters(), max_size=3 * SAID))
def test_what_is_quoted_is_one_printable_line_that_ends(said: str) -> None:
    assert quoted(said).isprintable()
    assert len(quoted(said)) <= SAID
    assert quoted(quoted(said)) == quoted(said)


@given(st.text("abcé ñ漢", max_size=SAID))
def test_what_may_be_shown_is_quoted_as_it_is(said: str) -> None:
    assert quoted(said) == " ".join(said.split())


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", json.dumps({"error": f"Bad{EVIL}", "message": EVIL}).encode()),
        ("text/plain", EVIL.encode()),
        (f"text/html{EVIL}", b"<html>"),
        ("x" * 9_000, b"<html>"),
    ],
    ids=["xrpc", "plain", "type", "long"],
)
def test_a_refusal_commands_no_terminal(kind: str, body: bytes) -> None:
    said = str(_judge(HOST, Refused(400, {"content-type": kind}, body), position(), now=START).why)
    assert said.isprintable()
    assert len(said) < 4 * SAID


def test_a_refusal_of_nothing_to_show_is_none() -> None:
    assert refusal_in(json.dumps({"error": "\x1b\x07", "message": "x"}).encode()) is None


def test_an_error_of_a_stream_is_cut() -> None:
    listening = Listening(position(), source="city", retention_days=90)
    frame = json.dumps({"$type": "error", "error": EVIL + "n" * 900_000, "message": EVIL}).encode()
    ended = listening.take(frame, host=HOST, wire=V2, now=START)
    assert ended is not None
    assert str(ended.why).isprintable()
    assert len(str(ended.why)) < 3 * SAID


def test_what_a_stream_warns_of_is_bounded() -> None:
    listening = Listening(position(), source="city", retention_days=90)
    for number in range(2_000):
        payload = {"$type": "network.bsky.jetstream.subscribeEvents#info",
                   "name": f"{number}{'n' * 10_000}"}  # fmt: skip
        frame = json.dumps({"$type": "message", "payload": payload}).encode()
        assert listening.take(frame, host=HOST, wire=V2, now=START) is None
    warnings = listening.batch().warnings
    assert len(warnings) == 21
    assert "more" in warnings[-1]
    assert sum(map(len, warnings)) < 21 * 3 * SAID


@pytest.mark.parametrize(
    "href",
    ["/a\x07b", "/a\u202eb", "http:/u:geheim@h/", "http://u:geheim@h/", "http://[x",
     "/" + "a" * 400],
)  # fmt: skip
def test_an_address_that_a_page_names_is_shown_only_as_it_may_be(href: str) -> None:
    html = f"<html><link type='application/rss+xml' href='{href}'></html>"
    page = Page(status=200, headers={}, body=html.encode(), url="http://n.example/x")
    said = no_feed(page, asked="http://n.example/x")
    assert said.isprintable()
    assert "geheim" not in said
    assert said.startswith("is an HTML page; look at it in a browser")


def test_a_redirect_turns_no_line_around() -> None:
    location = "/a\u202eb".encode().decode("latin-1")
    assert _target("https://a.example/", location) == "https://a.example/a%E2%80%AEb"
