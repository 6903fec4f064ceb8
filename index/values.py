"""By what values a post is counted, in every engine the same."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import assert_never
from zoneinfo import ZoneInfo

from index.contract import Bin, Counted, Dimension
from stream.post import Label, Post

UNKNOWN = "?"
"""The value of a label that a model abstained from."""

EPOCH = date(1970, 1, 1)

MONTH_LENGTH = len("2026-11")

LONGEST = 8_000
"""Bytes of UTF-8 that a word has in an index; Lucene takes four times as many and then refuses
the whole post."""


def values_of(post: Post, dimension: Counted, *, timezone: str) -> tuple[str, ...]:
    """The values that `post` counts under; more than one only for what a post has several of."""
    match dimension:
        case "language":
            return (_value(post.lang),)
        case "topic":
            return (_value(post.topic),)
        case "sentiment":
            return (_value(post.sentiment),)
        case "source":
            return (post.source,)
        case "platform":
            return (post.platform,)
        case "kind":
            return (post.kind,)
        case "reach":
            return (post.reach,)
        case "rule":
            return distinct([match.rule for match in post.matches])
        case "rule_version":
            return distinct([match.name for match in post.matches])
        case "shadow":
            return distinct([match.name for match in post.shadows])
        case "place":
            return distinct([place.name for place in post.places])
        case "hashtag":
            return distinct(post.hashtags)
        case "domain":
            return distinct(post.domains)
        case "hour" | "day" | "week" | "month":
            return (bin_name(local_hour(post.created_at, timezone), dimension),)
        case _:
            assert_never(dimension)


WHOLE_DAYS: frozenset[Dimension] = frozenset({"day", "week", "month"})
"""Dimensions in which all posts of an author and a day count in one cell: only there the counts of
the cells, in which a person has so many posts a day at most, add up to that of all posts.
"""

MULTIPLE: frozenset[Dimension] = frozenset({"rule", "rule_version", "place", "hashtag", "domain"})
"""Dimensions in which a post can count in several cells, or in none."""


def _value(label: Label | None) -> str:
    return UNKNOWN if label is None or label.value is None else label.value


def distinct(words: Sequence[str]) -> tuple[str, ...]:
    """Each of `words` once, in their order, as an index takes it."""
    return tuple(dict.fromkeys(map(fitting, words))) if words else ()


def fitting(word: str) -> str:
    """`word`, cut where it would be too long for an index."""
    if len(word) <= LONGEST // 4:
        return word
    return word.encode()[:LONGEST].decode(errors="ignore")


def local_hour(milliseconds: int, timezone: str) -> int:
    """The hours from 1970-01-01T00 on the clock of `timezone` to the hour that holds
    `milliseconds` (Unix).
    """
    local = datetime.fromtimestamp(milliseconds / 1000, UTC).astimezone(_zone(timezone))
    return hours_to(local.date()) + local.hour


def local_day(milliseconds: int, timezone: str) -> date:
    """The day on the clock of `timezone` that holds `milliseconds` (Unix)."""
    return EPOCH + timedelta(days=local_hour(milliseconds, timezone) // 24)


def hours_to(day: date) -> int:
    """The hours from 1970-01-01T00 to the beginning of `day`, on one clock."""
    return (day - EPOCH).days * 24


def start_of(day: date, timezone: str) -> int:
    """The moment in Unix milliseconds at which `day` begins there."""
    return int(datetime(day.year, day.month, day.day, tzinfo=_zone(timezone)).timestamp() * 1000)


def bin_name(hour: int, name: Bin) -> str:
    """How the bin that holds local hour number `hour` is written."""
    day = EPOCH + timedelta(days=hour // 24)
    match name:
        case "hour":
            return f"{day.isoformat()}T{hour % 24:02}"
        case "day":
            return day.isoformat()
        case "week":
            year, week, _ = day.isocalendar()
            return f"{year}-W{week:02}"
        case "month":
            return f"{day:%Y-%m}"
        case _:
            assert_never(name)


def bin_of(day: str, name: Dimension) -> str:
    """The bin in which a whole `day` lies; ValueError for a dimension of no whole days."""
    if name not in ("day", "week", "month"):
        message = f"{name} is no bin of whole days"
        raise ValueError(message)
    return bin_name(hours_to(date.fromisoformat(day)), name)


@lru_cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def bins_between(names: Sequence[str], name: Bin) -> Sequence[str]:
    """The names of all bins from the first to the last of `names`."""
    names = sorted(names)
    if not names:
        return []
    found: dict[str, None] = {}
    hour = hours_to(first_day(names[0]))
    if name == "hour":
        hour += int(names[0][11:])
    while True:
        label = bin_name(hour, name)
        found[label] = None
        if label >= names[-1]:
            return list(found)
        hour += 1 if name == "hour" else 24


def first_day(label: str) -> date:
    """The day on which the bin of that name begins, or in which its hour lies."""
    if "W" in label:
        return date.fromisoformat(f"{label}-1")
    return date.fromisoformat(f"{label}-01" if len(label) == MONTH_LENGTH else label[:10])


def day_after(label: str) -> date:
    """The first day after the bin of that name, or after the day of its hour."""
    first = first_day(label)
    if "W" in label:
        return first + timedelta(days=7)
    if len(label) == MONTH_LENGTH:
        return (first + timedelta(days=31)).replace(day=1)
    return first + timedelta(days=1)
