import tracemalloc
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rules.documents import Example, example_post
from rules.errors import QueryError
from rules.evaluator import Reading, holds, spans
from rules.lint.alone import Groups, enough
from rules.lint.contradiction import always, never
from rules.lint.logic import exclude_each_other, implies, must_occur, same_spans
from rules.lint.redundancy import (
    covered_branches,
    dead_branches,
    double_members,
    idle_conditions,
)
from rules.parser import parse
from rules.testing import tokenised_posts, trees
from rules.tokens import tokenise
from rules.tree import (
    And,
    Cased,
    Dates,
    Field,
    Keywords,
    Lemma,
    Near,
    Node,
    Not,
    Of,
    Or,
    Part,
    Phrase,
    Prefix,
    Term,
    Together,
    children,
    is_positional,
)  # fmt: skip
from rules.written import written
from stream.post import Post

FEW = ("huis", "huizen", "woning", "#woning", "de")


@st.composite
def leaves(draw: st.DrawFn) -> Node:
    form = st.sampled_from(FEW)
    kind = draw(st.integers(0, 5))
    if kind == 0:
        return Prefix(draw(st.sampled_from(["huiz", "woni", "#woni", "wo"])))
    if kind == 1:
        forms = draw(st.lists(form, min_size=2, max_size=3))
        return Phrase(tuple(forms), draw(st.integers(0, 2)))
    if kind == 2:
        return Cased(draw(st.sampled_from([("Woning",), ("#woning",), ("de", "Woning")])))
    return (Term, Term, Lemma, Part)[kind - 2](draw(form))


def _few_words() -> st.SearchStrategy[Node]:
    leaf = leaves()
    near = st.builds(Near, leaf, leaf, st.integers(0, 2), st.booleans())
    placed = st.one_of(leaf, near, st.builds(Together, leaf, leaf))
    either = st.lists(placed, min_size=2, max_size=3).map(tuple)
    wider = st.one_of(
        placed,
        st.builds(Or, either),
        st.builds(lambda nodes: Keywords("list", 1, nodes), either),
        st.builds(Near, st.builds(Or, either), leaf, st.integers(0, 2), st.booleans()),
    )
    field = st.one_of(
        st.builds(lambda value: Field("lang", (value,)), st.sampled_from(["nl", "en"])),
        st.builds(lambda year: Dates(date(year, 1, 1), date(year + 1, 1, 1)), st.just(2026)),
    )

    def combine(below: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
        several = st.lists(below, min_size=2, max_size=3, unique=True).map(tuple)
        return st.one_of(
            st.builds(And, several),
            st.builds(Or, several),
            st.builds(Not, below),
            several.flatmap(
                lambda nodes: st.builds(Of, st.integers(1, len(nodes)), st.just(nodes))
            ),
        )

    return st.recursive(st.one_of(wider, field), combine, max_leaves=5)


FEW_WORDS, ANY = _few_words(), trees()


@st.composite
def queries(draw: st.DrawFn) -> Node:
    """Any, and those of so few words that much follows from each other in them."""
    return draw(FEW_WORDS) if draw(st.booleans()) else draw(ANY)


def reading(post: Post) -> Reading:
    return Reading(post, "Europe/Amsterdam")


def below(node: Node) -> Iterator[Node]:
    yield node
    for child in children(node):
        yield from below(child)


def without(node: Node, dropped: set[int]) -> Node:
    """`node` without the branches and conditions of these identities."""
    match node:
        case And():
            left = [without(each, dropped) for each in node.children if id(each) not in dropped]
            return And(tuple(left))
        case Or():
            left = [without(each, dropped) for each in node.children if id(each) not in dropped]
            return Or(tuple(left))
        case Not():
            return Not(without(node.child, dropped))
        case Near():
            sides = without(node.left, dropped), without(node.right, dropped)
            return Near(*sides, node.distance, node.ordered)
        case Together():
            return Together(without(node.left, dropped), without(node.right, dropped))
        case Of():
            return Of(node.least, tuple(without(each, dropped) for each in node.members))
        case _:
            return replace(node)


POSTS = st.lists(tokenised_posts(), min_size=1, max_size=8)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Node, Node]:
    """Two queries; or two parts of one, which more often have to do with each other."""
    first = draw(queries())
    if draw(st.booleans()):
        return first, draw(queries())
    parts = list(below(first))
    return draw(st.sampled_from(parts)), draw(st.sampled_from(parts))


@given(pairs(), POSTS)
@settings(max_examples=400)
def test_what_follows_is_so_of_every_post(pair: tuple[Node, Node], posts: list[Post]) -> None:
    first, second = pair
    for each in map(reading, posts):
        if holds(first, each):
            assert not (implies(first, second) and not holds(second, each))
            assert not (exclude_each_other(first, second) and holds(second, each))
            assert all(holds(word, each) for word in must_occur(first))
        if is_positional(first) and is_positional(second) and same_spans(first, second):
            assert set(spans(first, each)) <= set(spans(second, each))


@given(queries(), POSTS)
@settings(max_examples=400)
def test_what_is_never_true_matches_no_post(tree: Node, posts: list[Post]) -> None:
    matched = [holds(tree, reading(post)) for post in posts]
    assert not (never(tree) and any(matched))
    assert not (always(tree) and not all(matched))


@given(queries(), POSTS)
@settings(max_examples=400)
def test_what_adds_nothing_can_be_taken_out(tree: Node, posts: list[Post]) -> None:
    tree = without(tree, set())  # no part of it is another one's as well
    found = [
        [each.part for each in covered_branches(tree)],
        [each.part for each in idle_conditions(tree)],
        list(dead_branches(tree)),
    ]
    for parts in found:
        thinner = without(tree, {id(part) for part in parts})
        for post in posts:
            assert holds(thinner, reading(post)) == holds(tree, reading(post))


@given(queries(), tokenised_posts())
@settings(max_examples=300)
def test_members_that_come_together_always_do(tree: Node, post: Post) -> None:
    for pair in double_members(tree):
        assert not holds(pair.part, reading(post)) or holds(pair.by, reading(post))


GROUPS = Groups(["huis", "huizen"])
ONLY_GROUPS = st.lists(
    st.sampled_from(["huis", "Huizen", "#huis", "de", "De", "alle", "‹iemand›", "."]),
    max_size=8,
).map(" ".join)


@given(queries(), ONLY_GROUPS, st.sampled_from(["nl", "en"]))
@settings(max_examples=600)
def test_what_matches_names_of_groups_alone_is_always_found(
    tree: Node, text: str, lang: str
) -> None:
    words = tuple(each for each in below(tree) if isinstance(each, Field) and each.name != "lang")
    if not words and holds(tree, reading(example_post(Example(text, lang=lang)))):
        assert enough(tree, GROUPS.is_name) is not None


@pytest.mark.parametrize(
    "query",
    [
        "a NOT a",
        'a "b c" NOT b',
        "fatbikes EXCLUDE (x OR fatb*)",
        "lang:nl lang:en a",
        "a lang:nl,en NOT lang:nl NOT lang:en",
        "a date:2025 date:2026",
        "a kind:post kind:reply",
        "2 OF ((lang:nl), (lang:en), a NOT a)",
        "2 OF (a, b NOT b)",
        "a (b NOT a OR c NOT a)",
        "case:AZC NOT azc",
        "(a NEAR/3 b) NOT (a NEAR/5 b)",
        "#tag NOT tag",
        "NOT (NOT a) NOT a",
    ],
)
def test_it_is_seen_that_a_query_is_never_true(query: str) -> None:
    assert never(parse(query).tree)


@pytest.mark.parametrize(
    ("query", "part", "by"),
    [
        ("huizen* OR huizenprijs", "huizenprijs", "huizen*"),
        ('woning OR "geen woning"', '"geen woning"', "woning"),
        ("a OR b OR A", "A", "a"),
        ("a OR (a b)", "(a b)", "a"),
        ("#woning OR woning", "#woning", "woning"),
        ("a NEAR/3 b OR a NEAR/9 b", "a NEAR/3 b", "a NEAR/9 b"),
        ("b ONEAR/3 a OR a NEAR/3 b", "b ONEAR/3 a", "a NEAR/3 b"),
        ('"a c"~1 OR "a c"', '"a c"', '"a c"~1'),
        ("case:AZC OR azc", "case:AZC", "azc"),
        ("(huizen OR huizen*) NEAR/2 b", "huizen", "huizen*"),
        ("a OR 2 OF (a, b) OR 3 OF (a b, a c, a d)", "3 OF (a b, a c, a d)", "a"),
    ],
)
def test_it_is_seen_what_another_branch_covers(query: str, part: str, by: str) -> None:
    tree = parse(query).tree
    (pair,) = covered_branches(tree)
    texts = [query[each.at.start : each.at.end] for each in (pair.part, pair.by)]
    assert texts == [part.strip("()"), by] or texts == [part, by]


@pytest.mark.parametrize(
    "query",
    [
        '(woning OR "geen woning") NEAR/3 duur',  # the phrase begins earlier
        "a ONEAR/3 b OR b ONEAR/3 a",
        "a NEAR/S b OR a NEAR/3 b",  # over the end of a sentence
        '"a b c" OR "a c"',
        "huis OR #huis*",
    ],
)
def test_what_only_seems_covered_is_not_told(query: str) -> None:
    assert not list(covered_branches(parse(query).tree))


@given(trees(), tokenised_posts())
@settings(max_examples=400)
def test_what_is_written_out_means_the_same(tree: Node, post: Post) -> None:
    lists = [each for each in below(tree) if isinstance(each, Keywords)]
    short = [each for each in below(tree) if isinstance(each, Prefix) and each.stem == "#won"]
    if lists or short:  # the one is not written out, the other no parser makes
        return
    wanted = And((Term("altijd"), tree))
    again = parse(written(wanted)).tree
    assert holds(again, reading(post)) == holds(wanted, reading(post))


@pytest.mark.parametrize(
    "query",
    [
        "a b OR c NOT d",
        "(a OR b) c EXCLUDE (d OR e)",
        "a OR b EXCLUDE c",
        "(a EXCLUDE b) OR c",
        '"or" "a b"~3 x huizen*',
        "(a NEAR/3 b) ONEAR/2 (c OR d)",
        '2 OF (a b, c OR d, "e f")',
        'case:"AZC Noord" lemma:lopen part:overlast',
        'a lang:nl,en date:2026-01..2026-03 place:"Den Haag"',
        "a date:2026-11-24 NOT (b c)",
        "a NOT (b EXCLUDE c)",
    ],
)  # fmt: skip
def test_what_is_written_out_is_read_as_the_same_tree(query: str) -> None:
    tree = parse(query).tree
    assert parse(written(tree)).tree == tree


ODD = st.text(
    st.sampled_from("ab1½,.:()[]<>\t\u2028 -–'’·#$~*/_éŉ🔥و") | st.characters(), max_size=8
)
VALUES = st.builds(
    lambda name, value: f'{name}"{value}"',
    st.sampled_from(
        ["", "", "source:", "platform:", "lang:", "place:", "lemma:", "part:", "case:"]
    ),
    ODD | st.sampled_from(["3,5", "a)b", "a\tb", "of", "near", "a,b c"]),
)
PARTS = st.lists(
    VALUES | st.sampled_from(["NOT", "OR", "(c OR d)", "2 OF (c, d)", "5", '"of"']), max_size=5
)


@given(PARTS.map(" ".join))
@example('"3,5"')
@example('source:"a)b"')
@example('source:"a\tb" OR x')
@example('5 "of" (c OR d)')
@settings(max_examples=500)
def test_whatever_is_in_it_what_is_written_out_is_read_as_the_same_tree(query: str) -> None:
    try:
        tree = parse(query).tree
    except QueryError:
        return
    if all(map(_can_be_written, below(tree))):
        assert parse(written(tree)).tree == tree


def _can_be_written(node: Node) -> bool:
    """Not so is a form that is no word itself, such as that of `½`, nor a place with a mark in it
    that only folding makes.
    """
    match node:
        case Term(form=word) | Lemma(word=word) | Part(word=word) | Prefix(stem=word):
            forms: tuple[str, ...] = (word,)
        case Phrase():
            forms = node.forms
        case Field(name="place"):
            return set(',@"“”„‟«»').isdisjoint("".join(node.values))
        case _:
            return True
    return all([each.forms[0] for each in tokenise(form)] == [form] for form in forms)


def kept_of(queries: Sequence[Sequence[str]]) -> int:
    """How many bytes stay in memory when it was seen what follows from words that all occur."""
    trees = [And(tuple(map(Term, words))) for words in queries]
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for tree in trees:
        must_occur(tree)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return after - before


def test_of_long_words_and_many_queries_little_is_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert kept_of([[f"{number}{'x' * 990}" for number in range(20)]]) < 500_000
    assert implies(Term("x" * 990), Prefix("x" * 10))
    assert implies(And((Term("a"), Prefix("x" * 990))), Prefix("x" * 990))
    monkeypatch.setattr("rules.lint.logic.MOST_KEPT", 10_000)
    words = [[f"{query}w{number}woorden" for number in range(200)] for query in range(40)]
    assert kept_of(words) < 4_000_000
