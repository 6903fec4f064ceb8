"""What every store must do."""

import itertools
from collections.abc import Sequence
from datetime import date
from typing import Any, Protocol, get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index.brute import BruteStore
from index.contract import (
    Bin,
    Dimension,
    Question,
    Scope,
    Store,
    TooBroad,
)  # fmt: skip
from privacy.suppress import MOST_A_DAY, Thresholds
from rules.parser import parse
from rules.testing import tokenised_posts, trees
from rules.tokens import tokenise
from rules.tree import And, Keywords, Near, Node, Not, Phrase, Prefix, Term
from stream.clock import DAY_MS, ManualClock
from stream.lifecycle import Located
from stream.partitions import Partition, partition_of
from stream.post import Label, Match, Post, Token
from stream.testing import START, make_post
from stream.version import pack

TIMEZONE = "Europe/Amsterdam"
SHADOW = "rule@v0"


def fill(store: Store, posts: Sequence[Post]) -> None:
    """Write posts where they belong and make them visible."""
    by_partition: dict[Partition, list[Post]] = {}
    for post in posts:
        by_partition.setdefault(partition_of(post), []).append(post)
    for partition, some in by_partition.items():
        store.write(partition, some)
    store.flush()


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


def where_is(store: Store, post: Post) -> list[Located]:
    """The places of one post."""
    return list(store.where([post.id]).get(post.id, ()))


def text_post(number: int, text: str, **changes: Any) -> Post:
    """A post of this text that a rule matched."""
    return make_post(
        number,
        text=text,
        tokens=tokenise(text),
        matches=(Match("rule", "v1", ((0, 1),)),),
        **changes,
    )


class MakeStore(Protocol):
    """Opens the store of this name within the test; a new name's is empty. The test's `clock` is
    its clock, and at the end of the test it is closed.
    """

    def __call__(
        self, name: str = "index", *, k: int = 10, max_candidates: int = 200_000
    ) -> Store: ...


SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large)


class StoreContract:
    """What every store must do. A subclass gives the fixtures `clock` (a ManualClock at START)
    and `make_store` (see MakeStore); `examples` is for how many random sets of posts its answers
    are compared with the obvious ones.
    """

    examples = 80

    @pytest.fixture
    def store(self, make_store: MakeStore) -> Store:
        return make_store()

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

    def test_a_period_is_inclusive_below_and_exclusive_above(self, store: Store) -> None:
        fill(store, [text_post(n, "woord", created_at=START + n) for n in range(5)])
        question = Question(since=START + 1, until=START + 3)
        assert [hit.post.created_at - START for hit in store.search(question, limit=9)] == [2, 1]
        assert store.count(Question(since=START + 1)).posts == 4
        assert store.count(Question(until=START + 1)).posts == 1
        before = store.search(Question(since=START + 1), limit=9, before=START + 4)
        assert [hit.post.created_at - START for hit in before] == [3, 2, 1]

    def test_writing_again_replaces(self, store: Store) -> None:
        fill(store, [text_post(1, "oud")])
        fill(store, [text_post(1, "nieuw")])
        assert store.count(Question()).posts == 1
        assert store.count(Question(query=parse("oud").tree)).posts == 0

    def test_where_sees_what_is_not_flushed(self, store: Store) -> None:
        post = text_post(1, "woord")
        store.write(partition_of(post), [post])
        assert [place.version for place in where_is(store, post)] == [post.version]
        store.remove(partition_of(post), [post.id])
        assert where_is(store, post) == []
        store.write(partition_of(post), [post])
        store.flush()
        here = Located(partition_of(post), post.version, post.keep_until, post.first_observed)
        assert where_is(store, post) == [here]
        newer = msgspec.structs.replace(post, version=post.version + 1)
        store.write(partition_of(post), [newer])
        assert [place.version for place in where_is(store, post)] == [newer.version]
        store.remove(partition_of(post), [post.id])
        assert where_is(store, post) == []

    def test_a_removed_post_is_gone_and_can_come_back_newer(self, store: Store) -> None:
        post = text_post(1, "woord")
        home = partition_of(post)
        fill(store, [post])
        for _ in range(3):  # what is not there is no error
            store.remove(home, [post.id, "f" * 32])
            store.flush()
            assert where_is(store, post) == []
            assert store.count(Question()).posts == 0
        newer = msgspec.structs.replace(post, version=post.version + 1)
        fill(store, [newer])
        assert [place.version for place in where_is(store, post)] == [newer.version]

    def test_a_reader_sees_more_after_reload(self, store: Store, make_store: MakeStore) -> None:
        reader = make_store()
        assert reader.count(Question()).posts == 0
        fill(store, [text_post(1, "woord")])
        reader.reload()
        assert reader.count(Question()).posts == 1

    def test_unflushed_writes_are_given_up_when_closed(
        self, store: Store, make_store: MakeStore
    ) -> None:
        fill(store, [text_post(1, "woord")])
        post = text_post(2, "woord")
        store.write(partition_of(post), [post])
        store.close()
        assert make_store().count(Question()).posts == 1

    def test_every_stored_post_of_a_partition_can_be_read(self, store: Store) -> None:
        found = [text_post(n, f"woord {n}") for n in range(2_500)]
        recent = make_post(9_999, text="niets")
        fill(store, [*found, recent])
        held = {post.id: post for post in store.posts(partition_of(found[0]))}
        assert held == {post.id: post for post in found}
        assert list(store.posts(partition_of(recent))) == [recent]
        assert list(store.posts(Partition("kept", date(2020, 1, 6)))) == []
        assert store.partitions() == {partition_of(found[0]): 2_500, partition_of(recent): 1}

    def test_more_values_than_the_engine_counts_at_once(self, store: Store) -> None:
        found = [
            text_post(
                n, "woord", hashtags=tuple(f"tag{n}x{i}" for i in range(50)), created_at=START + n
            )
            for n in range(500)
        ]
        fill(store, found)
        table = store.top(Question(), by="hashtag", limit=99_999)
        assert len(table.cells) == 25_000
        assert {(cell.posts, cell.authors) for cell in table.cells.values()} == {(1, 1)}
        assert table.total.posts == 500

    def test_an_id_in_both_classes_counts_once(self, store: Store) -> None:
        """A kill between writing it here and removing it there."""
        recent = make_post(1, text="een woord", tokens=tokenise("een woord"))
        kept = text_post(1, "een woord", version=recent.version + 1)
        fill(store, [recent, kept])
        assert {place.partition.kind for place in where_is(store, kept)} == {"recent", "kept"}
        question = Question(scope="both")
        assert store.count(question).posts == 1
        assert [hit.post for hit in store.search(question, limit=9)] == [kept]
        assert [hit.post for hit in store.sample(question, limit=9, seed=1)] == [kept]

    def test_no_text_of_a_special_category_is_drawn(self, store: Store) -> None:
        fill(store, [text_post(n, "woord", special_category=n % 2 == 0) for n in range(20)])
        drawn = store.sample(Question(readable=True), limit=50, seed=1)
        assert len(drawn) == 10
        assert not any(hit.post.special_category for hit in drawn)
        assert store.count(Question()).posts == 20

    def test_what_only_a_shadow_matched_is_counted_and_not_kept(self, store: Store) -> None:
        shadow = (Match("rule", "v0"),)
        fill(store, [text_post(n, "een woord", shadows=shadow) for n in range(3)])
        recent = [
            make_post(n, text="een woord", tokens=tokenise("een woord"), shadows=shadow)
            for n in range(10, 14)
        ]
        fill(store, [*recent, text_post(20, "een woord")])
        assert store.count(Question()).posts == 4
        assert store.count(Question(shadow=SHADOW)).posts == 3
        assert store.count(Question(shadow=SHADOW, scope="both")).posts == 7
        assert store.count(Question(shadow="rule@v1", scope="both")).posts == 0
        assert set(store.top(Question(scope="both"), by="rule_version").cells) == {("rule@v1",)}
        (day,) = store.count_over_time(Question()).cells
        counts = store.roll_up(partition_of(recent[0]), Thresholds(2, lambda _: False))
        assert {key: cell.posts for key, cell in counts.shadows.items()} == {(*day, SHADOW): 4}
        assert counts.phenomena == {}

    def test_different_seeds_draw_differently(self, store: Store) -> None:
        fill(store, [text_post(n, "woord") for n in range(200)])
        draws = [
            tuple(hit.post.id for hit in store.sample(Question(), limit=5, seed=seed))
            for seed in range(20)
        ]
        assert len(set(draws)) == 20
        assert len({post_id for draw in draws for post_id in draw}) > 50

    def test_an_author_is_removed_up_to_a_rev(self, store: Store) -> None:
        author = "230-" + "a" * 32
        old = text_post(1, "een", author=author)
        new = text_post(2, "twee", author=author, version=pack(START + 1000, 0))
        other = text_post(3, "drie")
        store.write(partition_of(old), [old, new, other])
        assert store.remove_authors([author], START) == 1
        assert {hit.post.id for hit in store.search(Question(), limit=9)} == {new.id, other.id}
        assert store.remove_authors([author, "231-" + "b" * 32], START + 1000) == 1
        assert store.remove_authors([author], START + 1000) == 0

    def test_purged_texts_leave_the_others(self, store: Store, make_store: MakeStore) -> None:
        found = [text_post(n, f"geheim{n}") for n in range(20)]
        fill(store, found)
        assert store.purge() == 0
        store.remove(partition_of(found[0]), [found[0].id])
        fill(store, [text_post(1, "anders", version=found[1].version + 1)])
        assert store.purge() > 0
        assert store.purge() == 0
        again = make_store()
        texts = {hit.post.text for hit in again.search(Question(scope="both"), limit=99)}
        assert texts == {"anders", *(post.text for post in found[2:])}

    def test_what_is_over_its_term_is_not_asked_also_before_it_is_dropped(
        self, store: Store, clock: ManualClock
    ) -> None:
        post = text_post(1, "woord")
        fill(store, [post])
        assert store.problems() == []
        clock.advance(90 * DAY_MS)
        assert store.count(Question()).posts == 0
        assert store.search(Question(), limit=9) == []
        assert where_is(store, post)
        assert "peil expire" in store.problems()[0]

    def test_an_expired_partition_is_gone(self, store: Store, make_store: MakeStore) -> None:
        post = text_post(1, "woord")
        recent = make_post(2, text="niets", tokens=tokenise("niets"))
        fill(store, [post, recent])
        reader = make_store()
        assert [each.kind for each in store.expire(START + 3 * DAY_MS)] == ["recent"]
        assert list(store.partitions()) == [partition_of(post)]
        assert list(store.expire(START + 91 * DAY_MS)) == [partition_of(post)]
        assert list(store.partitions()) == []
        assert store.expire(START + 91 * DAY_MS) == []
        reader.reload()
        assert reader.count(Question(scope="both")).posts == 0
        assert store.roll_up(partition_of(post), Thresholds(2, lambda _: False)).volumes == {}

    def test_a_broad_inexact_question_says_how_to_narrow_it(self, make_store: MakeStore) -> None:
        store = make_store(max_candidates=3)
        fill(store, [text_post(n, "een x y twee") for n in range(5)])
        assert store.count(Question(query=parse("een").tree)).posts == 5
        with pytest.raises(TooBroad, match="narrow the period"):
            store.count(Question(query=parse("een NEAR/S twee").tree))

    def test_a_word_too_long_for_an_index_costs_nothing(self, store: Store) -> None:
        long = "w" + "o" * 40_000
        ordinary = text_post(1, "begin midden eind")
        tokens = list(ordinary.tokens)
        tokens[1] = Token(6, 12, (long,), long, 0, long, (long,))
        fill(store, [msgspec.structs.replace(ordinary, tokens=tuple(tokens), hashtags=(long,))])
        for query, posts in (
            (Term(long), 1),
            (Term(long[:8_000]), 0),
            (Prefix("wooo"), 1),
            (Phrase(("begin", long, "eind")), 1),
            (Near(Term("begin"), Term("eind"), 1), 1),
            (Near(Term("begin"), Term("eind"), 0), 0),
            (Near(Term(long), Term("eind"), 0), 1),
            (Not(Term(long[:8_000])), 1),
        ):
            assert store.count(Question(query=query)).posts == posts
        assert len(store.top(Question(), by="hashtag").cells) == 1

    def test_a_token_without_a_form_keeps_its_place(self, store: Store) -> None:
        post = text_post(1, "een twee drie")
        tokens = list(post.tokens)
        tokens[1] = Token(4, 8, (), "")
        fill(store, [msgspec.structs.replace(post, tokens=tuple(tokens))])
        assert store.count(Question(query=Phrase(("een", "drie")))).posts == 0
        assert store.count(Question(query=Near(Term("een"), Term("drie"), 0))).posts == 0
        assert store.count(Question(query=Near(Term("een"), Term("drie"), 1))).posts == 1

    def test_a_query_of_many_brackets_is_answered(self, store: Store) -> None:
        fill(store, [text_post(1, "een twee"), text_post(2, "twee")])
        tree: Node = Term("een")
        for _ in range(40):
            tree = Not(And((tree, Term("twee"))))
        assert store.count(Question(query=tree)).posts == 1

    def test_a_list_of_thousands_of_entries_is_answered(self, store: Store) -> None:
        fill(store, [text_post(1, "een woord4999"), text_post(2, "een twee"), text_post(3, "drie")])
        words = Keywords("list", 1, tuple(Term(f"woord{n}") for n in range(5_000)))
        phrases = Keywords("list", 1, tuple(Phrase(("een", f"woord{n}")) for n in range(5_000)))
        for tree in (words, phrases, Near(Term("een"), words, 2)):
            assert store.count(Question(query=tree)).posts == 1

    def test_words_are_those_that_enough_people_used_in_time(self, store: Store) -> None:
        found = [text_post(n, "huis huizen" if n % 2 else "huis") for n in range(20)]
        rare = [text_post(100 + n, "huisarrest") for n in range(2)]
        same = [text_post(200 + n, "huisraad", author=found[0].author) for n in range(9)]
        fill(store, [*found, *rare, *same])
        words = store.words("hui", limit=9, least=3, until=START + 1)
        assert list(words) == ["huis", "huizen"]
        assert words["huis"] == 20
        assert list(store.words("huis", limit=9, least=3, until=START + 1)) == ["huis"]
        assert store.words("hui", limit=9, least=3, until=START) == {}
        assert store.words("niets", limit=9, least=1, until=START + 1) == {}

    def test_of_an_author_three_posts_a_day_count(self, store: Store) -> None:
        author = "230-" + "a" * 32
        found = [
            text_post(
                n,
                "woord",
                author=author,
                created_at=START + n % 2 * DAY_MS + n % 4 // 2 * DAY_MS // 24,
                lang=Label(value="nl" if n < 7 else "en", confidence=1.0, model="m", version="1"),
            )
            for n in range(14)
        ]
        fill(store, [*found, text_post(50, "woord")])
        question = Question(query=parse("woord").tree)
        assert store.count(question).posts == 2 * MOST_A_DAY + 1
        assert {cell.posts for cell in store.count_over_time(question).cells.values()} == {3, 4}
        inexact = Question(query=parse("woord").tree, scope="both")
        assert store.count(inexact) == store.count(question)
        for dimension in ("language", "hour", "rule"):
            assert store.top(question, by=dimension).total == store.count(question)
        (term,) = store.terms(question, against=Question(), least=1)
        assert term.inside == term.outside == store.count(question)

    def test_two_words_beside_each_other_are_terms_on_request(self, store: Store) -> None:
        fill(store, [text_post(n, "te duur, een huis. straat") for n in range(2)])
        question = Question(query=parse("huis").tree)
        found = store.terms(question, against=Question(), least=2, pairs=True)
        assert {term.word for term in found} - {"duur", "een", "huis", "straat"} == {
            "te duur", "duur een", "een huis",
        }  # fmt: skip
        assert {term.inside.posts for term in found} == {2}

    def test_a_period_of_first_sight_is_inclusive_below(self, store: Store) -> None:
        fill(store, [text_post(n, "woord", first_observed=START + n) for n in range(3)])
        assert store.count(Question(seen_since=START + 1)).posts == 2
        near = Question(query=parse("woord NEAR/S woord").tree, seen_since=START + 1)
        assert store.count(near).posts == 0

    def test_a_store_of_this_version_needs_no_upgrade(self, store: Store) -> None:
        assert store.upgrade() == 0
        fill(store, [text_post(1, "woord")])
        assert store.upgrade() == 0
        assert store.count(Question()).posts == 1
