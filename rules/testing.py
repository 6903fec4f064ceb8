"""Random queries and posts, for whoever must answer as the naive evaluator does."""

from hypothesis import strategies as st

from rules.tokens import tokenise
from rules.tree import (
    And,
    Cased,
    Field,
    Keywords,
    Near,
    Node,
    Not,
    Of,
    Or,
    Phrase,
    Prefix,
    Term,
    Together,
    is_positional,
)  # fmt: skip
from stream.post import Label, Match, Post
from stream.testing import make_post

WORDS = (
    "huis",
    "huizen",
    "woning",
    "Woning",
    "#woning",
    "geen",
    "de",
    "🔥",
    "café",
    "auto's",
    "AZC",
)
FORMS = ("huis", "huizen", "woning", "#woning", "geen", "de", "🔥", "cafe", "auto's", "azc")


def texts() -> st.SearchStrategy[str]:
    """Texts of few different words, so that queries match often and words repeat."""
    word = st.sampled_from(WORDS)
    end = st.sampled_from(["", "", "", ".", "!", "\n", " ‹iemand›"])
    return st.lists(st.builds("{}{}".format, word, end), max_size=14).map(" ".join)


def tokenised_posts() -> st.SearchStrategy[Post]:
    """Posts as they come out of enrichment."""

    def build(number: int, text: str, lang: str | None, author: int, matches: str) -> Post:
        return make_post(
            number,
            author=f"{229 + author % 2}-{author:016x}{author:016x}",
            text=text,
            tokens=tokenise(text),
            lang=Label(value=lang, confidence=1.0, model="m", version="1"),
            matches=(Match("rule", "v1", ((0, 1),)),) if matches else (),
            special_category=matches == "special",
        )

    return st.builds(
        build,
        st.integers(0, 2**128 - 1),
        texts(),
        st.sampled_from(["nl", "en", None]),
        st.integers(0, 12),
        st.sampled_from(["", "", "ordinary", "special"]),
    )


def _leaves() -> st.SearchStrategy[Node]:
    form = st.sampled_from(FORMS)
    return st.one_of(
        st.builds(Term, form),
        st.builds(Phrase, st.lists(form, min_size=2, max_size=3).map(tuple), st.integers(0, 4)),
        st.builds(Prefix, st.sampled_from(["huiz", "woni", "auto", "#won"])),
        st.builds(
            Cased,
            st.lists(st.sampled_from(["AZC", "Woning", "de"]), min_size=1, max_size=2).map(tuple),
        ),
    )


def _positional(below: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    pairs = st.lists(below.filter(is_positional), min_size=2, max_size=3).map(tuple)
    return st.one_of(
        st.builds(Or, pairs),
        st.builds(lambda nodes: Keywords("list", 1, nodes), pairs),
        st.builds(lambda p, n, o: Near(p[0], p[1], n, o), pairs, st.integers(0, 5), st.booleans()),
        st.builds(lambda p: Together(p[0], p[1]), pairs),
    )


def trees() -> st.SearchStrategy[Node]:
    """Queries of every operator, nested."""
    positional = st.recursive(_leaves(), _positional, max_leaves=5)
    leaf = st.one_of(positional, st.just(Field("lang", ("nl",))), st.just(Field("rule", ("rule",))))

    def combine(below: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
        several = st.lists(below, min_size=2, max_size=4, unique=True).map(tuple)
        return st.one_of(
            st.builds(And, several),
            st.builds(Or, several),
            st.builds(Not, below),
            st.builds(lambda nodes: Of(2, nodes), several),
        )

    return st.recursive(leaf, combine, max_leaves=6)
