"""Whether a source gives what it used to, by its counts an hour."""

import random
from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.backoff import LONGEST_MS, SHORTEST_MS, fault, trouble_of
from ingest.health import failing, rate, silence, warned
from ingest.runs import Condition, Trouble
from ingest.several import together
from stream.clock import DAY_MS, HOUR_MS
from stream.errors import PeilError, Retry, Stop
from stream.testing import START

NOW = START - START % HOUR_MS


def hours(*ago: float, posts: int = 3) -> Mapping[int, int]:
    """Posts in the hours that lie so many hours back."""
    return {NOW - int(each) * HOUR_MS: posts for each in ago}


def steady(weeks: int, an_hour: int, *, last_day: int | None = None) -> Mapping[int, int]:
    counts = {NOW - ago * HOUR_MS: an_hour for ago in range(1, weeks * 7 * 24 + 25)}
    if last_day is not None:
        counts |= {NOW - ago * HOUR_MS: last_day for ago in range(1, 25)}
    return counts


def test_a_day_is_compared_with_the_same_day_of_the_weeks_before() -> None:
    counts = steady(8, 10)
    found = rate(counts, counts, now=NOW + 59 * 60_000)  # the hour that goes on does not count
    assert found.now == 10
    assert found.low is not None
    assert found.high is not None
    assert found.low < 10 < found.high
    few = rate(steady(8, 10, last_day=2), counts, now=NOW)
    assert few.low is not None
    assert few.now < few.low


def test_one_wild_week_moves_what_is_usual_little() -> None:
    counts = dict(steady(8, 10))
    calm = rate(counts, counts, now=NOW)
    wild = {hour: items * 50 if NOW - hour < 9 * DAY_MS and NOW - hour > 2 * DAY_MS else items
            for hour, items in counts.items()}  # fmt: skip
    assert rate(wild, wild, now=NOW) == calm


def test_without_some_weeks_nothing_is_usual_yet() -> None:
    for weeks, known in ((3, False), (4, True)):
        counts = steady(weeks, 10)
        assert (rate(counts, counts, now=NOW).low is not None) is known


def test_days_on_which_nobody_looked_are_no_days_without_posts() -> None:
    counts = steady(8, 10)
    looked = {hour: 1 for hour in counts if NOW - hour < 37 * DAY_MS}
    appended = {hour: items for hour, items in counts.items() if hour in looked}
    with_days_away = rate(appended, looked, now=NOW)
    assert with_days_away.low == rate(counts, counts, now=NOW).low


def test_a_source_that_falls_silent_is_told() -> None:
    assert silence(hours(*range(8)), now=NOW) is None
    said = silence(hours(*range(13, 21)), now=NOW)
    assert said == ("nothing new for 13 hours, where 1.0 are usual; is its page still there?")


def test_a_source_that_is_new_or_slow_is_not_silent() -> None:
    weekly = [240 + 7 * 24 * week for week in range(6)]
    assert silence(hours(*weekly), now=NOW) is None
    assert silence(hours(*weekly[:3]), now=NOW + 99 * DAY_MS) is None
    assert silence({}, now=NOW) is None


def test_a_night_and_a_weekend_are_no_silence() -> None:
    # Every hour of a day from 8 to 18, but for weekends, in four weeks.
    working = [
        day * 24 + hour for day in range(28) if day % 7 not in (5, 6) for hour in range(8, 18)
    ]
    counts = {NOW + hour * HOUR_MS: 2 for hour in working}
    last = NOW + working[-1] * HOUR_MS
    assert silence(counts, now=last + 62 * HOUR_MS) is None
    assert silence(counts, now=last + 64 * HOUR_MS) is not None


@given(st.sets(st.integers(1, 2_000), max_size=60), st.integers(0, 500))
def test_who_gives_something_now_is_not_silent_and_silence_lasts(
    ago: Iterable[int], later: int
) -> None:
    counts = hours(*ago)
    assert silence({**counts, NOW: 1}, now=NOW) is None
    if silence(counts, now=NOW) is not None:
        assert silence(counts, now=NOW + later * HOUR_MS) is not None


@pytest.mark.parametrize(
    ("failures", "recovery", "told"),
    [(0, None, False), (1, "retry", False), (2, "retry", True), (1, "stop", True),
     (1, "fault", True)],
)  # fmt: skip
def test_one_failure_that_time_may_mend_is_no_news(
    failures: int, recovery: str | None, *, told: bool
) -> None:
    condition = Condition(
        failures=failures,
        recovery=recovery,
        error="the key expired",
        failing_since=START,  # type: ignore[arg-type]  # one of them
    )
    said = failing(condition, now=START + 6 * HOUR_MS - 1)
    assert (said is not None) is told
    assert said is None or "the key expired" in said
    later = failing(condition, now=START + 6 * HOUR_MS)
    assert (later is not None) is (failures > 0)


@given(st.integers(0, 60), st.floats(0, 1e6), st.integers())
def test_what_failed_waits_ever_longer_and_never_shorter_than_its_server_asks(
    failures: int, after: float, seed: int
) -> None:
    def wait(error: Exception, failures: int) -> int:
        found = trouble_of(error, failures=failures, endless=False, rng=random.Random(seed)).wait
        assert found is not None
        return found

    asked = wait(Retry("busy", after=after), failures)
    assert asked >= int(after * 1000)
    own = wait(Retry("away"), failures)
    assert SHORTEST_MS <= own <= 1.25 * LONGEST_MS
    assert own <= wait(Retry("away"), failures + 1)


def test_what_needs_a_person_waits_for_its_slot_or_an_hour() -> None:
    rng = random.Random(1)
    assert trouble_of(Stop("no"), failures=0, endless=False, rng=rng).wait is None
    assert trouble_of(Stop("no"), failures=0, endless=True, rng=rng).wait == HOUR_MS


def test_where_a_part_answered_the_others_wait_for_nobody() -> None:
    def trouble(error: Exception, *, endless: bool = False) -> Trouble:
        rng = random.Random(1)
        return trouble_of(error, failures=9, endless=endless, rng=rng, answered=True)

    assert trouble(Retry("busy", after=86_400)).wait is None
    assert trouble(Retry("busy")).recovery == "retry"
    assert trouble(Retry("all hosts are away"), endless=True).wait is not None


@pytest.mark.parametrize(
    ("errors", "parts", "after"),
    [
        ([Retry("a", after=60)], 1, 60),
        ([Retry("a", after=60), Retry("b", after=30)], 2, 30),  # the first that may be asked
        ([Retry("a", after=60), Retry("b")], 2, None),
        ([Retry("a", after=86_400)], 50, None),  # its own wait, not the others'
        ([Retry("a")], 1, None),
    ],
)
def test_a_source_waits_as_long_as_each_of_its_parts_asks_for(
    errors: list[PeilError], parts: int, after: float | None
) -> None:
    found = together(errors, what="some failed", parts=parts)
    assert isinstance(found, Retry)
    assert found.after == after
    assert all(str(error) in str(found) for error in errors)
    assert isinstance(together([*errors, Stop("c")], what="w", parts=parts), Stop)


def test_a_warning_has_its_date_and_of_an_endless_run_its_end() -> None:
    condition = Condition(warnings={"it broke off": NOW})
    for endless in (True, False):
        (said,) = warned(condition, endless=endless, now=NOW + DAY_MS)
        assert said.startswith("it broke off (2026-")
    assert warned(condition, endless=True, now=NOW + DAY_MS + 1) == []
    assert len(warned(condition, endless=False, now=NOW + 9 * DAY_MS)) == 1


def test_a_fault_is_told_by_its_place_and_never_by_a_value() -> None:
    with pytest.raises(ValueError, match="secret") as raised:
        int("a secret of a post")
    said = fault(raised.value)
    assert said.startswith("ValueError in test_health.py, line ")
    assert "secret" not in said
