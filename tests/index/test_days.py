"""Counts of a period, which are sums of days that are remembered."""

from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.brute import BruteStore
from index.contract import Bin, Cell, Question
from index.days import Days
from index.local.store import LocalStore
from index.tally import Tally
from index.testing import TIMEZONE, fill, text_post
from index.values import bin_of, start_of
from rules.parser import parse
from stream.clock import DAY_MS, ManualClock
from stream.post import Post
from stream.testing import START

HOUR_MS = 3_600_000
QUERIES = ("fiets", "fiets NEAR/2 (straat OR weg)", "fiets SENTENCE straat")


@pytest.fixture(scope="module")
def posts() -> list[Post]:
    words = ("fiets op straat", "fiets", "weg met de fiets. straat", "straat")
    return [
        text_post(
            number,
            words[number % len(words)],
            author=f"{number % 2}-{number % 7:016x}{0:016x}",
            created_at=START - number * 5 * HOUR_MS,
        )
        for number in range(120)
    ]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, posts: list[Post]) -> Iterator[LocalStore]:
    folder = tmp_path_factory.mktemp("days")
    with closing(LocalStore(folder, clock=ManualClock(START), timezone=TIMEZONE, k=4)) as made:
        fill(made, posts)
        yield made


def moments() -> st.SearchStrategy[int | None]:
    """Beginnings of days, and moments within one."""
    days = st.integers(-3, 30).map(lambda back: date(2026, 11, 24) - timedelta(days=back))
    return (
        st.none()
        | days.map(lambda day: start_of(day, TIMEZONE))
        | st.integers(START - 30 * DAY_MS, START + DAY_MS)
    )


def questions() -> st.SearchStrategy[Question]:
    trees = st.sampled_from([None, *(parse(each).tree for each in QUERIES)])
    return st.builds(Question, query=trees, since=moments(), until=moments())


@settings(max_examples=150, deadline=None)
@given(questions(), st.sampled_from(["day", "week", "month"]))
def test_a_period_counts_what_lies_in_it(
    store: LocalStore, posts: list[Post], period: Question, step: Bin
) -> None:
    brute = BruteStore(posts, timezone=TIMEZONE, k=4)
    assert store.count(period) == brute.count(period)
    assert store.count_over_time(period, bin=step) == brute.table(period, (step,))
    assert store.top(period, by="kind") == brute.table(period, ("kind",))
    assert store.blocks(period, least=3) == brute.blocks(period, 3)


def test_new_posts_are_counted(tmp_path: Path) -> None:
    with closing(LocalStore(tmp_path, clock=ManualClock(START), timezone=TIMEZONE, k=4)) as made:
        for number in (1, 2, 3):
            fill(made, [text_post(number, "fiets")])
            assert made.count(Question()).posts == number


def test_days_are_counted_once_until_posts_change() -> None:
    counted: list[Question] = []

    def count(question: Question) -> Tally:
        counted.append(question)
        tally = Tally(4)
        tally.add(("2026-11-23",), 2, [(0, 1)])
        tally.add(("2026-11-24",), 3, [(0, 2)])
        return tally

    days = Days(count, timezone=TIMEZONE)
    second = start_of(date(2026, 11, 24), TIMEZONE)
    asked = [Question(since=second), Question(until=second), Question()]
    found = [days.of(each, state=1).merged(lambda _key: ()).cell() for each in asked]
    assert found == [Cell(3, 1), Cell(2, 1), Cell(5, 2)]
    assert counted == [Question()]
    days.of(asked[0], state=2)
    assert counted == [Question(), Question()]
    within = Question(since=second + 1)
    days.of(within, state=2)
    assert counted[2:] == [within]


def test_a_bin_of_whole_days() -> None:
    assert [bin_of("2026-11-24", each) for each in ("day", "week", "month")] == [
        "2026-11-24",
        "2026-W48",
        "2026-11",
    ]
    with pytest.raises(ValueError, match="no bin of whole days"):
        bin_of("2026-11-24", "hour")
