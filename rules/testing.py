"""Random queries and posts, for whoever must answer as the naive evaluator does."""

from collections.abc import Sequence
from datetime import date, timedelta

import msgspec
from hypothesis import strategies as st

from rules.tokens import tokenise
from rules.tree import (
    And,
    Cased,
    Dates,
    Field,
    FieldName,
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
    is_positional,
)  # fmt: skip
from stream.clock import DAY_MS
from stream.post import Label, Match, Place, Post, Token
from stream.testing import START, make_post

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
    "huisje",
)
FORMS = ("huis", "huizen", "woning", "#woning", "geen", "de", "🔥", "cafe", "auto's", "azc")

ANALYSES = (("", ()), ("huis", ()), ("woning", ("huis", "geen")), ("", ("woning",)))
"""Lemmas and parts that tokens get, whatever their forms: an engine goes by what stands there."""

LAST_DAY = date(2026, 9, 21)
"""The day of the last of the posts; others are a day or two older."""

VALUES: dict[FieldName, Sequence[str]] = {
    "lang": ("nl", "en", "?"),
    "topic": ("wonen", "zorg", "?"),
    "sentiment": ("negative", "positive"),
    "source": ("trial", "news"),
    "platform": ("example", "feeds"),
    "kind": ("post", "reply", "article"),
    "place": ("delft", "den haag"),
    "has": ("link", "media"),
    "rule": ("rule", "other"),
}
"""Of each field what queries name. `?` is how stores write that something is not known, and so
is no value of any post.
"""


def texts() -> st.SearchStrategy[str]:
    """Texts of few different words, so that queries match often and words repeat."""
    word = st.sampled_from(WORDS)
    end = st.sampled_from(["", "", "", ".", "!", "\n", " ‹iemand›"])
    return st.lists(st.builds("{}{}".format, word, end), max_size=14).map(" ".join)


def tokenised_posts() -> st.SearchStrategy[Post]:
    """Posts as they come out of enrichment."""
    labels = {
        name: st.sampled_from([*VALUES[name][:2], None, ""]) for name in ("topic", "sentiment")
    }
    return st.builds(
        _post,
        st.integers(0, 2**128 - 1),
        texts(),
        st.integers(0, 2**32 - 1),
        lang=st.sampled_from(["nl", "en", None]),
        author=st.integers(0, 12),
        matches=st.sampled_from(["", "", "ordinary", "special"]),
        **labels,
    )


def _post(
    number: int,
    text: str,
    chance: int,
    *,
    lang: str | None,
    author: int,
    matches: str,
    topic: str | None,
    sentiment: str | None,
) -> Post:
    """A post of which `chance` decides all that would take many draws."""
    return make_post(
        number,
        author=f"{229 + author % 2}-{author:016x}{author:016x}",
        text=text,
        tokens=_analysed(tokenise(text), chance),
        lang=_label(lang),
        topic=_label(topic),
        sentiment=_label(sentiment),
        source=VALUES["source"][chance & 1],
        platform=VALUES["platform"][chance >> 1 & 1],
        kind=VALUES["kind"][chance >> 2 & 1],
        has_media=bool(chance >> 3 & 1),
        domains=("example.org",) * (chance >> 4 & 1),
        created_at=START - (chance >> 5) % 3 * DAY_MS,
        places=(Place("Delft", "city", 0, 1), Place("Den Haag", "city", 0, 1))[: chance >> 7 & 3],
        matches=(Match("rule", "v1", ((0, 1),)),) if matches else (),
        special_category=matches == "special",
    )


def _label(value: str | None) -> Label | None:
    """A label; None is an abstention, and nothing no label at all."""
    return None if value == "" else Label(value=value, confidence=1.0, model="m", version="1")


def _analysed(tokens: Sequence[Token], chance: int) -> tuple[Token, ...]:
    analyses = (ANALYSES[(chance >> number % 15 * 2) % 4] for number in range(len(tokens)))
    return tuple(
        msgspec.structs.replace(token, lemma=lemma, parts=parts) if token.forms else token
        for token, (lemma, parts) in zip(tokens, analyses, strict=True)
    )


def _leaves() -> st.SearchStrategy[Node]:
    form = st.sampled_from(FORMS)
    cased = st.lists(st.sampled_from(["AZC", "Woning", "de"]), min_size=1, max_size=3)
    return st.one_of(
        st.builds(Term, form),
        st.builds(Phrase, st.lists(form, min_size=2, max_size=4).map(tuple), st.integers(0, 5)),
        st.builds(Prefix, st.sampled_from(["huiz", "huis", "woni", "auto", "#won", "cafe"])),
        st.builds(Cased, cased.map(tuple)),
        st.builds(Lemma, st.sampled_from(["huis", "woning", "de", "niets"])),
        st.builds(Part, st.sampled_from(["huis", "woning", "geen", "de"])),
    )


def _positional(below: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(below.filter(is_positional), min_size=2, max_size=3).map(tuple)
    pairs = st.tuples(below.filter(is_positional), below.filter(is_positional))
    distance = st.integers(0, 6)
    return st.one_of(
        st.builds(Or, several),
        st.builds(Keywords, st.just("list"), st.integers(1, 3), several),
        st.builds(lambda p, n, o: Near(p[0], p[1], n, o), pairs, distance, st.booleans()),
        st.builds(lambda p: Together(p[0], p[1]), pairs),
    )


def _fields() -> st.SearchStrategy[Node]:
    def named(name: FieldName) -> st.SearchStrategy[Node]:
        values = st.lists(st.sampled_from(VALUES[name]), min_size=1, max_size=2, unique=True)
        return st.builds(Field, st.just(name), values.map(tuple))

    days = st.builds(
        lambda before, length: Dates(
            LAST_DAY - timedelta(days=before), LAST_DAY - timedelta(days=before - length)
        ),
        st.integers(0, 3),
        st.integers(1, 3),
    )
    return st.one_of(*map(named, VALUES), days)


_POSITIONAL = st.recursive(_leaves(), _positional, max_leaves=6)
_FIELDS = _fields()


@st.composite
def _simple(draw: st.DrawFn) -> Node:
    """A function of its own, because hypothesis writes out what is composed otherwise."""
    return draw(_FIELDS if draw(st.integers(0, 2)) == 0 else _POSITIONAL)


def _combined(below: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(below, min_size=2, max_size=4, unique=True).map(tuple)
    return st.one_of(
        st.builds(And, several),
        st.builds(Or, several),
        st.builds(Not, below),
        st.builds(lambda kept, drop: And((kept, Not(drop, exclude=True))), below, below),
        several.flatmap(lambda nodes: st.builds(Of, st.integers(1, len(nodes)), st.just(nodes))),
    )


def trees() -> st.SearchStrategy[Node]:
    """Queries of everything that the language has, nested."""
    return st.recursive(_simple(), _combined, max_leaves=6)
