from collections import Counter
from collections.abc import Sequence
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from index.contract import Cell, RolledUp
from index.rollups import ANY, PHENOMENA, VOLUMES, publishable, roll_up
from index.series import Series
from index.tally import Key, Tally
from privacy.suppress import Thresholds
from stream.partitions import Partition

K = 3
POSTS = st.lists(
    st.tuples(
        st.sampled_from(["2026-11-23T09", "2026-11-23T10", "2026-11-24T09"]),
        st.sampled_from(["news", "forum"]),
        st.sampled_from(["nl", "tr", "?"]),
        st.integers(0, 12),
    ),
    max_size=60,
)


def tally(posts: list[tuple[str, str, str, int]], *, k: int = 100) -> Tally:
    result = Tally(k)
    for hour, source, language, author in posts:
        result.add((hour, source, language), 1, [(1, author)])
    return result


def inside(name: Key, key: Key) -> bool:
    """Whether a post counted in `key` may have gone to the cell `name`."""
    return key[0].startswith(name[0]) and all(
        wide in (ANY, narrow) for wide, narrow in zip(name[1:], key[1:], strict=True)
    )


@given(POSTS)
def test_no_cell_that_is_kept_is_small(posts: list[tuple[str, str, str, int]]) -> None:
    for cell in publishable(tally(posts), VOLUMES, lambda _key: K).values():
        assert cell.posts >= K
        assert cell.authors >= K


@given(POSTS)
def test_a_day_that_is_large_enough_loses_no_post(posts: list[tuple[str, str, str, int]]) -> None:
    kept = publishable(tally(posts), VOLUMES, lambda _key: K)
    for day in ("2026-11-23", "2026-11-24"):
        there = [post for post in posts if post[0].startswith(day)]
        counted = sum(cell.posts for key, cell in kept.items() if key[0].startswith(day))
        if any(key[0].startswith(day) for key in kept):
            assert counted == len(there)
        else:  # then all of the day together are too small
            assert len(there) < K or len({post[3] for post in there}) < K


@given(POSTS)
def test_what_is_left_out_or_joined_was_too_small_by_itself(
    posts: list[tuple[str, str, str, int]],
) -> None:
    fine = tally(posts)
    kept = publishable(fine, VOLUMES, lambda _key: K)
    for key in fine.keys():  # noqa: SIM118  (a tally is no mapping)
        cell = fine.cell(key)
        if key in kept:
            assert kept[key] == cell
        elif cell.posts >= K and cell.authors >= K:
            # Large enough, and yet joined: only to protect a small one of its day.
            assert any(ANY in name and inside(name, key) for name in kept)


@given(POSTS)
def test_the_order_of_the_posts_changes_nothing(posts: list[tuple[str, str, str, int]]) -> None:
    one, other = (
        publishable(tally(found), VOLUMES, lambda _key: K) for found in (posts, posts[::-1])
    )
    assert one == other


def test_tones_languages_and_days_are_joined_until_there_are_enough() -> None:
    counts = Tally(100)
    for number in range(4):
        counts.add(("2026-11-23", "r@1", "nl", "negative"), 1, [(1, number)])
        counts.add(("2026-11-23", "r@1", "tr", "?"), 1, [(1, 10 + number % 2)])
    counts.add(("2026-11-24", "r@1", "nl", "neutral"), 1, [(1, 20)])
    kept = publishable(counts, PHENOMENA, lambda _key: K)
    assert kept == {
        ("2026-11-23", "r@1", "nl", "negative"): Cell(4, 4),
        ("2026-W48", "r@1", ANY, ANY): Cell(5, 3),
    }


def test_a_special_category_has_a_higher_threshold_and_authors_a_band() -> None:
    def count(dimensions: Sequence[str], k: int) -> Tally:
        result = Tally(k)
        if "hour" in dimensions:
            return result
        for number in range(30):
            for rule in ("small", "special") if number < 20 else ("special", "large"):
                result.add(("2026-11-23", f"{rule}@1", "nl", "?"), 1, [(1, number)])
        return result

    kept = roll_up(count, Thresholds(10, lambda rule: rule == "special")).phenomena
    assert {key[1]: cell for key, cell in kept.items()} == {
        "large@1": Cell(10, 10),
        "small@1": Cell(20, 10),
        "special@1": Cell(30, 25),
    }


@pytest.fixture
def series(database: Engine) -> Series:
    return Series(database)


COUNTS = RolledUp(
    volumes={
        ("2026-11-23T09", "news", "nl"): Cell(20, 10),
        ("2026-11-30", ANY, ANY): Cell(11, 10),
    },
    phenomena={
        ("2026-11-30", "r@1", "nl", "negative"): Cell(12, 10),
        ("2026-11-30", "r@2", "nl", "negative"): Cell(13, 10),
        ("2026-W49", "r@2", ANY, ANY): Cell(14, 10),
        ("2026-11-30", "other@1", ANY, ANY): Cell(15, 10),
    },
    shadows={
        ("2026-11-29", "r@1"): Cell(16, 10),
        ("2026-11-30", "r@1"): Cell(17, 10),
        ("2026-11-30", "r@3"): Cell(18, 10),
        ("2026-11-30", "other@2"): Cell(19, 10),
    },
)
FIRST = Partition("kept", date(2027, 2, 22))


def test_saving_twice_changes_nothing_and_partitions_add_up(series: Series) -> None:
    for _ in range(2):
        series.save(FIRST, COUNTS)
    assert series.volumes(bin="week") == {"2026-W48": 20, "2026-W49": 11}
    assert series.phenomenon("r", bin="week") == {"2026-W49": 39}
    series.save(Partition("kept", date(2027, 3, 1)), COUNTS)
    assert series.phenomenon("r", bin="week") == {"2026-W49": 78}
    counts = [series.volumes(bin="week"), series.phenomenon("r", bin="month")]
    assert {type(posts) for each in counts for posts in each.values()} == {int}


def test_versions_are_told_apart_and_so_is_what_was_not_shown(series: Series) -> None:
    for _ in range(2):
        series.save(FIRST, COUNTS)
    assert series.versions("r", bin="week") == {"r@1": {"2026-W49": 12}, "r@2": {"2026-W49": 27}}
    assert series.versions("r", bin="day") == {
        "r@1": {"2026-11-30": 12},
        "r@2": {"2026-11-30": 13},
    }
    assert series.shadows("r", bin="week") == {
        "r@1": {"2026-W48": 16, "2026-W49": 17},
        "r@3": {"2026-W49": 18},
    }
    assert series.shadows("r", bin="day") == {
        "r@1": {"2026-11-29": 16, "2026-11-30": 17},
        "r@3": {"2026-11-30": 18},
    }
    assert series.phenomenon("r", bin="week") == {"2026-W49": 39}
    assert series.parts("r@1") == {}
    for day in (30, 31):
        series.save(Partition("recent", date(2026, 12, day)), COUNTS)
    assert series.parts("r@1") == {"2026-11-29": 2, "2026-11-30": 2}


def test_of_a_shadow_only_days_with_enough_are_kept() -> None:
    def count(dimensions: Sequence[str], k: int) -> Tally:
        result = Tally(k)
        if "shadow" not in dimensions:
            return result
        for day, authors in (("2026-11-23", 12), ("2026-11-24", 4), ("2026-11-25", 7)):
            for number in range(authors):
                result.add((day, "r@1"), 1, [(1, number + 100 * int(day[-2:]))])
                result.add((day, "special@1"), 1, [(1, number)])
        return result

    kept = roll_up(count, Thresholds(10, lambda rule: rule == "special")).shadows
    assert {key: cell.posts for key, cell in kept.items()} == {
        ("2026-11-23", "r@1"): 12,
    }


def test_a_week_counts_in_the_month_of_its_thursday(series: Series) -> None:
    series.save(FIRST, COUNTS)
    months = Counter(series.phenomenon("r", bin="month"))
    assert months == {"2026-11": 25, "2026-12": 14}


def test_counts_are_forgotten_after_their_years(series: Series) -> None:
    series.save(FIRST, COUNTS)
    assert series.forget(date(2026, 11, 30)) == 2
    assert series.volumes(bin="week") == {"2026-W49": 11}
    assert series.forget(date(2027, 1, 1)) == 8
    assert series.phenomenon("r", bin="week") == {}
    assert series.shadows("r", bin="week") == {}
