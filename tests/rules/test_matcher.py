"""The matcher says of every post what the evaluator says, however many posts come at once."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from rules.documents import ActiveRule, Example, example_post, version_of
from rules.evaluator import evaluate
from rules.matcher import Matcher
from rules.testing import texts, tokenised_posts, trees
from rules.tree import Node
from stream.post import Match, Post

ZONE = "Europe/Amsterdam"


def active(number: int, tree: Node) -> ActiveRule:
    return ActiveRule(
        id=f"r{number}", version=version_of(tree), title="", category="",
        special_category=False, tree=tree,
    )  # fmt: skip


def by_evaluator(rules: Sequence[ActiveRule], posts: Sequence[Post]) -> list[tuple[Match, ...]]:
    return [
        tuple(
            Match(rule.id, rule.version, outcome.spans)
            for rule in rules
            if (outcome := evaluate(rule.tree, post, timezone=ZONE)).matched
        )
        for post in posts
    ]


@given(st.lists(trees(), max_size=12), st.lists(tokenised_posts(), max_size=30))
def test_of_any_rules_and_posts_it_says_what_the_evaluator_says(
    some: list[Node], posts: list[Post]
) -> None:
    rules = [active(number, tree) for number, tree in enumerate(some)]
    expected = by_evaluator(rules, posts)
    matcher = Matcher(rules, timezone=ZONE)
    assert matcher.match(posts) == expected
    assert [found for post in posts for found in matcher.match([post])] == expected
    assert matcher.match(posts) == expected  # with every word met before
    assert list(matcher.find(posts).pairs()) == pairs(expected)


@given(st.lists(trees(), max_size=12), st.lists(texts(), max_size=30))
def test_of_plain_texts_it_says_the_same(some: list[Node], found: list[str]) -> None:
    rules = [active(number, tree) for number, tree in enumerate(some)]
    posts = [example_post(Example(text)) for text in found]
    matcher = Matcher(rules, timezone=ZONE)
    expected = pairs(by_evaluator(rules, posts))
    assert list(matcher.find_in(found).pairs()) == expected
    assert list(matcher.find_in(found).pairs()) == expected


def pairs(matches: Sequence[Sequence[Match]]) -> list[tuple[int, int]]:
    return [(post, int(each.rule[1:])) for post, found in enumerate(matches) for each in found]
