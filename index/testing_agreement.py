"""Whatever is asked of a store, in whatever scope: the answer is the obvious one."""

import itertools
from collections.abc import Sequence
from typing import get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index.brute import BruteStore
from index.contract import Bin, Dimension, Question, Scope, Store
from index.testing import SHADOW, TIMEZONE, MakeStore, fill
from privacy.suppress import Thresholds
from rules.testing import tokenised_posts, trees
from rules.tree import Node
from stream.post import Match, Post

SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large)


class AgreementContract:
    """A part of `index.testing.StoreContract`, with the same fixtures. `examples` is for how many
    random sets of posts the answers are compared with the obvious ones.
    """

    examples = 80

    @pytest.mark.filterwarnings("ignore:Generating overly large repr")
    def test_every_answer_is_the_obvious_one(self, make_store: MakeStore) -> None:
        names = (f"example{number}" for number in itertools.count())

        @settings(max_examples=self.examples, deadline=None, suppress_health_check=SLOW)
        @given(
            st.lists(shadowed_posts(), max_size=25, unique_by=lambda post: post.id),
            st.lists(st.none() | trees(), min_size=6, max_size=12),
            st.sampled_from(get_args(Scope)),
        )
        def check(found: list[Post], queries: list[Node | None], scope: Scope) -> None:
            store = make_store(next(names), k=4)
            fill(store, found)
            for tree in queries:
                check_agreement(store, found, Question(query=tree, scope=scope), k=4)
            store.close()

        check()


def check_agreement(store: Store, posts: Sequence[Post], question: Question, *, k: int) -> None:
    """Assert that every question's answer is the obvious one."""
    brute = BruteStore(posts, timezone=TIMEZONE, k=k)
    expected = brute.matching(question)
    assert store.count(question) == brute.count(question)
    dimensions: tuple[Dimension, ...] = ("language", "rule", "rule_version", "kind")
    for dimension in dimensions:
        assert store.top(question, by=dimension) == brute.table(question, (dimension,))
    bins: tuple[Bin, ...] = ("hour", "day", "week", "month")
    for each in bins:
        assert store.count_over_time(question, bin=each) == brute.table(question, (each,))
    crossed = store.count_over_time(question, bin="day", by="language")
    assert crossed == brute.table(question, ("day", "language"))
    everything = Question(scope=question.scope)
    assert store.compare(question, everything, by="language") == (
        brute.table(question, ("language",)),
        brute.table(everything, ("language",)),
    )
    for least in (1, k):
        terms = store.terms(question, against=everything, least=least)
        assert terms == brute.terms(question, everything, least)
    thresholds = Thresholds(2, lambda rule: rule == "rule")
    for partition in store.partitions():
        assert store.roll_up(partition, thresholds) == brute.roll_up(partition, thresholds)
    for least in (1, 2, k):
        differ = store.differ(question, everything, least=least)
        assert differ == brute.differ(question, everything, least)
        assert store.differ(everything, question, least=least) == differ
        assert store.blocks(question, least=least) == brute.blocks(question, least)
    found = store.search(question, limit=1_000)
    newest = sorted(expected, key=lambda post: (-post.created_at, post.id))
    assert [hit.post for hit in found] == newest
    assert [hit.post for hit in store.search(question, limit=2)] == newest[:2]
    shadowed = msgspec.structs.replace(question, shadow=SHADOW)
    assert store.count(shadowed) == brute.count(shadowed)
    assert store.count_over_time(shadowed) == brute.table(shadowed, ("day",))
    assert store.blocks(shadowed, least=2) == brute.blocks(shadowed, 2)
    readable = msgspec.structs.replace(question, readable=True)
    assert store.count(readable) == brute.count(readable)
    drawn = store.sample(readable, limit=3, seed=7)
    assert len(drawn) == min(3, len(brute.matching(readable)))
    assert {hit.post.id for hit in drawn} <= {post.id for post in brute.matching(readable)}
    assert store.sample(readable, limit=3, seed=7) == drawn


def shadowed_posts() -> st.SearchStrategy[Post]:
    """Posts as they come out of enrichment, some of them matched by what is not shown."""
    shadows = (Match("rule", "v0"), Match("other", "v1"))
    return st.builds(
        lambda post, some: msgspec.structs.replace(post, shadows=shadows[:some]),
        tokenised_posts(),
        st.integers(0, len(shadows)),
    )
