"""The matcher says of every post what the evaluator says, however many posts come at once."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.documents import ActiveRule, Example, example_post, version_of
from rules.evaluator import evaluate
from rules.matching.matcher import FEW, Hits, Matcher
from rules.testing import texts, tokenised_posts, trees
from rules.tokens import MAX_CHUNK
from rules.tree import And, Field, Near, Node, Not, Of, Or, Phrase, Prefix, Term
from stream.post import Match, Place, Post

ZONE = "Europe/Amsterdam"

Kind = TypeVar("Kind")


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


@given(st.lists(trees(), max_size=12), st.lists(tokenised_posts(), max_size=20))
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


@given(st.lists(trees(), max_size=12), st.lists(texts(), max_size=20))
def test_of_plain_texts_it_says_the_same(some: list[Node], found: list[str]) -> None:
    rules = [active(number, tree) for number, tree in enumerate(some)]
    posts = [example_post(Example(text)) for text in found]
    matcher = Matcher(rules, timezone=ZONE)
    expected = pairs(by_evaluator(rules, posts))
    assert list(matcher.find_in(found).pairs()) == expected
    assert list(matcher.find_in(found).pairs()) == expected
    assert one_by_one(matcher.find_in, found) == expected
    assert one_by_one(Matcher(rules, timezone=ZONE).find_in, found) == expected


def one_by_one(
    find: Callable[[Sequence[Kind]], Hits], some: Sequence[Kind]
) -> list[tuple[int, int]]:
    return [(number, rule) for number, each in enumerate(some) for _, rule in find([each]).pairs()]


def pairs(matches: Sequence[Sequence[Match]]) -> list[tuple[int, int]]:
    return [(post, int(each.rule[1:])) for post, found in enumerate(matches) for each in found]


WIDE = st.lists(
    st.sampled_from([Term("huis"), Term("de"), Term("geen"), Term("woning"), Term("azc")])
    | trees(),
    min_size=7,
    max_size=9,
).map(tuple)


@given(
    st.one_of(
        st.builds(And, WIDE), st.builds(Of, st.integers(1, 7), WIDE),
        st.builds(lambda some: And((*some[:4], Or((some[4], And(some[5:]))))), WIDE),
    ),
    st.lists(tokenised_posts(), max_size=20),
)  # fmt: skip
def test_rules_of_more_facts_than_a_table_holds_match_as_well(
    tree: Node, posts: list[Post]
) -> None:
    rules = [active(0, tree)]
    assert Matcher(rules, timezone=ZONE).match(posts) == by_evaluator(rules, posts)


@given(
    st.lists(
        st.text(st.sampled_from("huis woning\n\x1c\x1f\u2028\ue000\ue001#🔥'.!"), max_size=30),
        min_size=1,
        max_size=12,
    )
)
def test_texts_are_told_apart_whatever_stands_in_them(found: list[str]) -> None:
    rules = [active(0, Term("huis")), active(1, Near(Term("huis"), Term("woning"), 2))]
    found = [*found, "huis \ue000\ue001 woning", "huis\x1ewoning", "", "woning huis"]
    posts = [example_post(Example(text)) for text in found]
    expected = pairs(by_evaluator(rules, posts))
    assert list(Matcher(rules, timezone=ZONE).find_in(found).pairs()) == expected
    for text, post in zip(found, posts, strict=True):
        alone = list(Matcher(rules, timezone=ZONE).find_in([text]).pairs())
        assert alone == pairs(by_evaluator(rules, [post]))


@pytest.mark.parametrize(
    "text",
    ["a" * MAX_CHUNK + "huis", "a" * MAX_CHUNK, "a" * MAX_CHUNK + "!", "é" * 2_500 + "."],
    ids=["a word behind it", "none", "a mark", "several cuts"],
)
def test_of_a_word_that_is_cut_it_says_what_the_evaluator_says(text: str) -> None:
    forms = ("huis", "a" * MAX_CHUNK, "e" * MAX_CHUNK, "e" * 500)
    rules = [active(number, Term(form)) for number, form in enumerate(forms)]
    expected = pairs(by_evaluator(rules, [example_post(Example(text))]))
    assert expected
    assert list(Matcher(rules, timezone=ZONE).find_in([text]).pairs()) == expected
    several = Matcher(rules, timezone=ZONE).find_in([text] * FEW * 4).pairs()
    assert [rule for post, rule in several if not post] == [rule for _, rule in expected]


def test_what_it_remembers_is_bounded_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = [active(0, Phrase(("geen", "huis"))), active(1, Prefix("huiz"))]
    found = [f"geen huis {number}, geen-huizen{number}! geen" for number in range(40)]
    posts = [example_post(Example(text)) for text in found]
    expected = pairs(by_evaluator(rules, posts))
    monkeypatch.setattr("rules.matching.matcher.MEMO", 7)
    matcher = Matcher(rules, timezone=ZONE)
    for _ in range(2):
        assert list(matcher.find(posts).pairs()) == expected
        assert list(matcher.find_in(found).pairs()) == expected
        assert one_by_one(matcher.find, posts) == expected
        assert one_by_one(matcher.find_in, found) == expected


def test_facts_of_all_kinds_meet_in_a_single_post() -> None:
    """A rule's two bits are looked for as the sides of a pair are, but not when a pair sets one."""
    near = Near(Term("huis"), Term("woning"), 2)
    ordered = Near(Term("huis"), Term("woning"), 0, ordered=True)
    trees_: list[Node] = [
        near, ordered, And((near, Term("azc"))), And((Term("azc"), near)),
        And((Phrase(("geen", "huis")), Term("azc"))), And((Prefix("won"), Prefix("woning"))),
        Near(Prefix("won"), Prefix("woni"), 1), And((Term("azc"), Not(near))),
    ]  # fmt: skip
    rules = [active(number, tree) for number, tree in enumerate(trees_)]
    found = [
        "geen huis in de woning azc", "woning huis azc", "huis woning", "woning", "huis azc huis",
        "woning woning", "azc geen huis", "huis a b c woning azc d huis", "",
    ]  # fmt: skip
    posts = [example_post(Example(text)) for text in found]
    expected = pairs(by_evaluator(rules, posts))
    matcher = Matcher(rules, timezone=ZONE)
    assert one_by_one(matcher.find, posts) == expected
    assert one_by_one(matcher.find_in, found) == expected
    assert {rule for _, rule in expected} == set(range(len(rules)))


def test_places_are_looked_for_only_where_a_rule_on_them_may_match() -> None:
    asked: list[Post] = []

    def locate(posts: Sequence[Post]) -> Sequence[Post]:
        asked.extend(posts)
        return [
            msgspec.structs.replace(post, places=(Place("Centrum", "area", 0, 1),))
            for post in posts
        ]

    rules = [active(0, And((Term("huis"), Field("place", ("centrum",))))), active(1, Term("de"))]
    posts = [example_post(Example(text)) for text in ("huis centrum", "de woning", "niets")]
    matcher = Matcher(rules, timezone=ZONE, locate=locate)
    assert [[each.rule for each in found] for found in matcher.match(posts)] == [["r0"], ["r1"], []]
    assert asked == posts[:1]
    assert Matcher(rules, timezone=ZONE).match(posts[:1]) == [()]


def test_many_pairs_in_a_large_batch_are_told_apart() -> None:
    """Their places need more than 32 bits, which loops over a few posts do not."""
    pair = Near(Term("huis"), Term("woning"), 50)
    rules = [active(number, Near(Term(f"a{number}"), Term("b"), 50)) for number in range(4_300)]
    rules = [active(0, pair), *rules[1:-1], active(len(rules) - 1, pair)]
    found = [f"huis {number} a{number % len(rules)} woning b" for number in range(10_000)]
    posts = [example_post(Example(text)) for text in found]
    matcher = Matcher(rules, timezone=ZONE)
    few = [matcher.find(posts[start : start + FEW]) for start in range(0, len(posts), FEW)]
    assert matcher.find(posts).rules.tolist() == [rule for hits in few for rule in hits.rules]
