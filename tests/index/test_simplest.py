"""A question is answered as the simplest one that differs from it by fewer than k authors."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.conditions import conditions
from index.contract import Question, TooBroad
from index.local.store import LocalStore
from index.simplest import settled, with_dates
from index.testing import TIMEZONE, fill
from rules.errors import QueryError
from rules.parser import parse
from rules.testing import trees
from rules.tokens import tokenise
from rules.tree import And, Node, Not, Or
from stream.clock import DAY_MS, ManualClock
from stream.post import Post
from stream.testing import START, make_post

K = 5
TODAY = date(2026, 10, 20)
"""Weeks after START."""

Ask = Callable[..., Question]


def texts(*words: str, count: int, first: int = 0, days: int = 1) -> list[Post]:
    """So many posts of these words by as many people, spread over days."""
    text = " ".join(words)
    return [
        make_post(
            first + n,
            text=text,
            tokens=tokenise(text),
            keep="all",
            created_at=START + (n % days) * DAY_MS,
        )
        for n in range(count)
    ]


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Ask]:
    """What is asked of a store with these posts in place of a query."""
    stores: list[LocalStore] = []

    def call(
        query: str, posts: Sequence[Post], *, today: date = TODAY, until: int | None = None
    ) -> Question:
        store = LocalStore(
            tmp_path / str(len(stores)), clock=ManualClock(START), timezone=TIMEZONE, k=K
        )
        stores.append(store)
        fill(store, posts)
        question = Question(query=parse(query).tree if query else None, until=until)
        question = with_dates(question, query, timezone=TIMEZONE)
        return settled(question, store, least=K, today=today, timezone=TIMEZONE)

    yield call
    for store in stores:
        store.close()


COMMON = [
    *texts("fiets", "buurt", count=20),
    *texts("auto", "buurt", count=20, first=100),
    *texts("straat", count=20, first=200),
]
RARE = texts("fiets", "zeldzaam", count=K - 1, first=900)


@pytest.mark.parametrize(
    ("query", "simple"),
    [
        ("fiets OR zeldzaam", "fiets"),
        ("straat OR zeldzaam", "straat"),
        ("straat NOT zeldzaam", "straat"),
        ("buurt NOT (fiets zeldzaam)", "buurt"),
        ("buurt (NOT fiets OR NOT zeldzaam)", "buurt"),
        ("buurt (fiets OR straat)", "fiets"),
        ("straat OR 2 OF (fiets, zeldzaam, auto)", "straat"),
        ("fiets OR auto", "fiets OR auto"),
        ("straat OR kind:post,reply", ""),
        ("straat OR (fiets OR zeldzaam) NEAR/3 buurt", "straat OR fiets"),
    ],
)
def test_an_operand_of_few_people_has_no_effect(ask: Ask, query: str, simple: str) -> None:
    assert ask(query, [*COMMON, *RARE]).query == (parse(simple).tree if simple else None)


@pytest.mark.parametrize(
    ("query", "simple"),
    [
        ("fiets NEAR/5 buurt", "fiets NEAR/0 buurt"),
        ("fiets ONEAR/5 buurt", "fiets NEAR/0 buurt"),
        ('"fiets buurt"~3', '"fiets buurt"'),
        ("straatwe*", "straatw*"),
        ("fietspad*", "fietspad"),
        ("lemma:straat", "straat"),
        ("part:straat", "straat"),
        ('case:"straat"', "straat"),
    ],
)
def test_what_makes_no_difference_is_written_in_the_simplest_way(
    ask: Ask, query: str, simple: str
) -> None:
    """So two such questions have one answer, whoever wrote what lies between them."""
    apart = texts("fiets", "weg", "weg", "weg", "weg", "weg", "weg", "buurt", count=20, first=500)
    longer = texts("fietspad", "straatwerk", count=20, first=600)
    between = texts("fiets", "weg", "weg", "buurt", count=K - 1, first=800)
    assert ask(query, [*COMMON, *apart, *longer, *between]).query == parse(simple).tree


def test_less_than_k_people_are_not_compared_with_everything(ask: Ask) -> None:
    rare = ask("zeldzaam", [*COMMON, *RARE])
    assert rare.query == parse("zeldzaam").tree
    assert rare.until == 0


def test_settling_twice_changes_nothing(ask: Ask) -> None:
    once = ask("(fiets OR zeldzaam) NOT auto", [*COMMON, *RARE])
    assert once.query == parse("fiets").tree


def test_a_period_ends_where_k_authors_are_together(ask: Ask) -> None:
    posts = texts("fiets", count=2 * K, days=2 * K)  # one a day
    ends = {ask("fiets", posts, until=START + n * DAY_MS).until for n in range(2 * K + 2)}
    assert 0 in ends
    assert len(ends) == 3  # nothing yet, the first block, both


def test_today_is_not_counted_yet(ask: Ask) -> None:
    posts = texts("fiets", count=20)
    day = date(2026, 9, 21)
    assert ask("fiets", posts, today=day).until == 0
    assert ask("fiets", posts, today=date(2026, 9, 22)).until != 0


def test_one_more_post_of_today_changes_nothing_tomorrow(ask: Ask) -> None:
    """It waits for the block of k authors that it will belong to."""
    posts = texts("fiets", count=2 * K, days=2)
    (new,) = texts("fiets", count=1, first=700)
    new = msgspec.structs.replace(new, created_at=START + 3 * DAY_MS)
    tomorrow = date(2026, 9, 25)
    assert ask("fiets", [*posts, new], today=tomorrow) == ask("fiets", posts, today=tomorrow)
    many = [
        msgspec.structs.replace(post, created_at=START + 3 * DAY_MS)
        for post in texts("fiets", count=K, first=700)
    ]
    later = ask("fiets", [*posts, *many], today=tomorrow).until
    assert (later or 0) > START + 3 * DAY_MS


def test_dates_are_a_period_and_stand_for_the_whole_question(ask: Ask) -> None:
    question = with_dates(
        Question(query=parse("fiets date:2026-09").tree), "fiets date:2026-09", timezone=TIMEZONE
    )
    assert question.query == parse("fiets").tree
    assert question.since is not None
    with pytest.raises(QueryError, match="line 1, column 10: date: as a condition") as error:
        ask("fiets OR date:2026-09", COMMON)
    assert len(error.value.problems) == 1


def test_a_question_of_very_many_words_is_too_broad(ask: Ask) -> None:
    query = " OR ".join(f"woord{n}" for n in range(101))
    with pytest.raises(TooBroad, match="keyword list"):
        ask(f"fiets OR {query}", COMMON)


@given(st.lists(trees(), min_size=2, max_size=4))
def test_the_order_of_operands_and_where_a_not_stands_are_one_wish(nodes: list[Node]) -> None:
    def written(tree: Node) -> str:
        return conditions(Question(query=tree), (), (), timezone=TIMEZONE)

    some, turned = tuple(nodes), tuple(reversed(nodes))
    assert written(And(some)) == written(And(turned))
    assert written(Or(some)) == written(Or(turned))
    apart = Or(tuple(Not(node) for node in nodes))
    assert written(Not(And(some))) == written(apart)
    assert written(And(some)) != written(Or(some)) or len(set(map(repr, nodes))) == 1


def test_a_cell_is_the_same_wish_as_the_question_for_it() -> None:
    whole = Question(query=parse("fiets").tree)
    cell = conditions(whole, ("language",), ("nl",), timezone=TIMEZONE)
    asked = conditions(Question(query=parse("lang:nl fiets").tree), (), (), timezone=TIMEZONE)
    assert cell == asked
    day = conditions(whole, ("day",), ("2026-09-21",), timezone=TIMEZONE)
    question = with_dates(
        Question(query=parse("fiets date:2026-09-21").tree), "", timezone=TIMEZONE
    )
    assert day == conditions(question, (), (), timezone=TIMEZONE)
