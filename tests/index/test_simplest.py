"""A question is answered as the simplest one that differs from it by fewer than k authors."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index.brute import BruteStore
from index.conditions import conditions
from index.contract import Dimension, Question, TooBroad
from index.function import MOST, names_of
from index.local.store import LocalStore
from index.order import in_order
from index.simplest import Differ, settled, simplest, with_dates
from index.steps import steps
from index.testing import TIMEZONE, fill
from rules.errors import QueryError
from rules.evaluator import evaluate
from rules.parser import parse
from rules.testing import tokenised_posts, trees
from rules.tokens import tokenise
from rules.tree import And, Field, Near, Node, Not, Of, Or, Term
from stream.clock import DAY_MS, ManualClock
from stream.post import Label, Post
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
    assert ask(query, [*COMMON, *RARE]).query == (in_order(parse(simple).tree) if simple else None)


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
    found = ask(query, [*COMMON, *apart, *longer, *between]).query
    assert found == in_order(parse(simple).tree)


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


def few_differ(posts: Sequence[Post], *, least: int) -> Differ:
    """Whether two questions differ by so many authors, by looking at all posts."""
    brute = BruteStore(posts, timezone=TIMEZONE, k=K)
    return lambda first, second: brute.differ(first, second, least)


def turned(node: Node) -> Node:
    """The same wish with the operands the other way round, wherever that makes no difference."""
    match node:
        case And() | Or():
            return type(node)(tuple(map(turned, reversed(node.children))))
        case Of():
            return Of(node.least, tuple(map(turned, reversed(node.members))))
        case Not():
            return Not(turned(node.child), exclude=node.exclude)
        case Near():
            sides = turned(node.left), turned(node.right)
            left, right = sides if node.ordered else sides[::-1]
            return Near(left, right, node.distance, node.ordered)
        case _:
            return node


SOME = st.lists(tokenised_posts(), min_size=1, max_size=12, unique_by=lambda post: post.id)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(trees(), SOME, st.integers(1, 4))
def test_the_simplest_is_one_whatever_the_order_and_stays_so(
    tree: Node, posts: list[Post], least: int
) -> None:
    differ = few_differ(posts, least=least)
    once = simplest(Question(query=tree), differ)
    assert simplest(once, differ) == once
    assert simplest(Question(query=turned(tree)), differ) == once
    assert all(
        differ(once, msgspec.structs.replace(once, query=each)) for each, _ in steps(once.query)
    )


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(trees(), SOME)
def test_where_one_author_is_a_difference_the_simplest_finds_the_same(
    tree: Node, posts: list[Post]
) -> None:
    brute = BruteStore(posts, timezone=TIMEZONE, k=K)
    asked = Question(query=tree)
    assert brute.matching(simplest(asked, few_differ(posts, least=1))) == brute.matching(asked)


def plainly(question: Question, differ: Differ) -> Question:
    """The simplest as it is defined: every step is tried until one makes no difference; then all
    that follow, and then those before.
    """
    tree, place = in_order(question.query) if question.query is not None else None, 0
    while simpler := [each for each, _ in steps(tree)]:
        for number in (*range(place, len(simpler)), *range(min(place, len(simpler)))):
            other = msgspec.structs.replace(question, query=simpler[number])
            if not differ(msgspec.structs.replace(question, query=tree), other):
                tree, place = simpler[number], number
                break
        else:
            break
    return msgspec.structs.replace(question, query=None if tree is None else in_order(tree))


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(trees(), SOME, st.integers(1, 4))
def test_what_is_known_to_make_a_difference_is_not_tried_again_and_nothing_else(
    tree: Node, posts: list[Post], least: int
) -> None:
    differ = few_differ(posts, least=least)
    assert simplest(Question(query=tree), differ) == plainly(Question(query=tree), differ)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.sets(st.sampled_from("abcdefgh"), min_size=1), min_size=10, max_size=60),
    st.sampled_from(["{} OR {}", "a NOT ({} OR {})", "(a OR b) NOT ({} OR {})", "{} {}"]),
    st.integers(1, 6),
)
def test_so_it_is_where_many_words_are_kept_out_or_stand_side_by_side(
    words: list[set[str]], query: str, least: int
) -> None:
    posts = [
        post for n, some in enumerate(words) for post in texts(*sorted(some), count=1, first=n)
    ]
    asked = Question(query=parse(query.format("b OR c OR d", "e OR f OR g OR h")).tree)
    tried = list[tuple[Question, Question]]()
    differ = few_differ(posts, least=least)

    def counted(first: Question, second: Question) -> bool:
        tried.append((first, second))
        return differ(first, second)

    assert simplest(asked, counted) == plainly(asked, differ)
    assert len(set(tried)) == len(tried)


@pytest.mark.parametrize("query", ["huis NOT laan", "NOT laan huis"])
@pytest.mark.parametrize(("both", "simple"), [(0, Term("huis")), (20, Not(Term("laan")))])
def test_a_not_goes_before_a_word_where_either_can(query: str, both: int, simple: Node) -> None:
    """Nearly everybody writes of one of them; where many write of both the NOT must stay."""
    posts = [
        *texts("huis", count=20),
        *texts("laan", count=20, first=100),
        *texts("huis", "laan", count=both, first=200),
        *texts("straat", count=K - 1, first=300),
    ]
    asked = Question(query=parse(query).tree)
    assert simplest(asked, few_differ(posts, least=K)).query == simple


def test_of_two_words_for_the_same_one_stays_and_always_the_same() -> None:
    posts = [*texts("een", "huis", count=20), *texts("straat", count=20, first=100)]
    differ = few_differ(posts, least=K)
    for query in ("een huis", "huis een", "huis OR een", "een OR huis"):
        assert simplest(Question(query=parse(query).tree), differ).query == Term("huis")


def test_a_question_of_very_many_words_is_too_broad(ask: Ask) -> None:
    query = " OR ".join(f"woord{n}" for n in range(101))
    with pytest.raises(TooBroad, match="keyword list"):
        ask(f"fiets OR {query}", COMMON)


@given(st.lists(trees(), min_size=2, max_size=4))
def test_the_order_of_operands_and_where_a_not_stands_are_one_wish(nodes: list[Node]) -> None:
    some, turned = tuple(nodes), tuple(reversed(nodes))
    assert wish(And(some)) == wish(And(turned))
    assert wish(Or(some)) == wish(Or(turned))
    apart = Or(tuple(Not(node) for node in nodes))
    assert wish(Not(And(some))) == wish(apart)


@given(st.lists(trees(), min_size=3, max_size=3))
def test_what_means_the_same_is_one_wish(nodes: list[Node]) -> None:
    one, two, three = nodes
    same: list[tuple[Node, Node]] = [
        (And((one, Or((two, three)))), Or((And((one, two)), And((one, three))))),
        (Or((one, And((one, two)))), one),
        (And((one, Or((two, Not(two))))), one),
        (Of(2, (one, two, three)), Or((And((one, Or((two, three)))), And((two, three))))),
    ]
    for left, right in same:
        if len(names_of(left, repr) | names_of(right, repr)) <= MOST:
            assert wish(left) == wish(right)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("lang:nl fiets", "lang:nl fiets NOT lang:en"),
        ("lang:nl fiets", "lang:nl (fiets OR lang:en)"),
        ("lang:nl,en fiets", "(lang:nl OR lang:en) fiets NOT (lang:nl lang:en)"),
        ("fiets lang:nl", "fiets lang:nl NOT (source:a source:b)"),
        ("fiets NOT lang:nl", "(fiets OR (lang:en lang:tr)) NOT lang:nl"),
    ],
)
def test_a_post_has_one_language_and_one_source(one: str, other: str) -> None:
    assert wish(parse(one).tree) == wish(parse(other).tree)


@pytest.mark.parametrize(("by", "wishes"), [("language", 1), ("rule", 2)])
def test_in_a_cell_the_other_values_of_its_dimension_do_not_hold(
    by: Dimension, wishes: int
) -> None:
    """A post has one language, and may be of several rules."""
    other = "NOT lang:en" if by == "language" else "NOT rule:een"
    asked = (Question(query=parse(each).tree) for each in ("fiets", f"fiets {other}"))
    assert len({conditions(each, (by,), ("nl",), timezone=TIMEZONE) for each in asked}) == wishes


CONDITIONS = st.sampled_from(
    [
        *map(Term, ("een", "huis")),
        *(Field(name, (each,)) for name in ("lang", "kind") for each in ("nl", "en", "de")),
        Field("lang", ("nl", "de")),
    ]
)


def several(nodes: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    some = st.lists(nodes, min_size=2, max_size=3).map(tuple)
    return st.builds(And, some) | st.builds(Or, some) | st.builds(Not, nodes)


EVERY_POST = [
    make_post(
        text=text,
        tokens=tokenise(text),
        lang=Label(value=lang, confidence=0.9, model="m", version="1"),
        kind=kind,
    )
    for text in ("", "een", "huis", "een huis")
    for lang in ("nl", "en", "de", "fr", None)
    for kind in ("nl", "en", "de", "fr")
]


@given(
    st.recursive(CONDITIONS, several, max_leaves=6), st.recursive(CONDITIONS, several, max_leaves=6)
)
def test_two_are_one_wish_exactly_where_the_same_posts_answer_them(one: Node, other: Node) -> None:
    first, second = ([evaluate(each, post).matched for post in EVERY_POST] for each in (one, other))
    assert (wish(one) == wish(other)) is (first == second)
    assert wish(And((one, other))) == wish(And((one, Or((other, Not(one))))))


def test_what_means_something_else_is_another_wish() -> None:
    words = (
        "a AND b",
        "a OR b",
        "a NOT b",
        "b NOT a",
        "a OR (b AND c)",
        "2 OF (a, b, c)",
        "lang:nl,en a",
    )
    assert len({wish(parse(each).tree) for each in words}) == len(words)
    assert wish(parse("lang:nl,en a").tree) == wish(parse("lang:en a OR lang:nl a").tree)


def wish(tree: Node) -> str:
    return conditions(Question(query=tree), (), (), timezone=TIMEZONE)


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
