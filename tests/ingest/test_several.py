"""What parts of a source fail at, until they answer."""

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.backoff import trouble_of
from ingest.several import Parts, PartsRetry, PartsStop
from stream.clock import HOUR_MS, ManualClock
from stream.errors import Retry, Stop
from stream.testing import START

NAMES = ("a", "b", "c")


def parts(clock: ManualClock, held: Any = None, *, names: tuple[str, ...] = NAMES) -> Parts:
    return Parts(names, json.loads(json.dumps(held or {})), clock=clock)


def test_a_part_that_may_not_be_asked_yet_has_not_answered() -> None:
    clock = ManualClock(START)
    first = parts(clock)
    first.failed("a", Retry("a is busy", after=3_600))
    for _ in range(5):
        clock.advance(600_000)
        later = parts(clock, first.held())
        later.answered("b")
        with pytest.raises(PartsRetry, match=r"a is busy \(left alone until 20") as raised:
            later.check("1 of 3 feeds failed")
        assert (raised.value.lasting.failures, raised.value.lasting.asked) == (1, False)
        assert raised.value.lasting.since == START
    clock.advance(600_000)
    last = parts(clock, later.held())
    last.failed("a", Retry("a is busy", after=3_600))
    with pytest.raises(PartsRetry, match=r"a is busy$") as raised:
        last.check("1 of 3 feeds failed")
    assert (raised.value.lasting.failures, raised.value.lasting.asked) == (2, True)
    last.answered("a")
    last.check("nothing failed")


def test_what_needs_a_person_is_told_until_its_part_answers_whatever_the_others_say() -> None:
    clock = ManualClock(START)
    first = parts(clock)
    first.failed("a", Stop("a asks for a login"))
    second = parts(clock, first.held())
    second.failed("b", Retry("b is away"))
    with pytest.raises(PartsStop, match="a asks for a login; b is away"):
        second.check("2 of 3 feeds failed")


def test_a_part_that_was_taken_out_is_forgotten() -> None:
    clock = ManualClock(START)
    first = parts(clock)
    first.failed("a", Stop("a is gone"))
    parts(clock, first.held(), names=("b",)).check("nothing failed")


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.booleans()), max_size=30))
def test_failures_are_counted_since_a_part_answered_last(steps: list[tuple[str, bool]]) -> None:
    clock = ManualClock(START)
    held: dict[str, Any] = {}
    times = dict.fromkeys(NAMES, 0)
    for name, answers in steps:
        now = parts(clock, held)
        if answers:
            now.answered(name)
        else:
            now.failed(name, Retry("away"))
        times[name] = 0 if answers else times[name] + 1
        held = now.held()
        assert {each for each in NAMES if now.fails(each)} == {n for n in NAMES if times[n]}
        if any(times.values()):
            with pytest.raises(PartsRetry) as raised:
                now.check("w")
            assert raised.value.lasting.failures == max(times.values())
        clock.advance(1)


def test_parts_that_rest_make_a_source_neither_wait_longer_nor_seem_worse() -> None:
    clock = ManualClock(START)
    first = parts(clock, names=("a",))
    first.failed("a", Retry("busy", after=3_600))
    clock.advance(HOUR_MS // 2)
    second = parts(clock, first.held(), names=("a",))
    with pytest.raises(PartsRetry) as raised:
        second.check("1 of 1 feeds failed", after=1_800)
    rng = random.Random(1)
    found = trouble_of(raised.value, failures=9, endless=False, rng=rng)
    assert (found.wait, found.failures, found.since) == (HOUR_MS // 2, 1, START)
    assert found.answered is None
    with pytest.raises(PartsRetry) as others:
        second.check("1 of 2 feeds failed", others=True)
    found = trouble_of(others.value, failures=9, endless=False, rng=rng)
    assert (found.wait, found.answered) == (None, True)
    beside = trouble_of(raised.value, failures=9, endless=False, rng=rng, answered=True)
    assert (beside.wait, beside.failures, beside.answered) == (None, 1, True)


def test_an_error_names_its_part() -> None:
    found = parts(ManualClock(START), names=("https://h/1", "https://h/2"))
    found.failed("https://h/1", Retry("https://h/1 is busy", after=60))
    found.failed("https://h/2", Retry("h wants to be left alone for a while", after=60))
    with pytest.raises(PartsRetry) as raised:
        found.check("2 of 2 feeds failed")
    assert str(raised.value) == (
        "2 of 2 feeds failed: https://h/1 is busy; "
        "https://h/2: h wants to be left alone for a while"
    )
