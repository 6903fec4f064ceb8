import math
import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.normal import (
    ENOUGH,
    WEEKS,
    Normal,
    change,
    deviation,
    dispersion_of,
    normal_range,
)

K = 10
COUNTS = st.lists(st.none() | st.integers(K, 5_000), max_size=120)
SEASONS = st.sampled_from([1, 7])


@given(COUNTS, SEASONS)
def test_a_range_holds_what_was_to_be_expected(counts: list[int | None], season: int) -> None:
    found = normal_range(counts, season=season, k=K)
    assert len(found) == len(counts)
    for place, normal in enumerate(found):
        # It is learned until the same weekday was there three times.
        assert (normal is None) == (place < ENOUGH * season)
        if normal is not None:
            assert 0 <= normal.low <= normal.expected <= normal.high
            assert normal.low < normal.high


@given(COUNTS, SEASONS, st.data())
def test_what_comes_later_changes_nothing(
    counts: list[int | None], season: int, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(counts)))
    before = normal_range(counts[:cut], season=season, k=K)
    assert list(before) == list(normal_range(counts, season=season, k=K))[:cut]


@given(st.integers(K, 2_000), st.integers(30, 100))
def test_the_same_every_week_is_what_is_expected(level: int, days: int) -> None:
    rhythm = [level + 5 * (day % 7) for day in range(days)]
    for place, normal in enumerate(normal_range(rhythm, season=7, k=K)):
        if normal is not None:
            assert normal.expected == rhythm[place]
            assert deviation(rhythm[place], normal) == 0


def test_only_the_last_eight_weeks_count() -> None:
    long_ago = [900] * 70
    since = [100] * 7 * WEEKS
    (*_, last) = normal_range([*long_ago, *since, 100], season=7, k=K)
    assert last is not None
    assert last.expected == 100


def test_a_hidden_count_is_taken_as_half_of_the_threshold() -> None:
    (*_, last) = normal_range([None] * 21 + [12], season=7, k=K)
    assert last is not None
    assert last.expected == K / 2
    assert last == normal_range([5] * 21 + [12], season=7, k=K)[-1]


def _series(rng: np.random.Generator, days: int, *, mean: float, excess: float) -> Sequence[int]:
    """Days with a weekly rhythm whose variance is `excess` times the mean."""
    means = [mean * (1.3 if day % 7 < 5 else 0.6) for day in range(days)]
    if excess == 1:
        return [int(rng.poisson(each)) for each in means]
    return [int(rng.negative_binomial(each / (excess - 1), 1 / excess)) for each in means]


@pytest.mark.parametrize(("mean", "excess"), [(20, 1), (80, 1), (400, 1), (80, 4), (400, 9)])
def test_chance_alone_rarely_stands_out(mean: float, excess: float) -> None:
    rng = np.random.default_rng(7)
    alarms = tried = 0
    for _ in range(60):
        counts = _series(rng, 100, mean=mean, excess=excess)
        ranges = normal_range(counts, season=7, k=K)
        for count, normal in list(zip(counts, ranges, strict=True))[7 * WEEKS :]:
            assert normal is not None
            tried += 1
            alarms += not normal.low <= count <= normal.high
    # 5% is what the range is made for; a median of eight weeks is itself not exact.
    assert 0.01 < alarms / tried < 0.12


@pytest.mark.parametrize(("mean", "excess", "rise"), [(40, 1, 2.0), (100, 4, 2.0), (400, 4, 1.6)])
def test_a_planted_rise_stands_out_and_a_fall_too(mean: float, excess: float, rise: float) -> None:
    rng = np.random.default_rng(11)
    seen = {"rise": 0, "fall": 0, "none": 0}
    for _ in range(50):
        counts = list(_series(rng, 84, mean=mean, excess=excess))
        for name, times in (("rise", rise), ("fall", 1 / rise), ("none", 1)):
            week = [round(count * times) for count in counts[-7:]]
            ranges = normal_range([*counts[:-7], *week], season=7, k=K)[-7:]
            far = [
                deviation(count, each)
                for count, each in zip(week, ranges, strict=True)
                if each is not None
            ]
            mean_far = sum(far) / len(far)
            seen[name] += mean_far > 1 if name == "rise" else mean_far < -1
            if name == "none":
                assert abs(mean_far) < 1.5
    assert seen["rise"] >= 45
    assert seen["fall"] >= 40
    assert seen["none"] <= 3


def test_what_was_unusual_once_does_not_make_everything_usual() -> None:
    rng = random.Random(3)
    quiet = [100 + rng.randrange(-8, 9) for _ in range(84)]
    before = normal_range(quiet, season=7, k=K)[-1]
    after = normal_range([*quiet[:60], 900, 950, *quiet[62:]], season=7, k=K)[-1]
    assert before is not None
    assert after is not None
    assert after.high - after.low < 1.5 * (before.high - before.low)


def test_the_edge_of_the_range_is_one() -> None:
    normal = Normal(100, 81, 121)
    assert deviation(121, normal) == pytest.approx(1)
    assert deviation(81, normal) == pytest.approx(-1)
    assert deviation(100, normal) == 0
    assert deviation(500, normal) > 5
    assert deviation(5, Normal(5, 5, 5)) == 0


@given(st.integers(1, 100_000), st.integers(1, 100_000), st.floats(1, 50))
def test_a_change_lies_in_its_interval(now: int, before: int, dispersion: float) -> None:
    found = change(now, before, dispersion=dispersion)
    back = change(before, now, dispersion=dispersion)
    assert found is not None
    assert back is not None
    assert found.low < found.ratio < found.high
    assert found.real == back.real
    assert found.ratio * back.ratio == pytest.approx(1)
    assert found.low * back.high == pytest.approx(1)


def test_a_hidden_period_has_no_change() -> None:
    assert change(None, 20) is None
    assert change(20, None) is None
    assert change(20, 0) is None


def test_a_change_is_real_when_chance_does_not_explain_it() -> None:
    rng = np.random.default_rng(5)
    real = 0
    for _ in range(1_000):
        found = change(int(rng.poisson(200)), int(rng.poisson(200)))
        assert found is not None
        real += found.real
    assert 25 <= real <= 80  # 5% by chance
    twice = change(400, 200)
    assert twice is not None
    assert twice.real
    assert twice.high / twice.ratio == pytest.approx(
        math.exp(1.959964 * math.sqrt(1 / 400 + 1 / 200))
    )


@given(st.lists(st.none() | st.integers(K, 900), max_size=80), SEASONS)
def test_dispersion_is_never_less_than_chance(counts: list[int | None], season: int) -> None:
    assert dispersion_of(counts, season=season, k=K) >= 1


def test_dispersion_is_found_again() -> None:
    rng = np.random.default_rng(9)
    for excess in (1, 4, 16):
        found = [
            dispersion_of(_series(rng, 150, mean=300, excess=excess), season=7, k=K)
            for _ in range(40)
        ]
        assert 0.6 * excess < float(np.median(found)) < 2 * excess


def test_a_few_weeks_of_which_two_were_strange_do_not_make_everything_usual() -> None:
    *_, last = normal_range([20, 22, 25, 572, 580, 24, 60], season=1, k=K)
    assert last is not None
    assert last.high < 6 * last.expected
    # Much that was seen says more than what is thought likely beforehand.
    wild = [each for _ in range(40) for each in (10, 250)]
    assert dispersion_of(wild, season=1, k=K) > 20
