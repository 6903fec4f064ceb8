"""A NEAR of groups of words on the local engine: decided by it, and as the evaluator says."""

import random
from collections.abc import Iterator
from contextlib import closing

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.brute import BruteStore
from index.contract import Question
from index.local.groups import MOST_LETTERS, runs
from index.local.query import TantivyEngine
from index.local.schema import schema
from index.local.store import LocalStore
from index.testing import TIMEZONE, fill, text_post
from rules.tree import Cased, Keywords, Lemma, Near, Node, Or, Part, Phrase, Prefix, Term
from stream.clock import ManualClock
from stream.post import Post
from stream.testing import START

WORDS = ("fiets", "fietsen", "fietspad", "scooter", "overlast", "straat", "de", "een", "'s", "café")
STEMS = ("fiet", "fiets", "over", "#stra", "stra")
MORE = tuple(f"{chr(97 + number % 26)}{number}woord" for number in range(400))


def groups() -> st.SearchStrategy[Node]:
    tags = [f"#{word}" for word in WORDS if word.isalpha()]
    word = st.sampled_from(WORDS[:6])
    words: st.SearchStrategy[Node] = st.sampled_from(
        [*map(Term, [*WORDS, *tags]), *map(Prefix, STEMS), Lemma("fiets"), Part("straat")]
    )
    phrases = st.lists(word, min_size=2, max_size=3).map(lambda forms: Phrase(tuple(forms)))
    cased = st.lists(word, min_size=1, max_size=2).map(lambda forms: Cased(tuple(forms)))
    leaf = words | words | phrases | cased
    several = st.lists(leaf, min_size=2, max_size=5, unique=True)
    return leaf | several.map(lambda nodes: Or(tuple(nodes)))


def analysed(post: Post) -> Post:
    """`post` with a lemma and a part for words that begin like them."""
    tokens = (
        msgspec.structs.replace(
            token,
            lemma="fiets" if token.cased.startswith("fiets") else "",
            parts=("straat",) if token.cased.startswith("scoot") else (),
        )
        for token in post.tokens
    )
    return msgspec.structs.replace(post, tokens=tuple(tokens))


@pytest.fixture(scope="module")
def posts() -> list[Post]:
    rng = random.Random(1)
    words = [*WORDS, *(f"#{word}" for word in WORDS if word.isalpha()), *MORE[:3]]
    return [
        analysed(text_post(number, " ".join(rng.choice(words) for _ in range(rng.randint(1, 12)))))
        for number in range(400)
    ]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, posts: list[Post]) -> Iterator[LocalStore]:
    folder = tmp_path_factory.mktemp("groups")
    with closing(LocalStore(folder, clock=ManualClock(START), timezone=TIMEZONE, k=10)) as made:
        fill(made, posts[:200])
        fill(made, posts[200:])
        yield made


def near(left: Node, right: Node, distance: int = 3, *, ordered: bool = False) -> Near:
    return Near(left, right, distance, ordered)


def decided(tree: Near, words: int | None = 1) -> bool:
    found = TantivyEngine(schema(), words=lambda _stem: words).near(tree)
    return found is not None and found.exact


@settings(max_examples=200, deadline=None)
@given(st.builds(Near, groups(), groups(), st.integers(0, 6), st.booleans()))
def test_it_finds_what_the_evaluator_does(store: LocalStore, posts: list[Post], tree: Near) -> None:
    question = Question(query=tree)
    brute = BruteStore(posts, timezone=TIMEZONE, k=10)
    assert store.count(question) == brute.count(question)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(WORDS[:4]), min_size=2, max_size=2), st.integers(0, 6))
def test_a_phrase_of_two_words_with_slop_is_found(
    store: LocalStore, posts: list[Post], words: list[str], slop: int
) -> None:
    tree = Phrase(tuple(words), slop)
    brute = BruteStore(posts, timezone=TIMEZONE, k=10)
    assert TantivyEngine(schema()).sloppy(tree) is not None
    assert store.count(Question(query=tree)) == brute.count(Question(query=tree))


BIKES = Or((Term("fiets"), Prefix("scoot"), Term("#brommer")))


@pytest.mark.parametrize(
    "tree",
    [
        near(BIKES, Or((Term("overlast"), Prefix("klacht")))),
        near(BIKES, Term("overlast"), 1, ordered=True),
        near(Or((Term("fiets"), Term("straat"))), Or((Term("straat"), Term("overlast")))),
        near(Term("fietspad"), Prefix("fiets")),
        near(Term("#straat"), Term("straat")),
        near(Or((Term("👍"), Term("goed"))), Term("straat")),
        near(Lemma("fiets"), Keywords("list", 1, (Part("straat"), Cased(("Weg",))))),
        near(Term("fiets"), Term("straat"), 2, ordered=True),
    ],
)
def test_groups_of_words_are_decided(tree: Near) -> None:
    assert decided(tree)


@pytest.mark.parametrize(
    "tree",
    [
        near(Or((Phrase(("de", "straat")), Term("weg"))), Term("fiets")),
        near(Cased(("De", "straat")), Term("fiets")),
        near(near(Term("de"), Term("straat")), Term("fiets")),
    ],
)
def test_others_are_left_to_the_evaluator(tree: Near) -> None:
    assert not decided(tree)


def test_of_a_group_with_a_phrase_only_the_phrase_is_left_open() -> None:
    tree = near(Or((Phrase(("de", "straat")), Term("weg"))), Term("fiets"))
    found = TantivyEngine(schema()).near(tree)
    assert found is not None
    assert found.lower is not None


def test_beginnings_of_too_many_words_are_left_to_the_evaluator() -> None:
    tree = near(Prefix("fiets"), Term("straat"))
    assert decided(tree, 100)
    assert not decided(tree, None)
    assert not decided(tree, 20_000)


def test_a_long_list_is_several_patterns(store: LocalStore, posts: list[Post]) -> None:
    some = Or(tuple(map(Term, MORE[:200])))
    found = runs(some)
    assert found is not None
    assert len(list(found[0].first.patterns())) > 1
    tree = near(some, Or((Term("fiets"), Term("straat"))))
    assert decided(tree)
    brute = BruteStore(posts, timezone=TIMEZONE, k=10)
    assert store.count(Question(query=tree)) == brute.count(Question(query=tree))
    assert brute.count(Question(query=tree)).posts > 0


def test_the_longest_lists_are_left_to_the_evaluator(store: LocalStore, posts: list[Post]) -> None:
    tree = near(Or(tuple(map(Term, MORE))), Or((Term("fiets"), *map(Term, WORDS[4:6]))))
    longer = Or((tree.left, *(Term(f"{word}{'en' * n}") for word in MORE for n in range(1, 4))))
    assert not decided(near(longer, tree.right))
    brute = BruteStore(posts, timezone=TIMEZONE, k=10)
    question = Question(query=near(longer, tree.right))
    assert store.count(question) == brute.count(question)


def test_the_largest_pattern_is_one_that_the_engine_takes(store: LocalStore) -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = [f"{one}{two}{one}{two}" for one in letters for two in letters][: MOST_LETTERS // 4]
    stems = Or(tuple(map(Prefix, words)))
    assert decided(near(stems, Term("straat")))
    assert store.count(Question(query=near(stems, Term("straat")))).posts == 0
