from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine

import index.tables
from index.answers import Answers
from index.drift import ENOUGH, WEEK, drift
from index.local.store import LocalStore
from index.series import Series
from index.testing import TIMEZONE, fill
from privacy.noise import Noise
from privacy.suppress import Thresholds
from rules.lists import list_lookup
from stream.clock import DAY_MS, ManualClock
from stream.metrics import NoMetrics
from stream.post import Match
from stream.testing import START, make_post

K = 10
WHOLE = 1_000
DAYS = 35


def found(posts: Sequence[int | None], *, whole: int | None = WHOLE) -> float | None:
    result = drift("rule", posts, [whole] * len(posts), k=K)
    return None if result is None else result.times


def test_three_times_as_much_is_drift_and_so_is_a_third() -> None:
    before = [30, 34, 28, 31, 40, 25, 29] * 5
    assert found([*before, *[95] * WEEK]) == pytest.approx(95 / 30, rel=0.05)
    assert found([*before, *[10] * WEEK]) == pytest.approx(1 / 3, rel=0.05)
    assert found([*before, *before[:WEEK]]) is None


def test_a_rule_that_grew_blind_is_told() -> None:
    assert found([*[40] * 30, *[None] * WEEK]) == pytest.approx(K / 2 / 40)


def test_one_strange_day_is_no_drift() -> None:
    assert found([*[30, 33, 27] * 12, *[30] * 3, 400, *[30] * 3]) is None


def test_more_of_everything_is_no_drift() -> None:
    days = 8 * WEEK
    posts = [30] * days + [90] * WEEK
    whole = [WHOLE] * days + [3 * WHOLE] * WEEK
    assert drift("rule", posts, whole, k=K) is None


def test_nothing_is_said_of_what_is_too_small_or_too_young() -> None:
    assert found([*[None] * 30, *[90] * WEEK]) is None
    assert found([*[30] * (ENOUGH - 1), *[90] * WEEK]) is None
    assert found([*[30] * ENOUGH, *[90] * WEEK]) is not None
    assert found([*[30] * 40, *[90] * WEEK], whole=None) is None
    # Before a rule there was none of it: that is no history of its own.
    assert found([*[None] * 30, *[30] * 10, *[90] * WEEK]) is None


COUNTS = st.lists(st.none() | st.integers(K, 500), min_size=WEEK, max_size=9 * WEEK)


@given(COUNTS, st.integers(2, 50))
def test_what_does_not_change_never_drifts(counts: list[int | None], times: int) -> None:
    assert found([200] * (times + WEEK)) is None
    result = drift("rule", counts, [WHOLE] * len(counts), k=K)
    if result is not None:
        assert result.before != result.now
        assert min(result.before, result.now) >= K / 2 / WHOLE


@given(COUNTS)
def test_the_order_within_the_last_week_is_nothing(counts: list[int | None]) -> None:
    again = [*counts[:-WEEK], *counts[-WEEK:][::-1]]
    if counts[:-WEEK] == again[:-WEEK] and any(counts[:-WEEK]):
        assert found(counts) == found(again)


def test_it_is_asked_of_the_index_and_stands_in_the_access_log(tmp_path: Path) -> None:
    clock = ManualClock(START)
    thresholds = Thresholds(K, lambda rule: rule == "special")
    engine = create_engine(f"sqlite:///{tmp_path / 'series.db'}")
    index.tables.metadata.create_all(engine)
    series = Series(engine)
    store = LocalStore(tmp_path / "index", clock=clock, timezone=TIMEZONE, k=25)
    for day in range(DAYS):
        at, more = clock.now(), 45 if day >= DAYS - WEEK else 0
        names = ["steady"] * 30 + ["grows"] * (25 + more) + [""] * (60 - more)
        posts = [
            make_post(
                day * 1_000 + number,
                created_at=at,
                first_observed=at,
                keep_until=at + 90 * DAY_MS,
                matches=(Match(name, "v1"),) if name else (),
            )
            for number, name in enumerate(names)
        ]
        fill(store, posts)
        clock.advance(DAY_MS)
        for partition in store.partitions():
            if partition.until_ms <= clock.now():
                series.save(partition, store.roll_up(partition, thresholds))
        store.expire(clock.now())
    entries: list[dict[str, str]] = []

    class Log:
        def append(self, *, at_most: int | None = None, **entry: str) -> int:
            entries.append(entry)
            return len(entries)

    answers = Answers(
        store, log=Log(), actor="anna", purpose="a test",
        thresholds=thresholds, series=series,
        timezone=TIMEZONE, metrics=NoMetrics(), lists=list_lookup({}),
        clock=clock, noise=Noise(bytes(32)), text_reads_a_day=3,
    )  # fmt: skip
    (found_one,) = answers.drifts(["steady", "grows", "never"])
    assert found_one.rule == "grows"
    assert 1.5 < found_one.times < 3.5
    assert [(entry["actor"], entry["action"]) for entry in entries] == [("anna", "drifts")]
    store.close()
    engine.dispose()
