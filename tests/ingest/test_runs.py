"""Runs, slots, pauses and counts of sources, on both databases."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine

import ingest.tables
from ingest.contract import Budget
from ingest.memory import Memory, Progress
from ingest.runs import Condition, Pause, Runs, Slot, Trouble
from ingest.tallies import APPENDED, LOOKED, READ, Tallies, hour_of
from stream.clock import DAY_MS, HOUR_MS
from stream.testing import START

DAY = DAY_MS


@pytest.fixture
def runs(database: Engine) -> Runs:
    return Runs(database)


def progress(number: int, now: int, **counts: int) -> Progress:
    return Progress(number=number, now=now, counts={LOOKED: 1, **counts})


def test_a_run_answers_its_slot_and_tells_how_it_went(runs: Runs, database: Engine) -> None:
    slot = Slot(START, {"down": 3})
    number = runs.start("s", START + 5, cause="schedule", slot=slot)
    memory = Memory(database)
    budget = Budget(remaining=7, limit=300, resets=START + DAY)
    for turn in (1, 2):
        memory.advance(
            "s", {"turn": turn}, {}, until=START,
            progress=Progress(
                number=number, now=START, counts={READ: 2**40, APPENDED: 1},
                watermark=START - turn, budget=budget if turn == 1 else None,
            ),
        )  # fmt: skip
    (run,) = runs.last("s")
    assert (run.read, run.appended, run.outcome) == (2**41, 2, "running")  # also while it runs
    runs.end(number, "s", START + 9, outcome="ended")
    (run,) = runs.last("s")
    assert (run.slot, run.missed, run.ended, run.outcome) == (
        START,
        {"down": 3},
        START + 9,
        "ended",
    )
    condition = runs.condition("s")
    assert (condition.slot, condition.ran, condition.missed) == (START, START + 5, {})
    assert (condition.watermark, condition.budget) == (START - 2, budget)
    assert runs.conditions() == {"s": condition}
    assert runs.missed("s", since=0) == {"down": 3}
    assert runs.missed("s", since=START + 6) == {}


def test_the_newest_run_of_each_source_is_no_backfill(runs: Runs) -> None:
    for source in ("s", "t", "s"):
        number = runs.start(source, START, cause="hand")
        runs.end(number, source, START, outcome="ended")
    runs.start("s", START, cause="backfill")
    assert {name: run.number for name, run in runs.newest().items()} == {"s": 3, "t": 2}
    assert [run.number for run in runs.last("s", limit=2)] == [3, 4]


def test_errors_in_a_row_are_counted_from_the_first_one(runs: Runs) -> None:
    for turn in range(3):
        number = runs.start("s", START + turn, cause="schedule", slot=Slot(START + turn))
        trouble = Trouble(error=f"error {turn}", recovery="retry", wait=1_000)
        runs.end(number, "s", START + turn, outcome="failed", trouble=trouble)
    condition = runs.condition("s")
    assert (condition.failures, condition.failing_since, condition.failed_at) == (
        3, START, START + 2,
    )  # fmt: skip
    assert (condition.error, condition.wait) == ("error 2", 1_000)
    assert [run.error for run in runs.last("s")] == ["error 0", "error 1", "error 2"]
    number = runs.start("s", START + 9, cause="schedule")
    assert runs.condition("s").wait is None  # it is being tried
    assert runs.condition("s").failures == 3
    runs.end(number, "s", START + 9, outcome="ended")
    assert runs.condition("s") == Condition(ran=START + 9, slot=START + 2)


def test_runs_without_any_answer_are_counted_apart(runs: Runs) -> None:
    found = []
    for answered in (False, True, True, False, False):
        number = runs.start("s", START, cause="schedule", slot=Slot(START))
        trouble = Trouble(error="away", recovery="retry", wait=None, answered=answered)
        runs.end(number, "s", START, outcome="failed", trouble=trouble)
        condition = runs.condition("s")
        found.append((condition.failures, condition.unanswered))
    assert found == [(1, 1), (2, 0), (3, 0), (4, 1), (5, 2)]
    runs.well("s")
    assert runs.condition("s").unanswered == 0


def test_a_part_that_fails_counts_its_own_failures(runs: Runs) -> None:
    found = []
    for turn, (answered, failures) in enumerate([(True, 1), (None, 1), (None, 1), (False, 2)]):
        number = runs.start("s", START + turn, cause="schedule", slot=Slot(START))
        trouble = Trouble(error="busy", recovery="retry", wait=None, answered=answered,
                          failures=failures, since=START - 7)  # fmt: skip
        runs.end(number, "s", START + turn, outcome="failed", trouble=trouble)
        condition = runs.condition("s")
        assert condition.failing_since == START - 7
        found.append((condition.failures, condition.unanswered))
    assert found == [(1, 0), (1, 0), (1, 0), (2, 1)]


def test_a_backfill_that_fails_leaves_the_source_as_it_is(runs: Runs) -> None:
    number = runs.start("s", START, cause="backfill")
    trouble = Trouble(error="no", recovery="stop", wait=None)
    runs.end(number, "s", START, outcome="failed", trouble=trouble)
    assert runs.condition("s") == Condition()
    assert runs.last("s")[0].error == "no"


def test_what_was_cut_off_or_stopped_goes_on_at_once(runs: Runs) -> None:
    runs.start("s", START, cause="schedule", slot=Slot(START))
    runs.start("s", START, cause="backfill")
    runs.start("t", START, cause="hand")
    runs.cut_off("s", START + 5, causes=("schedule", "hand"))
    runs.cut_off("t", START + 5, causes=("schedule", "hand"))
    assert [run.outcome for run in runs.last("s")] == ["cut off", "running"]
    assert (runs.condition("s").failed_at, runs.condition("s").wait) == (START + 5, 0)
    assert runs.condition("s").failures == 0
    assert runs.condition("t") == Condition()
    number = runs.start("s", START + 6, cause="schedule", slot=Slot(START))
    runs.end(number, "s", START + 7, outcome="stopped")
    assert runs.condition("s").wait == 0


def test_a_pause_lasts_until_its_end_or_a_resume(runs: Runs) -> None:
    runs.pause("s", actor="a", why="w", now=START, until=START + 10)
    runs.pause("t", actor="b", why="v", now=START, until=None)
    assert runs.pauses(START + 9) == {
        "s": Pause(actor="a", why="w", since=START, until=START + 10),
        "t": Pause(actor="b", why="v", since=START, until=None),
    }
    assert set(runs.pauses(START + 10)) == {"t"}
    runs.pause("t", actor="c", why="u", now=START + 11, until=None)
    assert runs.pauses(START + 11)["t"].actor == "c"
    assert runs.resume("t") is True
    assert runs.resume("t") is False
    assert runs.pauses(START + 11) == {}


def test_counts_are_added_up_by_the_hour_and_forgotten_with_their_runs(
    runs: Runs, database: Engine
) -> None:
    memory, tallies = Memory(database), Tallies(database)
    number = runs.start("s", START, cause="schedule", slot=Slot(START))
    runs.end(number, "s", START, outcome="ended")
    for moment in (START, START + 1, START + HOUR_MS, START + 3 * DAY):
        said = progress(number, moment, read=3, appended=2, deletes=0)
        memory.advance("s", {}, {}, until=START, progress=said)
    memory.advance("t", {}, {}, until=START, progress=progress(number, START, read=9))
    hours = tallies.hours("s", APPENDED, since=0)
    assert hours == {hour_of(START): 4, hour_of(START) + HOUR_MS: 2, hour_of(START + 3 * DAY): 2}
    assert tallies.totals("s", since=0) == {"read": 12, "appended": 8, LOOKED: 4}
    assert tallies.totals("s", since=START + DAY) == {"read": 3, "appended": 2, LOOKED: 1}
    running = runs.start("s", START, cause="schedule")
    assert runs.forget(START) == 0
    assert runs.forget(START + 1) == 1
    assert [run.number for run in runs.last("s")] == [running]
    assert tallies.forget(START + DAY) == 8
    assert set(tallies.hours("s", APPENDED, since=0)) == {hour_of(START + 3 * DAY)}


@pytest.mark.parametrize(
    ("days", "since"),
    [([], 0), ([1], 1), ([1, 2, 3], 3), ([1, 2, 9], 2), ([1, 2, 3, 4, 5, 6, 7], 5), ([6], 0)],
)
def test_a_source_is_active_since_its_last_rest(
    database: Engine, days: Sequence[int], since: int
) -> None:
    memory, tallies = Memory(database), Tallies(database)
    now = hour_of(START + 99 * DAY)
    for ago in reversed(days):
        at = now - ago * DAY
        memory.advance("s", {}, {}, until=now, progress=progress(0, at, appended=1))
    memory.advance("s", {}, {}, until=now, progress=progress(0, now - DAY, read=1))
    assert tallies.active_since("s", now=now, rest=5 * DAY) == now - since * DAY


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9)), max_size=20))
def test_the_hours_add_up_to_what_the_runs_read(batches: list[tuple[int, int]]) -> None:
    engine = create_engine("sqlite://")
    ingest.tables.metadata.create_all(engine)
    runs, memory, tallies = Runs(engine), Memory(engine), Tallies(engine)
    number = runs.start("s", START, cause="hand")
    for hour, read in batches:
        said = progress(number, START + hour * HOUR_MS, read=read)
        memory.advance("s", {}, {}, until=START, progress=said)
    total = sum(read for _, read in batches)
    assert runs.last("s")[0].read == total
    assert sum(tallies.hours("s", READ, since=0).values()) == total
    engine.dispose()


def test_what_a_run_warns_of_is_kept_until_the_next_one(runs: Runs, database: Engine) -> None:
    memory = Memory(database)
    number = runs.start("s", START, cause="schedule", slot=Slot(START))
    for turn in range(30):
        said = Progress(number=number, now=START, counts={}, warnings=["again", f"feed {turn}"])
        memory.advance("s", {}, {}, until=START, progress=said)
    memory.advance("s", {}, {}, until=START, progress=progress(number, START))
    later = progress(number, START + 7)
    memory.advance(
        "s", {}, {}, until=START, progress=msgspec.structs.replace(later, warnings=["feed 15"])
    )
    warnings = runs.condition("s").warnings
    assert (len(warnings), list(warnings)[-1]) == (20, "feed 15")
    assert (warnings["feed 15"], warnings["feed 29"]) == (START + 7, START)  # said last
    runs.start("s", START + 1, cause="backfill")
    assert runs.condition("s").warnings == warnings
    runs.start("s", START + 1, cause="schedule", slot=Slot(START + 1))
    assert not runs.condition("s").warnings
