"""What NEAR means, span by span, and that a long text costs no more than its length."""

import time
import tracemalloc
from collections.abc import Sequence
from itertools import islice, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.documents import Example, example_post
from rules.evaluator import MAX_SPANS, Reading, evaluate, holds, spans
from rules.explain import explain
from rules.parser import parse
from rules.spans import Span
from rules.testing import texts, tokenised_posts, trees
from rules.tree import Keywords, Near, Node, Or, Phrase, Prefix, Term, Together, children, walk
from stream.post import Post, Token

ZONE = "Europe/Amsterdam"
LONGEST = 32_000
"""Characters of the longest text that comes through the gate."""


def as_defined(node: Node, post: Reading) -> set[Span]:
    """Every span of `node`: of a NEAR one of each two spans that stand as it wants them to."""
    match node:
        case Near():
            found = _apart(as_defined(node.left, post), as_defined(node.right, post), node.distance)
            if not node.ordered:
                found |= _apart(
                    as_defined(node.right, post), as_defined(node.left, post), node.distance
                )
            return found
        case Together():
            sides = [as_defined(side, post) for side in (node.left, node.right)]
            left, right = ([each for each in side if _in_one(each, post.tokens)] for side in sides)
            return {
                (min(one[0], other[0]), max(one[1], other[1]))
                for one, other in product(left, right)
                if one[1] <= other[0] or other[1] <= one[0]
                if post.tokens[one[0]].sentence == post.tokens[other[0]].sentence
            }
        case Phrase():
            return set(_in_order(node, post.tokens))
        case Or() | Keywords():
            return set[Span]().union(*(as_defined(each, post) for each in children(node)))
        case _:
            return set(spans(node, post))


def _apart(first: set[Span], second: set[Span], distance: int) -> set[Span]:
    return {
        (start, end)
        for start, before in first
        for after, end in second
        if 0 <= after - before <= distance
    }


def _in_one(span: Span, tokens: Sequence[Token]) -> bool:
    return tokens[span[0]].sentence == tokens[span[1] - 1].sentence


def _in_order(node: Phrase, tokens: Sequence[Token]) -> set[Span]:
    found = {(at, at + 1) for at, token in enumerate(tokens) if node.forms[0] in token.forms}
    for form in node.forms[1:]:
        found = {
            (start, at + 1)
            for start, end in found
            for at in range(end, len(tokens))
            if form in tokens[at].forms
        }
    longest = len(node.forms) + node.slop
    return {(start, end) for start, end in found if end - start <= longest}


def _beside(below: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    distances = st.sampled_from([0, 0, 1, 2, 5, 50])
    return st.one_of(
        st.builds(Near, below, below, distances, st.booleans()),
        st.builds(Together, below, below),
        st.builds(Or, st.tuples(below, below)),
    )


FORMS = st.sampled_from(["huis", "de", "geen", "🔥"])
NESTED = st.recursive(
    st.one_of(
        st.builds(Term, FORMS), st.builds(Term, FORMS), st.builds(Prefix, st.just("huiz")),
        st.builds(Phrase, st.lists(FORMS, min_size=2, max_size=4).map(tuple), st.integers(0, 3)),
    ),
    _beside,
    max_leaves=8,
)  # fmt: skip
"""NEARs within NEARs."""

REPEATING = st.lists(
    st.sampled_from(["huis", "huis", "de", "de", "geen", "🔥", "huizen", "huis. De", "\n"]),
    max_size=20,
).map(" ".join)


def reading(post: Post) -> Reading:
    return Reading(post, ZONE)


def of_text(text: str) -> Reading:
    return reading(example_post(Example(text)))


def agrees(tree: Node, post: Reading) -> None:
    defined = as_defined(tree, post)
    assert holds(tree, post) == bool(defined)
    assert set(spans(tree, post)) == defined


@given(NESTED, REPEATING)
@settings(max_examples=300)
def test_a_near_has_the_spans_that_it_is_defined_by(tree: Node, text: str) -> None:
    agrees(tree, of_text(text))


@given(trees(), st.one_of(tokenised_posts(), texts().map(lambda t: example_post(Example(t)))))
@settings(max_examples=150)
def test_so_has_every_part_of_any_query(tree: Node, post: Post) -> None:
    for each in walk(tree):
        if isinstance(each, Near | Together | Phrase):
            agrees(each, reading(post))


@given(NESTED, REPEATING)
def test_spans_come_in_order_and_each_once(tree: Node, text: str) -> None:
    if isinstance(tree, Near | Together):
        found = list(spans(tree, of_text(text)))
        assert found == sorted(set(found))


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("(a NEAR/S b) NEAR/0 c", "a b b c"),  # no shorter span reaches c
        ("((a NEAR/S b) NEAR/0 c) NEAR/0 d", "d a a b b c"),
        ("c NEAR/S (a NEAR/S b)", "a c a b"),
        ("c NEAR/3 (a NEAR/S b)", "c a. x b a"),
    ],
)
def test_a_longer_span_counts_where_a_shorter_one_does_not_reach(query: str, text: str) -> None:
    assert holds(parse(query).tree, of_text(text))


def match_and_explain(query: str, text: str) -> None:
    tree, post = parse(query).tree, example_post(Example(text))
    evaluate(tree, post)
    explain(tree, post, query=query)


ENDLESS = [
    ("(auto NEAR/S fiets) NEAR/S brand", "brand ", "auto fiets "),
    ("(auto NEAR/S fiets) NEAR/S brand", "brand. ", "auto fiets "),
    ("((auto NEAR/S fiets) NEAR/0 brand) NEAR/3 huis", "", "auto fiets "),
    ("((auto NEAR/S fiets) NEAR/0 fiets) NEAR/3 auto", "", "auto fiets "),
    ("((a NEAR/50 b) NEAR/50 (b OR c)) NEAR/50 (a NEAR/50 c)", "", "a b c "),
    ("(a NEAR/S b) NEAR/S (b NEAR/S a)", "", "a b! "),
    ("NOT (a NEAR/S b) c", "c. ", "a b "),
    ('"a b"~1', "", "a x x x "),
    ('"a a a a a a a a b"~50', "", "a "),
]  # fmt: skip


@pytest.mark.parametrize(("query", "start", "endless"), ENDLESS)
def test_a_text_that_repeats_itself_costs_no_more_than_its_length(
    query: str, start: str, endless: str
) -> None:
    tracemalloc.start()
    match_and_explain(query, (start + endless * LONGEST)[: LONGEST // 4])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * 2**20
    started = time.process_time()
    match_and_explain(query, (start + endless * LONGEST)[:LONGEST])
    assert time.process_time() - started < 10


def test_of_endless_spans_the_first_are_shown() -> None:
    tree, post = parse("a NEAR/S b").tree, of_text("a b " * 300)
    shown = evaluate(tree, post.post).spans
    assert shown == tuple(islice(spans(tree, post), MAX_SPANS))
    assert len(shown) == MAX_SPANS
