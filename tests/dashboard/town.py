"""A city whose index holds some thousands of posts, behind the whole application."""

import random
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import insert
from starlette.testclient import TestClient

from bench.stores import posts
from dashboard.accounts import Accounts
from dashboard.application import create
from dashboard.roles import Role
from index.tables import gap
from index.testing import fill
from peil.folder import WorkingFolder
from peil.pipeline import Pipeline
from peil.settings import load_settings
from peil.showing import city_of, entrance_of
from rules.tokens import tokenise
from stream.clock import DAY_MS, ManualClock, to_datetime
from stream.post import Match, Post
from stream.testing import START, make_post
from tests.dashboard.conftest import FOLDERS_PURPOSE, QUICK, Doors

NOW = START + 9 * 3_600_000
TODAY = to_datetime(NOW).date()
RULES = ("woningnood", "geldzorgen", "eenzaamheid", "vuurwerkoverlast")
WORDS = (
    "Al jaren op zoek naar een betaalbare woning in de buurt",
    "De huur is niet meer te betalen",
    "Weer vuurwerk in de straat vannacht",
    "Vandaag de hele dag niemand gesproken",
    "The rent in this street is far too high",
    "kiralar artık çok yüksek, ev bulamıyorum",
    "أزمة السكن في هذا الحي كل يوم أكبر",
)
SCRIPT = "<script>alert('x')</script>"
EVIL = f'"><img src=x onerror=alert(1)> {SCRIPT} & een woning'
EVIL_RULE = "aanval"
SPECIAL_RULE = "geloof"
RARE = "zeldzaamheid"
RULE = """
id = "{id}"
title = '{title}'
purpose = '{title} waarvoor'
category = '{title} soort'
owner = '{title} eigenaar'
expires = 2027-05-01
special_category = {special}
{more}
query = "woning"

[[match]]
text = "een woning"
lang = "nl"
"""


class City(Doors):
    """The application, and the index as its worker has it in a process of its own."""

    def __init__(self, pipeline: Pipeline, writer: Pipeline) -> None:
        entrance = entrance_of(pipeline)
        entrance.accounts = Accounts(pipeline.database, clock=pipeline.clock, hasher=QUICK)
        super().__init__(create(city_of(pipeline), entrance), entrance, pipeline.access)
        self.writer = writer
        self._browsers: dict[Role, TestClient] = {}

    def browser_of(self, role: Role = Role.ANALYST) -> TestClient:
        """The one browser of a reader of that role."""
        if role not in self._browsers:
            self._browsers[role] = self.client(role)
        return self._browsers[role]

    def got(
        self, path: str, *, role: Role = Role.ANALYST, language: str = "en", **headers: str
    ) -> Any:
        """What a reader of that role gets."""
        return self.browser_of(role).get(path, headers={"accept-language": language, **headers})

    def written(self, words: str) -> str:
        """The id of these words."""
        answer = self.send(self.browser_of(), "/queries", words=words)
        assert answer.status_code == 303
        return parse_qs(urlsplit(answer.headers["location"]).query)["q"][0]

    def entries(self) -> list[tuple[str, str]]:
        return [(each.actor, each.action) for each in self.log.entries()]


def made_posts() -> Iterator[Post]:
    # About six a day of each rule: by day they are hidden, by week they are not.
    rng = random.Random(5)
    yield from posts(2_400, words=WORDS, now=NOW, rng=rng, rules=RULES)
    for number in range(60):
        yield make(10_000 + number, EVIL, rules=[EVIL_RULE], days=2 + number % 20)
    for number in range(80):
        yield make(20_000 + number, "over geloof", rules=[SPECIAL_RULE], days=2 + number % 5)
    for number in range(4):
        yield make(30_000 + number, f"een {RARE}", rules=[RULES[0]], days=3)


def make(number: int, text: str, *, rules: Sequence[str], days: int) -> Post:
    seen = NOW - days * DAY_MS
    return make_post(
        number,
        text=text,
        tokens=tokenise(text),
        source="bron",
        created_at=seen,
        first_observed=seen,
        keep_until=seen + 90 * DAY_MS,
        special_category=SPECIAL_RULE in rules,
        matches=tuple(Match(rule, "1", ((0, 2),)) for rule in rules),
    )


@contextmanager
def built(
    root: Path, *more: str, several_authors: bool = False, synced: bool = True
) -> Generator[City]:
    """The city in a new folder `root`, its rules `synced`; `more` are settings."""
    folder = WorkingFolder.init(root)
    config = folder.config
    if several_authors:
        written = folder.settings.read_text()
        assert "single_author = true" in written
        folder.settings.write_text(written.replace("single_author = true", "single_author = false"))
    for name, special, approval in (
        (EVIL_RULE, "false", ""),
        (SPECIAL_RULE, "true", 'ground = "9(2)(g)"\napproved_by = "somebody"'),
    ):
        title = SCRIPT.replace("'", '"') if name == EVIL_RULE else "Over geloof"
        text = RULE.format(id=name, title=title, special=special, more=approval)
        (config / "rules" / f"{name}.toml").write_text(text)
    (config / "sources" / "bron.toml").write_text(
        f'id = "bron"\ntitle = "{SCRIPT}"\ncollector = "files"\n'
    )
    day = (TODAY - timedelta(days=4)).isoformat()
    (config / "events.toml").write_text(
        f'[[event]]\nid = "e"\nday = {day}\ntitle = {{ nl = "{SCRIPT}", en = "{SCRIPT}" }}\n'
    )
    said = [
        f"purpose={FOLDERS_PURPOSE}",
        "dashboard.requests_a_minute=100000",
        "privacy.text_reads_a_day=500",
        *more,
    ]
    settings = load_settings(folder.settings, environ={}, overrides=said)
    clock = ManualClock(NOW)
    with (
        Pipeline(folder, settings, clock=clock) as writer,
        Pipeline(folder, settings, clock=clock) as pipeline,
    ):
        if synced:
            writer.rulebook.sync(writer.book)
        fill(writer.store, list(made_posts()))
        with pipeline.database.begin() as connection:
            connection.execute(
                insert(gap).values(
                    source="bron", start=NOW - 9 * DAY_MS, end=NOW - 8 * DAY_MS, why=SCRIPT
                )
            )
        yield City(pipeline, writer)
