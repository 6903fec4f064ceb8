from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from ingest.health import Run, warning
from ingest.sources import Source
from peil.schedule import due, next_run
from stream.clock import DAY_MS, HOUR_MS, ManualClock, to_datetime, to_milliseconds

ZONE = "Europe/Amsterdam"
START = to_milliseconds(datetime(2026, 10, 1, 12, 0, tzinfo=UTC))
MINUTE = 60_000


def source(**schedule: str) -> Source:
    return Source(id="s", title="t", collector="feeds", **schedule)  # type: ignore[arg-type]  # fields by name


def month(scheduled: Source, *, step: int = 5 * MINUTE, asleep: range = range(0)) -> list[int]:
    """When a source ran in thirty days of a moving clock; in the days of `asleep` nothing did."""
    clock = ManualClock(START)
    runs: list[int] = []
    while clock.now() < START + 30 * DAY_MS:
        last = {"s": runs[-1]} if runs else {}
        day = (clock.now() - START) // DAY_MS
        if day not in asleep and due([scheduled], last_runs=last, now=clock.now(), timezone=ZONE):
            runs.append(clock.now())
        clock.advance(step)
    return runs


def test_an_interval_holds_for_a_month() -> None:
    runs = month(source(every="6h"))
    assert len(runs) == 30 * 4
    assert {later - earlier for earlier, later in pairwise(runs)} == {6 * HOUR_MS}


def test_a_crontab_is_local_time_over_the_end_of_summer_time() -> None:
    runs = month(source(cron="30 6 * * *"))
    assert len(runs) == 31  # the first one makes up for never having run
    local = [to_datetime(at).astimezone(ZoneInfo(ZONE)) for at in runs[1:]]
    assert {(at.hour, at.minute) for at in local} == {(6, 30)}


def test_what_was_missed_is_made_up_once() -> None:
    runs = month(source(every="1h"), asleep=range(10, 15))
    assert len(runs) == 25 * 24
    gaps = [later - earlier for earlier, later in pairwise(runs)]
    assert max(gaps) == 5 * DAY_MS + HOUR_MS
    assert sorted(gaps)[-2] == HOUR_MS


def test_a_source_without_a_schedule_is_never_due() -> None:
    assert next_run(source(), last=None, timezone=ZONE) is None
    assert month(source()) == []


def test_the_longest_overdue_comes_first() -> None:
    early, late = (
        Source(id=name, title="t", collector="feeds", every="1h") for name in ("b-early", "a-late")
    )
    found = due(
        [late, early],
        last_runs={"b-early": START - 5 * HOUR_MS, "a-late": START - 2 * HOUR_MS},
        now=START,
        timezone=ZONE,
    )
    assert [each.id for each in found] == ["b-early", "a-late"]


@pytest.mark.parametrize(
    "schedule",
    [
        {"every": "5m"},
        {"every": "0h"},
        {"every": "soon"},
        {"cron": "every day"},
        {"cron": "* * *"},
        {"every": "1h", "cron": "0 6 * * *"},
    ],
)
def test_a_schedule_that_means_nothing_is_refused(schedule: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        source(**schedule)


def runs(*ago_hours: float, appended: int = 3, outcome: str = "ended") -> list[Run]:
    return [Run(START - int(hours * HOUR_MS), appended, outcome) for hours in ago_hours]


def test_a_source_that_falls_silent_is_a_warning() -> None:
    usual = [Run(START + hour * HOUR_MS, 3, "ended") for hour in range(8)]
    silent = [*usual, *(Run(START + hour * HOUR_MS, 0, "ended") for hour in range(8, 20))]
    assert warning(usual, now=START + 9 * HOUR_MS) is None
    assert "nothing new for 13 hours, where 1.0 are usual" in str(
        warning(silent, now=START + 20 * HOUR_MS)
    )


def test_a_source_that_is_new_or_slow_is_no_warning() -> None:
    weekly = [Run(START + 7 * day * DAY_MS, 1, "ended") for day in range(6)]
    now = weekly[-1].started + int(timedelta(days=10).total_seconds()) * 1000
    assert warning(weekly, now=now) is None
    assert warning(weekly[:3], now=now) is None
    assert warning([], now=now) is None


def test_a_source_that_failed_twice_is_a_warning() -> None:
    assert "failed" in str(warning(runs(2, 1, outcome="failed"), now=START))
    assert warning([*runs(3, 2, outcome="failed"), *runs(1)], now=START) is None
