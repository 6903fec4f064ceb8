"""Every slot of a schedule is run or accounted for, whatever happens in between."""

import random
from collections import Counter
from datetime import UTC, datetime
from itertools import islice, pairwise, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sqlalchemy import create_engine, select
from sqlalchemy.pool import StaticPool

import ingest.tables
from ingest.backoff import trouble_of
from ingest.runs import Condition, Runs, Slot
from ingest.sources import Source
from peil.schedule import Schedule, next_run, slots
from stream.clock import DAY_MS, HOUR_MS, MINUTE_MS, to_datetime, to_milliseconds
from stream.errors import Retry, Stop
from stream.metrics import NoMetrics, PrometheusMetrics

ZONE = "Europe/Amsterdam"
START = to_milliseconds(datetime(2026, 10, 1, 12, 0, tzinfo=UTC))
STEP = 10 * MINUTE_MS


def source(name: str = "s", **schedule: str) -> Source:
    return Source(id=name, title="t", collector="feeds", **schedule)  # type: ignore[arg-type]  # fields by name


def at(*moment: int) -> int:
    return to_milliseconds(datetime(*moment, tzinfo=UTC))  # type: ignore[misc, arg-type]  # year, month, day, hour, minute


def first(scheduled: Source, count: int, *, after: int) -> list[str]:
    """Its slots as UTC and local time."""
    found = islice(slots(scheduled, after=after, timezone=ZONE), count)
    moments = [to_datetime(slot) for slot in found]
    return [f"{each:%d %H:%M} {each.astimezone(ZoneInfo(ZONE)):%H:%M}" for each in moments]


# When slots are.


@pytest.mark.parametrize(
    ("cron", "after", "expected"),
    [
        # The clock goes back on 25 October 2026 at 01:00 UTC: 02:30 comes twice and counts once.
        ("30 2 * * *", at(2026, 10, 24, 12), ["25 00:30 02:30", "26 01:30 02:30"]),
        # At `*` every hour counts, that which comes twice as well.
        ("15 * * * *", at(2026, 10, 24, 23, 20),
         ["25 00:15 02:15", "25 01:15 02:15", "25 02:15 03:15"]),
        ("15 */1 * * *", at(2026, 10, 25, 0, 20), ["25 01:15 02:15", "25 02:15 03:15"]),
        # Every other hour is not each: 02:00 comes once.
        ("0 */2 * * *", at(2026, 10, 24, 21),
         ["24 22:00 00:00", "25 00:00 02:00", "25 03:00 04:00"]),
        # The clock goes forward on 28 March 2027 at 01:00 UTC: 02:30 does not come, 03:30 does.
        ("30 2 * * *", at(2027, 3, 27, 12), ["28 01:30 03:30", "29 00:30 02:30"]),
        ("30 2 * * *", at(2027, 3, 28, 1, 10), ["28 01:30 03:30", "29 00:30 02:30"]),
        ("15 * * * *", at(2027, 3, 28, 0, 10),
         ["28 00:15 01:15", "28 01:15 03:15", "28 02:15 04:15"]),
    ],
)  # fmt: skip
def test_a_crontab_is_local_time_and_comes_once_a_day_when_the_clock_changes(
    cron: str, after: int, expected: list[str]
) -> None:
    assert first(source(cron=cron), len(expected), after=after) == expected


def test_an_interval_is_absolute_time_when_the_clock_changes() -> None:
    after = at(2026, 10, 24, 12)
    found = list(islice(slots(source(every="6h"), after=after, timezone=ZONE), 8))
    assert found == [after + turn * 6 * HOUR_MS for turn in range(1, 9)]


@given(
    st.sampled_from(["0 2 * * *", "30 2 * * *", "59 2 * * *", "30 1 * * *", "0 3 * * *"]),
    st.sampled_from([at(2026, 10, 23), at(2027, 3, 26)]),
    st.integers(0, 3 * DAY_MS),
)
def test_a_daily_slot_comes_once_on_each_local_day(cron: str, base: int, offset: int) -> None:
    found = list(islice(slots(source(cron=cron), after=base + offset, timezone=ZONE), 5))
    days = [to_datetime(slot).astimezone(ZoneInfo(ZONE)).date() for slot in found]
    assert all((later - earlier).days == 1 for earlier, later in pairwise(days))
    # Whoever looks between two slots finds the same ones.
    assert next(slots(source(cron=cron), after=found[1] - 1000, timezone=ZONE)) == found[1]
    assert next(slots(source(cron=cron), after=found[0], timezone=ZONE)) == found[1]


def test_a_source_without_a_schedule_has_no_slots() -> None:
    assert list(slots(source(), after=START, timezone=ZONE)) == []
    assert next_run(source(), last=None, timezone=ZONE) is None
    assert next_run(source(), last=START, timezone=ZONE) is None


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


# What becomes of them.


class City:
    """Sources that run for as long as they are told, on a clock that is moved by hand."""

    def __init__(self, *sources: Source, metrics: PrometheusMetrics | None = None) -> None:
        engine = create_engine("sqlite://", poolclass=StaticPool)
        ingest.tables.metadata.create_all(engine)
        self.engine = engine
        self.sources = {each.id: each for each in sources}
        self.runs = Runs(engine)
        self.now = START
        self.room = 10
        self.takes = dict.fromkeys(self.sources, 1)
        """How long a run takes, in ms."""
        self.error: dict[str, Exception] = {}
        """How the runs of a source fail."""
        self.begun: list[tuple[str, int]] = []
        self._metrics = metrics or NoMetrics()
        self._running: dict[str, tuple[int, int]] = {}
        self._rng = random.Random(1)
        self.restart()

    def restart(self) -> None:
        """Kill the role and start it again."""
        self._running.clear()
        self._schedule = Schedule(self.runs, timezone=ZONE, metrics=self._metrics)
        for name in self.sources:
            self.runs.cut_off(name, self.now, causes=("schedule", "hand"))

    def go_on(self, until: int, *, step: int = STEP) -> None:
        """Let time pass while the role runs."""
        while self.now < until:
            self.turn()
            self.now += step

    def turn(self) -> None:
        for name, (number, ends) in list(self._running.items()):
            if ends <= self.now:
                self._end(name, number)
        paused = self.runs.pauses(self.now)
        for turn in self._schedule.due(
            self.sources.values(),
            now=self.now,
            room=self.room - len(self._running),
            hindrance=lambda each: (
                "overlong" if each.id in self._running else "paused" if each.id in paused else None
            ),
        ):
            name = turn.source.id
            assert name not in self._running
            number = self.runs.start(name, self.now, cause="schedule", slot=turn.slot)
            self.begun.append((name, self.now))
            self._running[name] = number, self.now + self.takes[name]
        assert len(self._running) <= self.room

    def _end(self, name: str, number: int) -> None:
        del self._running[name]
        error = self.error.get(name)
        if error is None:
            self.runs.end(number, name, self.now, outcome="ended")
            return
        failures = self.runs.condition(name).failures
        trouble = trouble_of(error, failures=failures, endless=False, rng=self._rng)
        self.runs.end(number, name, self.now, outcome="failed", trouble=trouble)

    def missed(self, name: str = "s") -> Counter[str]:
        return Counter(self.runs.missed(name, since=0))

    def starts(self, name: str = "s") -> list[int]:
        return [moment for each, moment in self.begun if each == name]

    def check(self) -> None:
        """Each slot since the first run is that of a run, or counted as missed with why."""
        for name, each in self.sources.items():
            with self.engine.connect() as connection:
                run = ingest.tables.run.c
                of_runs = connection.scalars(select(run.slot).where(run.source == name)).all()
            answered = sorted({slot for slot in of_runs if slot is not None})
            accounted = self.runs.condition(name).slot
            assert accounted is not None
            following = slots(each, after=answered[0], timezone=ZONE)
            there = list(takewhile(lambda slot, end=accounted: slot <= end, following))  # type: ignore[misc]  # a default binds it
            assert set(answered[1:]) <= set(there)
            assert len(there) == len(answered) - 1 + self.missed(name).total()


def test_an_interval_holds_for_a_month() -> None:
    city = City(source(every="6h"))
    city.go_on(START + 30 * DAY_MS, step=HOUR_MS)
    assert len(city.starts()) == 30 * 4
    assert {later - earlier for earlier, later in pairwise(city.starts())} == {6 * HOUR_MS}
    city.check()
    assert not city.missed()


def test_what_was_missed_while_peil_was_down_is_made_up_once_and_counted() -> None:
    city = City(source(every="1h"))
    city.go_on(START + DAY_MS)
    city.now += 5 * DAY_MS
    city.restart()
    city.go_on(city.now + DAY_MS)
    assert city.missed() == {"down": 5 * 24}
    assert len(city.starts()) == 2 * 24
    city.check()


def test_a_long_run_is_never_overlapped_and_its_last_slot_waits_for_it() -> None:
    city = City(source(every="1h"))
    city.takes["s"] = 150 * MINUTE_MS
    city.go_on(START + 12 * HOUR_MS)
    # It began on time, ran over two slots, and then answered the second one at once.
    assert city.starts()[:3] == [START + n * 150 * MINUTE_MS for n in range(3)]
    assert set(city.missed()) == {"overlong"}
    city.check()


def test_a_paused_source_waits_and_goes_on_where_it_was_resumed() -> None:
    city = City(source(every="1h"))
    city.turn()
    city.runs.pause("s", actor="a", why="w", now=city.now, until=START + 8 * HOUR_MS)
    city.go_on(START + 3 * HOUR_MS)
    city.restart()  # a pause outlives a restart
    city.go_on(START + 12 * HOUR_MS)
    assert city.starts()[1] == START + 8 * HOUR_MS
    assert city.missed() == {"paused": 6, "down": 1}
    city.check()


def test_others_wait_when_as_many_run_as_may() -> None:
    city = City(*(source(f"s{number}", every="1h") for number in range(3)))
    city.room = 2
    city.takes = dict.fromkeys(city.sources, 90 * MINUTE_MS)
    city.go_on(START + 12 * HOUR_MS)
    assert all(city.starts(name) for name in city.sources)
    assert sum((city.missed(name) for name in city.sources), Counter[str]())["full"] > 0
    city.check()


def test_what_ran_longest_ago_comes_first() -> None:
    city = City(source("a-late", every="1h"), source("b-early", every="1h"))
    for name, hours in (("a-late", 2), ("b-early", 5)):
        ago = START - hours * HOUR_MS
        number = city.runs.start(name, ago, cause="schedule", slot=Slot(ago))
        city.runs.end(number, name, ago, outcome="ended")
    city.room = 1
    city.turn()
    assert city.begun == [("b-early", START)]


def test_what_was_cut_off_is_run_again_at_once() -> None:
    city = City(source(every="1d"))
    city.takes["s"] = HOUR_MS
    city.turn()
    city.now += MINUTE_MS
    city.restart()
    city.turn()
    assert city.starts() == [START, START + MINUTE_MS]
    assert [run.outcome for run in city.runs.last("s")] == ["cut off", "running"]
    assert len({run.slot for run in city.runs.last("s")}) == 1
    city.check()


def test_a_server_that_asks_for_time_gets_it() -> None:
    city = City(source(every="10m"))
    city.error["s"] = Retry("busy", after=7_200)
    city.go_on(START + 6 * HOUR_MS, step=MINUTE_MS)
    for earlier, later in pairwise(city.starts()):
        assert 2 * HOUR_MS <= later - earlier <= 2.6 * HOUR_MS
    assert set(city.missed()) == {"failing"}
    city.check()


def test_a_wait_of_years_that_is_kept_already_is_over_within_days() -> None:
    city = City(source(every="10m"))
    city.error["s"] = Retry("busy", after=25 * 365 * 86_400)  # no server is believed that
    city.go_on(START + 2 * DAY_MS, step=MINUTE_MS)
    first, second = city.starts()
    assert DAY_MS <= second - first <= 1.3 * DAY_MS


def test_failures_in_a_row_are_tried_again_ever_more_rarely_and_then_forgotten() -> None:
    city = City(source(every="1d"))
    city.error["s"] = Retry("away")
    city.go_on(START + 20 * HOUR_MS, step=MINUTE_MS)
    waits = [later - earlier for earlier, later in pairwise(city.starts())]
    assert waits[0] <= 3 * MINUTE_MS
    assert all(later > 1.5 * earlier for earlier, later in pairwise(waits[3:8]))
    assert max(waits) <= 7.6 * HOUR_MS
    condition = city.runs.condition("s")
    assert (condition.failures, condition.error) == (len(city.starts()), "away")
    city.error.clear()
    city.go_on(START + 2 * DAY_MS)
    assert city.runs.condition("s").failures == 0
    city.check()


def test_what_needs_a_person_is_tried_at_its_slots_or_when_somebody_resumes_it() -> None:
    city = City(source(every="6h"))
    city.error["s"] = Stop("the key expired")
    city.go_on(START + DAY_MS)
    assert city.starts() == [START + turn * 6 * HOUR_MS for turn in range(4)]
    condition = city.runs.condition("s")
    assert (condition.failures, condition.recovery) == (4, "stop")
    assert condition.failing_since == START + STEP
    city.now += MINUTE_MS  # no slot
    assert city.runs.resume("s") is False
    city.turn()
    city.check()
    assert city.starts()[-1] == city.now


def test_a_clock_that_went_far_ahead_and_back_holds_no_source_up() -> None:
    city = City(source(every="1h"), source("failing", every="1h"))
    city.error["failing"] = Retry("away", after=60)
    city.now += 400 * DAY_MS
    city.go_on(city.now + HOUR_MS)
    city.now = START
    city.go_on(START + 3 * HOUR_MS)
    assert len([moment for moment in city.starts() if moment < START + DAY_MS]) == 1 + 1
    assert len([each for each in city.starts("failing") if each < START + DAY_MS]) > 2


def test_a_clock_that_goes_back_a_little_loses_no_slot() -> None:
    city = City(source(every="1h"))
    city.go_on(START + 5 * HOUR_MS)
    city.now -= 2 * MINUTE_MS
    city.go_on(START + 10 * HOUR_MS)
    assert max(later - earlier for earlier, later in pairwise(city.starts())) <= HOUR_MS + STEP


@pytest.mark.parametrize("began", [at(2026, 10, 10, 5), at(2027, 3, 12, 5)])
def test_a_month_with_restarts_pauses_overlong_runs_and_a_change_of_the_clock(began: int) -> None:
    metrics = PrometheusMetrics()
    city = City(
        source("often", every="20m"),
        source("daily", cron="30 2 * * *"),
        source("hourly", cron="15 * * * *"),
        source("weekly", cron="0 2 * * sun"),
        source("long", every="3h"),
        source("broken", every="6h"),
        metrics=metrics,
    )
    city.now = began
    city.takes |= {"long": 10 * HOUR_MS, "hourly": 25 * MINUTE_MS}
    city.error |= {"broken": Retry("away", after=1_800)}
    city.room = 3
    rng = random.Random(7)
    while city.now < began + 31 * DAY_MS:
        city.go_on(city.now + rng.randrange(1, 40) * HOUR_MS, step=20 * MINUTE_MS)
        match rng.randrange(4):
            case 0:
                city.restart()
            case 1:
                city.now += rng.randrange(1, 30) * HOUR_MS
                city.restart()
            case 2:
                city.runs.pause("often", actor="a", why="w", now=city.now, until=None)
            case _:
                city.runs.resume("often")
    city.check()
    total: Counter[str] = Counter()
    for name in city.sources:
        total += city.missed(name)
    assert {"down", "overlong", "paused"} <= set(total)
    counted = {
        sample.labels["why"]: 0.0
        for metric in metrics.registry.collect() for sample in metric.samples
        if sample.name == "peil_ingest_missed_slots_total"
    }  # fmt: skip
    for metric in metrics.registry.collect():
        for sample in metric.samples:
            if sample.name == "peil_ingest_missed_slots_total":
                counted[sample.labels["why"]] += sample.value
    assert counted == total
    days = Counter(to_datetime(moment).date() for moment in city.starts("daily"))
    assert len(days) > 15


Happening = tuple[str, int]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["up", "down", "kill", "pause", "resume", "fail", "mend", "slow"]),
            st.integers(1, 20),
        ),
        max_size=12,
    ),
    st.sampled_from([{"every": "40m"}, {"cron": "30 */2 * * *"}, {"cron": "30 2 * * *"}]),
)
def test_whatever_happens_each_slot_is_accounted_for(
    happenings: list[Happening], schedule: dict[str, str]
) -> None:
    city = City(source(**schedule))
    city.now = at(2026, 10, 24, 3)
    city.turn()
    for what, hours in happenings:
        match what:
            case "down":
                city.now += hours * HOUR_MS
                city.restart()
            case "kill":
                city.restart()
            case "pause":
                city.runs.pause("s", actor="a", why="w", now=city.now, until=None)
            case "resume":
                city.runs.resume("s")
            case "fail":
                city.error["s"] = Retry("away") if hours % 2 else Stop("broken")
            case "mend":
                city.error.clear()
            case "slow":
                city.takes["s"] = hours * HOUR_MS
            case _:
                city.go_on(city.now + hours * HOUR_MS, step=20 * MINUTE_MS)
    city.check()


def test_a_run_that_began_meanwhile_keeps_its_slot() -> None:
    city = City(source(every="1h"))
    city.turn()
    seen = city.runs.condition("s")
    later = seen.slot + 5 * HOUR_MS if seen.slot else 0
    city.runs.start("s", city.now, cause="schedule", slot=Slot(later))
    assert not city.runs.skip("s", seen, slot=START + HOUR_MS, missed={"down": 9})
    assert city.runs.condition("s").slot == later
    assert isinstance(city.runs.condition("unknown"), Condition)
