"""Versions of rules that are counted and not shown, and how the counts of versions are joined."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine

import index.tables
from index.answers import Answers
from index.contract import Counted, Dimension
from index.local.store import LocalStore
from index.series import Series
from index.splice import LEAST, Splice, splice
from index.testing import TIMEZONE, fill
from index.values import bin_name, local_hour
from privacy.noise import COINS, Noise
from privacy.suppress import Thresholds
from rules.lists import list_lookup
from stream.clock import DAY_MS, ManualClock
from stream.metrics import NoMetrics
from stream.post import Match, Post
from stream.testing import START, make_post

K = 10
THRESHOLDS = Thresholds(K, lambda rule: rule == "special")
OLD, NEW = Match("rule", "old"), Match("rule", "new")


class Log:
    """An access log in memory."""

    def __init__(self) -> None:
        self.entries: list[dict[str, str]] = []

    def append(self, *, at_most: int | None = None, **entry: str) -> int:
        assert at_most is None
        self.entries.append(entry)
        return len(self.entries)


class City:
    """Days of posts in a real store, where what is over its term is rolled up every day."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self.clock = ManualClock(START)
        self.series = Series(engine)
        self.store = LocalStore(folder, clock=self.clock, timezone=TIMEZONE, k=25)
        self.log = Log()
        self._number = 0

    def day(self, *groups: tuple[int, tuple[Match, ...], tuple[Match, ...]]) -> str:
        """So many posts of each group, with these matches and shadows; returns the day's name."""
        now = self.clock.now()
        found: list[Post] = []
        for count, matches, shadows in groups:
            for _ in range(count):
                self._number += 1
                found.append(
                    make_post(
                        self._number,
                        created_at=now,
                        first_observed=now,
                        keep_until=now + 90 * DAY_MS,
                        matches=matches,
                        shadows=shadows,
                    )
                )
        fill(self.store, found)
        self.clock.advance(DAY_MS)
        for partition in self.store.partitions():
            if partition.until_ms <= self.clock.now():
                self.series.save(partition, self.store.roll_up(partition, THRESHOLDS))
        self.store.expire(self.clock.now())
        return bin_name(local_hour(now, TIMEZONE), "day")

    @property
    def answers(self) -> Answers:
        return Answers(
            self.store,
            log=self.log,
            actor="anna",
            purpose="a test",
            thresholds=THRESHOLDS,
            series=self.series,
            timezone=TIMEZONE,
            metrics=NoMetrics(),
            lists=list_lookup({}),
            clock=self.clock,
            noise=Noise(bytes(32)),
            text_reads_a_day=3,
        )


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    engine = create_engine(f"sqlite:///{tmp_path / 'series.db'}")
    index.tables.metadata.create_all(engine)
    made = City(tmp_path / "index", engine)
    yield made
    made.store.close()
    engine.dispose()


def before_the_change(city: City, days: int) -> None:
    for _ in range(days):
        city.day((40, (OLD,), ()))


def after_the_change(city: City, days: int, *, only_old: int) -> None:
    for _ in range(days):
        city.day((30, (NEW,), (OLD,)), (15, (NEW,), ()), (only_old, (), (OLD,)))


def test_a_changed_rule_is_joined_by_what_both_counted(city: City) -> None:
    """30 + 15 of the new version for 30 + 20 of the old one, of which most texts are gone."""
    before_the_change(city, 4)
    after_the_change(city, 10, only_old=20)
    series = city.answers.long_series("rule")
    (found,) = series.splices
    assert (found.outgoing, found.active, found.days) == ("rule@old", "rule@new", 10)
    assert found.factor == pytest.approx(45 / 50, abs=0.03)
    assert found.low < 45 / 50 < found.high
    by_version = {
        name: sum(posts or 0 for (_, each), posts in series.versions.items() if each == name)
        for name in ("rule@old", "rule@new")
    }
    assert by_version == pytest.approx({"rule@old": 160, "rule@new": 450}, abs=4 * COINS)
    assert sum(by_version.values()) == pytest.approx(series.total, abs=6 * COINS)


def test_what_was_too_few_to_be_kept_widens_the_interval_and_no_more(city: City) -> None:
    """Of the days whose unmatched posts are gone nobody knows how many the old one had more."""
    before_the_change(city, 4)
    after_the_change(city, 10, only_old=K - 1)
    (found,) = city.answers.long_series("rule").splices
    assert found.low < 45 / 39 < found.high
    assert found.factor > 45 / 39


def test_a_version_that_was_never_replaced_has_no_factor(city: City) -> None:
    before_the_change(city, 8)
    assert city.answers.long_series("rule").splices == ()


def test_a_version_that_ends_is_compared_up_to_the_day_before(city: City) -> None:
    before_the_change(city, 2)
    after_the_change(city, 5, only_old=0)
    ends = city.day((30, (NEW,), (OLD,)), (400, (NEW,), ()))
    city.day((430, (NEW,), ()))
    (found,) = city.answers.long_series("rule").splices
    assert found.days == 5
    assert found.factor == pytest.approx(1.5, abs=0.1)
    assert ends in city.answers.shadowed("rule@old", active="rule@new").posts


def test_a_shadow_is_shown_beside_the_active_version_and_all_posts(city: City) -> None:
    first = [city.day((30, (OLD,), (NEW,)), (12, (), (NEW,)), (60, (), ())) for _ in range(7)]
    result = city.answers.shadowed("rule@new", active="rule@old")
    assert (result.bin, list(result.posts)) == ("day", first)
    for shadow, active, whole in result.posts.values():
        assert shadow == pytest.approx(42, abs=2 * COINS)
        assert active == pytest.approx(30, abs=COINS)
        assert whole == pytest.approx(102, abs=2 * COINS)
    assert {row["share"] for row in result.rows()} <= {
        round(shadow / whole, 5) for shadow, _, whole in result.posts.values() if shadow and whole
    }
    (entry,) = city.log.entries
    assert entry["action"] == "shadowed"
    assert "rule@new" in entry["payload"]


def test_a_small_shadow_is_as_if_there_was_none(city: City) -> None:
    for _ in range(5):
        city.day((30, (OLD,), ()), (1, (), (NEW,)))
    some = city.answers.shadowed("rule@new", active="rule@old")
    none = city.answers.shadowed("rule@other", active="rule@old")
    assert some.posts == none.posts


def test_a_shadow_on_a_special_category_has_the_higher_threshold(city: City) -> None:
    for _ in range(3):
        city.day((7, (OLD,), (Match("special", "x"), Match("rule", "x"))))
    shown = city.answers.shadowed("rule@x", active="rule@old").posts
    hidden = city.answers.shadowed("special@x").posts
    assert all(posts for posts, _, _ in shown.values())
    assert not any(posts for posts, _, _ in hidden.values())


def test_no_reader_can_count_by_shadow_and_no_other_count_holds_one(city: City) -> None:
    assert set(get_args(Counted)) - set(get_args(Dimension)) == {"shadow"}
    city.day((30, (OLD,), (NEW,)), (50, (), (NEW,)))
    city.day((30, (OLD,), ()))
    answers = city.answers
    for by in get_args(Dimension):
        assert not any("new" in "".join(key) for key in answers.top(by=by).cells)
    assert answers.count("rule:rule").posts == answers.count().posts
    assert "new" not in "".join(name for _, name in answers.long_series("rule").versions)


COUNTS = st.dictionaries(st.integers(10, 30).map("2026-11-{}".format), st.integers(10, 500))


@given(COUNTS, COUNTS, st.integers(0, 20))
def test_a_factor_lies_in_its_interval_and_needs_enough_of_both(
    before: dict[str, int], after: dict[str, int], lacking: int
) -> None:
    found = splice(("r@1", before), ("r@2", after), missing={})
    days = sorted(before.keys() & after.keys())
    if found is None:
        assert not all(sum(posts[day] for day in days[:-1]) >= LEAST for posts in (before, after))
        return
    assert found.low <= found.factor <= found.high
    wider = splice(("r@1", before), ("r@2", after), missing=dict.fromkeys(days, lacking))
    assert wider is not None
    assert (wider.factor, wider.high, wider.days) == (found.factor, found.high, found.days)
    assert wider.low <= found.low


@given(COUNTS.filter(lambda posts: sum(posts.values()) >= LEAST))
def test_the_same_counts_give_the_factor_one(posts: dict[str, int]) -> None:
    found = splice(("r@1", posts), ("r@2", posts), missing={})
    assert isinstance(found, Splice)
    assert (found.factor, found.days) == (1.0, len(posts))


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    rng = random.Random(7)
    inside = 0
    for _ in range(400):
        before, after = (
            {f"2026-11-{day}": max(0, round(rng.gauss(mean, mean**0.5))) for day in range(10, 24)}
            for mean in (40, 60)
        )
        found = splice(("r@1", before), ("r@2", after), missing={})
        assert found is not None
        inside += found.low <= 1.5 <= found.high
    assert 370 <= inside <= 392
