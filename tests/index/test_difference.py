import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index.difference import difference
from index.steps import steps
from rules.evaluator import evaluate
from rules.parser import parse
from rules.testing import tokenised_posts, trees
from rules.tree import Node
from rules.written import written
from stream.post import Post

SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large)


def matches(tree: Node | None, post: Post) -> bool:
    return tree is None or evaluate(tree, post).matched


@settings(max_examples=200, deadline=None, suppress_health_check=SLOW)
@given(
    trees(), trees(), st.lists(tokenised_posts(), min_size=1, max_size=8), st.sampled_from([1, -1])
)
def test_the_difference_is_what_answers_one_of_two_and_not_the_other(
    tree: Node, another: Node, found: list[Post], order: int
) -> None:
    simpler = (each for each, _ in itertools.islice(steps(tree), 30))
    others = [each for each in [another, *simpler] if each != tree]
    for other, post in itertools.product(others, found):
        pair = (tree, other)[::order]
        answers_one = matches(tree, post) is not matches(other, post)
        assert matches(difference(*pair), post) is answers_one, other


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("a OR b OR c", "a OR c", "b NOT (a OR c)"),
        ("a OR b", "a", "b NOT a"),
        ("(a OR b) NEAR/3 c", "a NEAR/3 c", "(b NEAR/3 c) NOT (a NEAR/3 c)"),
        ("a (b OR (c NEAR/2 (d OR e)))", "a (b OR (c NEAR/2 d))",
         "a (c NEAR/2 e) NOT (b OR (c NEAR/2 d))"),
        ("a NOT (b OR c OR d)", "a NOT (b OR d)", "a c NOT (b OR d)"),
        ("a NOT (b OR c)", "a NOT b", "a c NOT b"),
        ("a NOT (b OR c)", "a", "a (b OR c)"),
        ("a NOT (b c)", "a NOT b", "a b NOT c"),
        ("a (b OR NOT (c OR d))", "a (b OR NOT c)", "a (d NOT c) NOT (b OR NOT (c OR d))"),
        ("(a OR abcd*) NEAR/3 c", "(a OR abcd) NEAR/3 c",
         "(abcd* NEAR/3 c) NOT ((a OR abcd) NEAR/3 c)"),
        ("a ONEAR/3 b", "a NEAR/3 b", "(a NEAR/3 b) NOT (a ONEAR/3 b)"),
        ("a NEAR/3 b", "a NEAR/2 b", "(a NEAR/3 b) NOT (a NEAR/2 b)"),
        ("a NEAR/3 b", "a b", "(a b) NOT (a NEAR/3 b)"),
        ('"a b"~2', '"a b"~1', '"a b"~2 NOT "a b"~1'),
        ("abcde*", "abcd*", "abcd* NOT abcde*"),
        ("a b c", "a c", "(a c) NOT b"),
        ("2 OF (a, b OR c)", "2 OF (a, b)", "2 OF (a, c) NOT 2 OF (a, b)"),
    ],
)  # fmt: skip
def test_what_only_one_thing_decides_is_looked_for_where_that_is(
    first: str, second: str, expected: str
) -> None:
    one, other = parse(first).tree, parse(second).tree
    for pair in ((one, other), (other, one)):
        found = difference(*pair)
        assert found is not None
        assert parse(written(found)).tree == parse(expected).tree
