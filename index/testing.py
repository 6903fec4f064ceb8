"""What every store must do: the rest is in `index.testing_agreement` and `testing_changes`."""

from collections.abc import Sequence
from typing import Any, Protocol, get_args

import msgspec
import pytest

from index.contract import Question, Scope, Store, TooBroad
from privacy.suppress import MOST_A_DAY, Thresholds
from rules.parser import parse
from rules.tokens import tokenise
from rules.tree import And, Keywords, Near, Node, Not, Phrase, Prefix, Term
from stream.clock import DAY_MS
from stream.lifecycle import Located
from stream.partitions import Partition, partition_of
from stream.post import Label, Match, Post, Token
from stream.testing import START, make_post

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


class StoreContract:
    """What every store must answer. A subclass gives the fixtures `clock` (a ManualClock at START)
    and `make_store` (see MakeStore).
    """

    @pytest.fixture
    def store(self, make_store: MakeStore) -> Store:
        return make_store()

    def test_a_period_is_inclusive_below_and_exclusive_above(self, store: Store) -> None:
        fill(store, [text_post(n, "woord", created_at=START + n) for n in range(5)])
        question = Question(since=START + 1, until=START + 3)
        assert [hit.post.created_at - START for hit in store.search(question, limit=9)] == [2, 1]
        assert store.count(Question(since=START + 1)).posts == 4
        assert store.count(Question(until=START + 1)).posts == 1
        before = store.search(Question(since=START + 1), limit=9, before=START + 4)
        assert [hit.post.created_at - START for hit in before] == [3, 2, 1]

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
        near = Question(query=parse("een NEAR/S woord").tree, scope="both")
        assert store.count(near).posts == 1
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

    def test_one_seed_draws_in_one_order_whatever_is_asked(self, store: Store) -> None:
        """So that other words for the same posts bring no others."""
        fill(store, [text_post(n, ("een", "een twee", "een drie")[n % 3]) for n in range(300)])
        whole, part = (Question(query=parse(each).tree) for each in ("een", "een NOT twee"))
        held = {hit.post.id for hit in store.search(part, limit=300)}
        assert len(held) == 200
        for seed in range(5):
            drawn = [hit.post.id for hit in store.sample(whole, limit=60, seed=seed)]
            both = [each for each in drawn if each in held]
            assert [hit.post.id for hit in store.sample(part, limit=len(both), seed=seed)] == both

    def test_a_broad_inexact_question_says_how_to_narrow_it(self, make_store: MakeStore) -> None:
        store = make_store(max_candidates=3)
        fill(store, [text_post(n, "een x y twee") for n in range(5)])
        assert store.count(Question(query=parse("een").tree)).posts == 5
        with pytest.raises(TooBroad, match="narrow the period"):
            store.count(Question(query=parse("een NEAR/S twee").tree))

    def test_an_inexact_question_about_many_posts_is_answered(self, store: Store) -> None:
        texts = "een x twee", "een. Twee"
        fill(store, [text_post(n, texts[n % 2], created_at=START + n) for n in range(4_400)])
        question = Question(query=parse("een NEAR/S twee").tree)
        assert store.count(question).posts == 2_200
        table = store.count_over_time(msgspec.structs.replace(question, until=START + 100))
        assert [cell.posts for cell in table.cells.values()] == [50]

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

    def test_the_order_of_words_says_no_more_than_their_numbers(self, store: Store) -> None:
        posts = {"huis": 20, "huid": 12, "huif": 19, "huig": 10}
        later = {"huig": 60, "huik": 30}
        texts = [word for word, times in posts.items() for _ in range(times)]
        today = [word for word, times in later.items() for _ in range(times)]
        fill(store, [text_post(number, text) for number, text in enumerate(texts)])
        fill(
            store,
            [
                text_post(100 + number, text, created_at=START + DAY_MS)
                for number, text in enumerate(today)
            ],
        )
        words = store.words("hui", limit=9, least=3, until=START + DAY_MS)
        assert list(words.items()) == [("huis", 20), ("huid", 10), ("huif", 10), ("huig", 10)]
        some = store.words("hui", limit=2, least=3, until=START + DAY_MS)
        assert list(some) == ["huis", "huid"]

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

    def test_of_what_an_engine_leaves_open_three_posts_a_day_count_too(self, store: Store) -> None:
        texts = "woord eind", "x y eind", "x y"
        author = "230-" + "a" * 32
        found = [text_post(n, texts[n % 3], author=author) for n in range(9)]
        fill(store, [*found, text_post(50, "x y eind"), text_post(51, "eind. X y")])
        tree = parse('(woord OR "x y") NEAR/2 eind').tree
        for scope in get_args(Scope):
            assert store.count(Question(query=tree, scope=scope)).posts == MOST_A_DAY + 2

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
