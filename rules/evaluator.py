"""The naive evaluator: plain code that defines what every query means.

The matcher on the stream and the stores must give the same answer on the same posts.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property, lru_cache
from itertools import chain, islice
from typing import assert_never
from zoneinfo import ZoneInfo

from rules.folding import fold
from rules.spans import Span, Spans, either, listed, near, remembering, together
from rules.tree import (
    And,
    Cased,
    Dates,
    Field,
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
    children,
)  # fmt: skip
from stream.post import Post, Token

MAX_SPANS = 100
"""Of a text that repeats itself without end, so many spans are evidence enough."""

NESTED = (Near, Together, Or, Keywords)
"""What beside a NEAR is not made of words alone, or not only of one."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether a post matches, and the spans of what made it match, in order."""

    matched: bool
    spans: tuple[Span, ...]


class Reading:
    """A post prepared for asking: which form stands where."""

    def __init__(self, post: Post, timezone: str) -> None:
        self.post = post
        self.tokens: Sequence[Token] = post.tokens
        self._timezone = timezone

    @cached_property
    def places(self) -> dict[str, list[int]]:
        """The positions of each folded form."""
        places: dict[str, list[int]] = {}
        for position, token in enumerate(self.tokens):
            for form in token.forms:
                places.setdefault(form, []).append(position)
        return places

    @cached_property
    def sentences(self) -> Sequence[int]:
        """Of each position where its sentence ends."""
        ends = list(range(1, len(self.tokens) + 1))
        for at in range(len(ends) - 2, -1, -1):
            if self.tokens[at].sentence == self.tokens[at + 1].sentence:
                ends[at] = ends[at + 1]
        return ends

    @cached_property
    def day(self) -> date:
        """The local day that the post was made."""
        return local_day(self.post.created_at, self._timezone)


def evaluate(tree: Node, post: Post, *, timezone: str = "Europe/Amsterdam") -> Outcome:
    """Whether `post` matches `tree`; days are those of `timezone`."""
    reading = Reading(post, timezone)
    if not holds(tree, reading):
        return Outcome(matched=False, spans=())
    found = set(islice(evidence(tree, reading), MAX_SPANS))
    return Outcome(matched=True, spans=tuple(sorted(found)))


def holds(node: Node, post: Reading) -> bool:
    """Whether `node` is true of the post."""
    match node:
        case Term() | Phrase() | Prefix() | Cased() | Lemma() | Part():
            return any(True for _ in spans(node, post))
        case Near() | Together():
            return bool(_near(node, post))
        case And():
            return all(holds(child, post) for child in node.children)
        case Or():
            return any(holds(child, post) for child in node.children)
        case Keywords():
            return any(holds(entry, post) for entry in node.entries)
        case Not():
            return not holds(node.child, post)
        case Of():
            return sum(holds(member, post) for member in node.members) >= node.least
        case Field():
            return not field_values(node, post.post).isdisjoint(node.values)
        case Dates():
            return node.first <= post.day < node.end
        case _:
            assert_never(node)


def spans(node: Node, post: Reading) -> Iterator[Span]:
    """Every span of a node that has a place in the text, made when it is asked for: of a NEAR there
    may be millions. One of an OR may come twice.
    """
    match node:
        case Term():
            yield from ((at, at + 1) for at in post.places.get(node.form, ()))
        case Phrase():
            yield from _phrase(node, post)
        case Prefix():
            for form, places in post.places.items():
                if form.startswith(node.stem):
                    yield from ((at, at + 1) for at in places)
        case Cased():
            words = [token.cased for token in post.tokens]
            for start in range(len(words) - len(node.words) + 1):
                if tuple(words[start : start + len(node.words)]) == node.words:
                    yield start, start + len(node.words)
        case Lemma():
            yield from (
                (at, at + 1)
                for at, token in enumerate(post.tokens)
                if node.word == token.lemma or node.word in token.forms
            )
        case Part():
            yield from (
                (at, at + 1)
                for at, token in enumerate(post.tokens)
                if node.word in token.parts or node.word in token.forms
            )
        case Or():
            for child in node.children:
                yield from spans(child, post)
        case Keywords():
            for entry in node.entries:
                yield from spans(entry, post)
        case Near() | Together():
            yield from _near(node, post)
        case And() | Not() | Of() | Field() | Dates():
            return
        case _:
            assert_never(node)


def _phrase(node: Phrase, post: Reading) -> Iterator[Span]:
    first, *others = (post.places.get(form, ()) for form in node.forms)
    longest = len(node.forms) + node.slop
    for start in first:
        end = start + 1
        for places in others[:-1]:  # the first that comes leaves the most to what comes after it
            found = bisect_left(places, end)
            if found == len(places):
                return
            end = places[found] + 1
        lasts = _within(others[-1], end, start + longest - 1) if others else (start,)
        yield from ((start, at + 1) for at in lasts)


def _within(places: Sequence[int], first: int, last: int) -> Sequence[int]:
    return places[bisect_left(places, first) : bisect_right(places, last)]


def _near(node: Near | Together, post: Reading) -> Spans:
    left, right = _beside(node.left, post), _beside(node.right, post)
    if isinstance(node, Near):
        return near(left, right, node.distance, ordered=node.ordered)
    return together(left, right, post.sentences)


def _beside(node: Node, post: Reading) -> Spans:
    """The spans of what stands beside NEAR."""
    match node:
        case Near() | Together():
            return remembering(_near(node, post))
        case Or() | Keywords():
            below = children(node)
            nested = [_beside(each, post) for each in below if isinstance(each, NESTED)]
            plain = [each for each in below if not isinstance(each, NESTED)] if nested else below
            words = listed(chain.from_iterable(spans(each, post) for each in plain))
            return either([words, *nested]) if nested else words
        case _:
            return listed(spans(node, post))


def evidence(node: Node, post: Reading) -> Iterator[Span]:
    """The spans of everything in `node` that is true and has a place in the text."""
    match node:
        case And() | Or() | Of() | Keywords():
            for child in children(node):
                if holds(child, post):
                    yield from evidence(child, post)
        case Not() | Field() | Dates():
            return
        case _:
            yield from spans(node, post)


def field_values(node: Field, post: Post) -> frozenset[str]:
    """The post's values of a field, in the form that a query names them."""
    match node.name:
        case "lang":
            return _present(post.lang.value if post.lang else None)
        case "topic":
            return _present(post.topic.value if post.topic else None)
        case "sentiment":
            return _present(post.sentiment.value if post.sentiment else None)
        case "source":
            return frozenset({post.source})
        case "platform":
            return frozenset({post.platform})
        case "kind":
            return frozenset({post.kind})
        case "place":
            return frozenset(fold(place.name) for place in post.places)
        case "rule":
            return frozenset(match.rule for match in post.matches)
        case "has":
            has = {"link": bool(post.domains), "media": post.has_media}
            return frozenset(name for name, value in has.items() if value)
        case _:
            assert_never(node.name)


def _present(value: str | None) -> frozenset[str]:
    return frozenset() if value is None else frozenset({value})


def local_day(milliseconds: int, timezone: str) -> date:
    """The day of Unix `milliseconds` on the calendar of `timezone`."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).astimezone(_zone(timezone)).date()


@lru_cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
