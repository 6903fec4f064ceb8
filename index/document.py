"""A post as it is found: which fields there are and what stands in each, in every engine."""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple

from index.contract import Counted
from index.tally import author_of
from index.values import bin_name, distinct, fitting, local_hour, values_of
from rules.folding import fold
from stream.post import Post

CASED, LEMMA, PART = "\ue001", "\ue002", "\ue003"
"""Marks in front of a token's other forms, which share its position in the one field `tokens`."""

LABELS: tuple[Counted, ...] = (
    "language", "topic", "sentiment", "source", "platform", "kind", "reach", "rule",
    "rule_version", "shadow", "place", "hashtag", "domain",
)  # fmt: skip
"""Dimensions that are kept as words; times are kept as local hours and days."""

WORDS = (*LABELS, "folded_place", "has", "special")
"""Fields of whole words, of which a post can have several or none."""

NUMBERS = (
    "epoch", "ms", "hour", "day", "version", "keep_until", "first_observed", "record",
    "author_day",
)  # fmt: skip
"""Fields of one number that fits into 63 bits. `ms` is when the post was made, `record` is what
the noise of its counts is made of, `author_day` stands for its author and local day.
"""

RECORD_BITS = 24
"""So short that the sum over hundreds of millions of posts is exact in a float of 64 bits."""

AUTHOR_DAY_BITS = 52
"""So short that a float of 64 bits holds it: engines give the values of numbers as such."""

SPECIAL = "yes"
"""The one value of field `special`: a rule on a special category of personal data matched."""

QUERY_FIELDS = {"lang": "language", "place": "folded_place"}
"""Fields of the rule language whose name in the index is another."""


class Document(NamedTuple):
    """All but the tokens; `who` is the 64 bits that an author counts by."""

    words: Mapping[str, Sequence[str]]
    numbers: Mapping[str, int]
    who: int


def document(post: Post, *, timezone: str) -> Document:
    """What is found of `post`; days and hours are those of `timezone`."""
    words: dict[str, Sequence[str]] = {
        name: values_of(post, name, timezone=timezone) for name in LABELS
    }
    has = {"link": bool(post.domains), "media": post.has_media}
    words["folded_place"] = tuple({fitting(fold(place.name)) for place in post.places})
    words["has"] = tuple(name for name, present in has.items() if present)
    words["special"] = (SPECIAL,) if post.special_category else ()
    epoch, who = author_of(post.author)
    hour = local_hour(post.created_at, timezone)
    numbers = {
        "epoch": epoch,
        "ms": post.created_at,
        "hour": hour,
        "day": hour // 24,
        "version": post.version,
        "keep_until": post.keep_until,
        "first_observed": post.first_observed,
        "record": record_of(post.id),
        "author_day": author_day(epoch, who, hour // 24),
    }
    return Document(words, numbers, who)


def forms_at(
    forms: tuple[str, ...], cased: str, lemma: str, parts: tuple[str, ...]
) -> tuple[str, ...]:
    """What stands at the position of a token of these forms. Few different words make up most
    of all texts, so it is worth while to remember what becomes of them.
    """
    found = [*forms]
    if cased:
        found.append(CASED + cased)
    if lemma:
        found.append(LEMMA + lemma)
    found += [PART + part for part in parts]
    return distinct(found)


def record_of(post_id: str) -> int:
    """The key of a post that the noise of counts is made of: its id is a keyed hash already."""
    return int(post_id, 16) & ((1 << RECORD_BITS) - 1)


def author_day(epoch: int, who: int, day: int) -> int:
    """What an author's posts of one day have in common, and no others."""
    text = f"{epoch}:{who}:{day}".encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big") >> (64 - AUTHOR_DAY_BITS)


def id_numbers(post_id: str) -> tuple[int, int]:
    """The two halves of a post's id (32 hex digits) as numbers of 64 bits."""
    return int(post_id[:16], 16), int(post_id[16:], 16)


def column_of(dimension: Counted) -> str:
    """The field that posts are counted by; the values are then those of `counted_as`."""
    if dimension in LABELS:
        return dimension
    return "hour" if dimension == "hour" else "day"


def counted_as(dimensions: Iterable[Counted], values: Iterable[str]) -> tuple[str, ...]:
    """The key of a cell whose fields have these values."""
    return tuple(
        _value(dimension, value) for dimension, value in zip(dimensions, values, strict=True)
    )


def _value(dimension: Counted, value: str) -> str:
    if dimension == "hour":
        return bin_name(int(value), "hour")
    if dimension in ("day", "week", "month"):
        return bin_name(int(value) * 24, dimension)
    return value
