"""The API of the dashboard as a defence that attacks are tried on: words in, numbers out."""

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from starlette.testclient import TestClient

from bench.defences import DAYS, NOW, Answer, World
from dashboard.application import create
from index.contract import Dimension, Question
from index.testing import TIMEZONE, fill
from index.values import local_day
from peil.command.users import one_time_link
from peil.folder import WorkingFolder
from peil.pipeline import Pipeline
from peil.settings import load_settings
from peil.showing import city_of, entrance_of
from rules.tree import And, Node, Not, Or, Prefix, Term
from stream.clock import DAY_MS, ManualClock
from stream.testing import START

EVERY_LANGUAGE = "lang:nl,en,tr"
"""What every post has: a query of NOT alone is refused."""

SAID = ["purpose=attacks", "dashboard.requests_a_minute=10000000"]


class OverHttp:
    """What a reader is told; the answers come as JSON, through the doors and the access log."""

    def __init__(self, browser: TestClient) -> None:
        self._browser = browser

    def ask(self, question: Question) -> Answer:
        answer = self._get("/api/v1/explore", question).json()
        posts: Answer = answer["posts"]
        return posts

    def table(self, question: Question, by: Dimension) -> Mapping[str, Answer]:
        answer = self._get("/api/v1/export/counts", question, by=by, format="ndjson")
        rows = [json.loads(line) for line in answer.text.splitlines()]
        return {row[by]: row["posts"] for row in rows}

    def _get(self, path: str, question: Question, **more: str) -> TestClient:
        said = dict(more)
        if question.query is not None:
            words = {"words": f"{EVERY_LANGUAGE} {written(question.query)}"}
            said["q"] = self._browser.post("/api/v1/queries", json=words).json()["id"]
        since = START if question.since is None else question.since
        until = START + (DAYS + 1) * DAY_MS if question.until is None else question.until
        said["since"], said["until"] = (str(local_day(each, TIMEZONE)) for each in (since, until))
        answer = self._browser.get(path, params=said)
        assert answer.status_code == 200, answer.text
        return answer


@contextmanager
def over_http(world: World, folder: Path) -> Generator[OverHttp]:
    """A dashboard over the posts of `world`, and a reader of it."""
    city = WorkingFolder.init(folder / "city")
    settings = load_settings(city.settings, environ={}, overrides=SAID)
    with Pipeline(city, settings, clock=ManualClock(NOW)) as pipeline:
        fill(pipeline.store, world.posts)
        app = create(city_of(pipeline), entrance_of(pipeline))
        link = one_time_link(pipeline)
        with TestClient(app, base_url=link.split("/enter")[0]) as browser:
            page = browser.get(link).text
            browser.headers["x-csrf-token"] = page.split('name="csrf" content="')[1].split('"')[0]
            yield OverHttp(browser)


def written(node: Node) -> str:
    """The words of a query that reads as this tree."""
    match node:
        case Term():
            return f'"{node.form}"'
        case Prefix():
            return f"{node.stem}*"
        case Not():
            return f"NOT {written(node.child)}"
        case And():
            return f"({' '.join(map(written, node.children))})"
        case Or():
            return f"({' OR '.join(map(written, node.children))})"
        case _:
            raise TypeError(f"attacks write no {type(node).__name__}")
