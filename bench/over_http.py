"""The API of the dashboard as a defence that attacks are tried on: words in, numbers out."""

import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from bench.defences import DAYS, NOW, Answer, World
from dashboard.application import create
from dashboard.city import Snapshot
from index.contract import Dimension, Question, Store
from index.testing import TIMEZONE, fill
from index.values import local_day
from peil.command.users import one_time_link
from peil.folder import WorkingFolder
from peil.pipeline import Pipeline
from peil.settings import load_settings
from peil.showing import city_of, entrance_of
from rules.tree import And, Node, Not, Or, Prefix, Term
from stream.clock import DAY_MS, ManualClock
from stream.partitions import partition_of
from stream.post import Post
from stream.testing import START

EVERY_LANGUAGE = "lang:nl,en,tr"
"""What every post has: a query of NOT alone is refused."""

SAID = ["purpose=attacks", "dashboard.requests_a_minute=10000000"]


class OverHttp:
    """What a reader is told; the answers come as JSON, through the doors and the access log."""

    def __init__(self, browser: TestClient, index: Store, snapshot: Snapshot) -> None:
        self._browser = browser
        self._index = index
        self._snapshot = snapshot
        self._ids: dict[str, str] = {}

    def ask(self, question: Question) -> Answer:
        since, until = _days(question)
        if since == until:  # refused, whatever there is
            return None
        answer = self._get("/api/v1/explore", question).json()
        posts: Answer = answer["posts"]
        return posts

    def table(self, question: Question, by: Dimension) -> Mapping[str, Answer]:
        answer = self._get("/api/v1/export/counts", question, by=by, format="ndjson")
        rows = [json.loads(line) for line in answer.text.splitlines()]
        return {row[by]: row["posts"] for row in rows}

    @contextmanager
    def coming_in(self, post: Post) -> Generator[None]:
        """While the block runs `post` is there for who asks: its index took it in, and the
        dashboard looked for what is new.
        """
        fill(self._index, [post])
        self._look()
        yield
        self._index.remove(partition_of(post), [post.id])
        self._index.flush()
        self._look()

    def _look(self) -> None:
        assert self._snapshot.renew(), "what came or went is seen"

    def _id(self, words: str) -> str:
        """What stands for these words in an address: it is asked for once."""
        if words not in self._ids:
            answer = self._browser.post("/api/v1/queries", json={"words": words})
            self._ids[words] = answer.json()["id"]
        return self._ids[words]

    def _get(self, path: str, question: Question, **more: str) -> Any:
        said = dict(more)
        if question.query is not None:
            said["q"] = self._id(f"{EVERY_LANGUAGE} {written(question.query)}")
        said["since"], said["until"] = map(str, _days(question))
        answer = self._browser.get(path, params=said)
        assert answer.status_code == 200, answer.text
        return answer


class TwoDashboards:
    """One over all posts of a world, and one over those that are no target."""

    def __init__(self, whole: OverHttp, before: OverHttp) -> None:
        self.ask = whole.ask
        self.table = whole.table
        self._before = before

    def twice(self, question: Question, post: Post, world: World) -> tuple[Answer, Answer]:
        first = self._before.ask(question)
        if post.id not in world.present:
            return first, self._before.ask(question)
        with self._before.coming_in(post):
            return first, self._before.ask(question)


@contextmanager
def over_http(world: World, folder: Path) -> Generator[TwoDashboards]:
    """Dashboards over the posts of `world`, and a reader of them."""
    with (
        _dashboard(folder / "whole", world.posts) as whole,
        _dashboard(folder / "before", world.others) as before,
    ):
        yield TwoDashboards(whole, before)


@contextmanager
def _dashboard(folder: Path, posts: Sequence[Post]) -> Generator[OverHttp]:
    working = WorkingFolder.init(folder)
    settings = load_settings(working.settings, environ={}, overrides=SAID)
    clock = ManualClock(NOW)
    with (
        Pipeline(working, settings, clock=clock) as writer,  # as its worker has the index
        Pipeline(working, settings, clock=clock) as pipeline,
    ):
        fill(writer.store, posts)
        city = city_of(pipeline)
        link = one_time_link(pipeline)
        app = create(city, entrance_of(pipeline))
        with TestClient(app, base_url=link.split("/enter")[0]) as browser:
            page = browser.get(link).text
            browser.headers["x-csrf-token"] = page.split('name="csrf" content="')[1].split('"')[0]
            yield OverHttp(browser, writer.store, city.snapshot)


def _days(question: Question) -> tuple[date, date]:
    """The first day of a question, and the day after the last."""
    since = START if question.since is None else question.since
    until = START + (DAYS + 1) * DAY_MS if question.until is None else question.until
    return local_day(since, TIMEZONE), local_day(until, TIMEZONE)


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
