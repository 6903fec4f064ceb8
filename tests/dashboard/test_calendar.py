from datetime import date
from pathlib import Path

import pytest

from dashboard.calendar import between, load_calendar
from stream.errors import Stop

ROOT = Path(__file__).parents[2]
NEW_YEAR = """
[[event]]
id = "new-year"
day = 2026-12-31
title = { nl = "Oud en nieuw", en = "New Year" }
"""
MARKET = '[[event]]\nid = "market"\nday = 2026-03-01\ntitle = { nl = "Markt" }\n'


def write(folder: Path, text: str) -> Path:
    (folder / "events.toml").write_text(text, "utf-8")
    return folder


def test_the_shipped_events_have_a_name_in_both_languages() -> None:
    events = load_calendar(ROOT / "config")
    assert events
    assert all(set(event.title) == {"nl", "en"} for event in events)


def test_events_come_by_day_and_are_cut_to_a_period(tmp_path: Path) -> None:
    events = load_calendar(write(tmp_path, NEW_YEAR + MARKET))
    assert [event.id for event in events] == ["market", "new-year"]
    assert between(events, date(2026, 3, 1), date(2026, 12, 31)) == [events[0]]


def test_an_event_is_named_in_another_language_rather_than_not_at_all(tmp_path: Path) -> None:
    (market,) = load_calendar(write(tmp_path, MARKET))
    assert market.named("en") == market.named("nl") == "Markt"


def test_a_folder_without_the_file_has_no_events(tmp_path: Path) -> None:
    assert load_calendar(tmp_path) == ()


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("day = 2026-12-31", "day = 2026-02-30", "must exist"),
        ("day = 2026-12-31", 'day = "31-12-2026"', "event new-year: 31-12-2026 is no day"),
        ("day = 2026-12-31", "day = 2026-12-31T20:00:00", "is no day; write it without"),
        ("day = 2026-12-31\n", "", "event new-year: it has no day"),
        ('id = "new-year"\n', "", "event 1: it has no id"),
        ("day =", "date =", "there is no such key: date"),
        ('nl = "Oud en nieuw"', 'fr = "Nouvel An"', "title has fr; the languages are nl and en"),
        ("Oud en nieuw", " ", "a title is empty"),
        ("title = {", "name = {", "it has no title"),
        ("[[event]]", "[event]", r"begin each event with a line \[\[event\]\]"),
        ("[[event]]", "[[events]]", r"there is no such table: \[events\]"),
    ],
)
def test_a_wrong_event_says_what_to_write(
    tmp_path: Path, before: str, after: str, said: str
) -> None:
    assert before in NEW_YEAR
    with pytest.raises(Stop, match=said):
        load_calendar(write(tmp_path, NEW_YEAR.replace(before, after)))


def test_all_wrong_events_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(Stop) as caught:
        load_calendar(write(tmp_path, NEW_YEAR * 2 + MARKET.replace("2026-03-01", "1")))
    assert "another event of that id" in str(caught.value)
    assert "event market: 1 is no day" in str(caught.value)
