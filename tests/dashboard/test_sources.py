"""The page Sources: what each source is up to, and why, in words."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from selectolax.lexbor import LexborHTMLParser
from sqlalchemy import insert

from index.tables import gap
from ingest.runs import Trouble
from stream.clock import DAY_MS, HOUR_MS
from tests.dashboard.town import NOW, TODAY, City, built

STAFF = "k.jansen"


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    """The town, whose source `bron` may be collected."""
    with built(tmp_path / "folder") as made:
        made.writer.register.open(
            "bron",
            owner="team",
            purpose="prevention",
            basis="Gemeentewet 172",
            dpia="2026-1",
            obtained="export",
            until=TODAY + timedelta(days=90),
            opened_by=STAFF,
        )
        yield made


def _row(city: City, *, language: str = "en") -> str:
    page = LexborHTMLParser(city.got("/sources", language=language).text)
    row = next(each for each in page.css("tbody tr") if "bron" in each.css_first("th").text())
    return " ".join(row.css("td")[0].text().split())


def _state(city: City) -> Any:
    return next(each for each in city.got("/api/v1/sources").json() if each["source"] == "bron")


def test_a_source_that_somebody_holds_up_says_why_and_not_who(city: City) -> None:
    city.writer.ingestion.runs.pause(
        "bron", actor=STAFF, why="the operator asked for it", now=NOW, until=NOW + DAY_MS
    )
    assert _row(city).startswith("paused the operator asked for it (until ")
    assert _row(city, language="nl").startswith("stilgezet the operator asked for it (tot ")
    assert (_state(city)["state"], _state(city)["trouble"]) == ("paused", None)
    assert STAFF not in city.got("/sources").text + city.got("/api/v1/sources").text


def test_a_source_that_fails_says_since_when_and_why(city: City) -> None:
    runs = city.writer.ingestion.runs
    for hours in (3, 2):
        number = runs.start("bron", NOW - hours * HOUR_MS, cause="schedule")
        trouble = Trouble(error="the server answered 503", recovery="retry", wait=None)
        runs.end(number, "bron", NOW - hours * HOUR_MS, outcome="failed", trouble=trouble)
    assert _row(city).startswith("failing 2 runs in a row failed, since ")
    assert ": the server answered 503 " in _row(city)
    assert _row(city, language="nl").startswith("gaat mis 2 keer achter elkaar ging het mis")
    found = _state(city)
    assert (found["state"], found["failure"]["times"]) == ("failing", 2)
    assert "503" in found["trouble"]
    assert LexborHTMLParser(city.got("/sources").text).css("td .tag.act")


def test_gaps_are_told_with_when_the_last_one_ended(city: City) -> None:
    with city.writer.database.begin() as connection:
        connection.execute(
            insert(gap).values(source="bron", start=NOW - 3 * DAY_MS, end=NOW - 2 * DAY_MS, why="x")
        )
    assert "2 periods missed in thirty days, the last until " in _row(city)
    assert _state(city)["gaps"] == 2


def test_a_source_that_never_ran_and_one_that_is_closed_say_so(city: City) -> None:
    assert _row(city).startswith("runs by hand")
    upload = next(each for each in city.got("/api/v1/sources").json() if each["source"] == "upload")
    assert upload["state"] == "closed"
