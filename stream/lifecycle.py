"""The life of one id: which version of a post stands where, decided without touching anything.

    (absent) -> recent -> kept          newer version, or a rule that now matches
    kept -> recent                      newer version that no rule matches
    any -> (absent)                     its day, a delete, an erasure

The order that the index worker keeps, so that a kill between any two steps is mended by doing
the same batch again: newest version per id, ledger, where are these ids now, drop what is not
newer, write where it goes, remove where it was.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import msgspec

from stream.events import Delete, Upsert
from stream.partitions import Partition, partition_of
from stream.post import Post


class Located(msgspec.Struct, frozen=True):
    """Where an id is now, which version of it, and the terms that an edit may not prolong."""

    partition: Partition
    version: int
    keep_until: int
    first_observed: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write and then what to remove; `outcomes` counts what became of each event."""

    writes: Mapping[Partition, Sequence[Post]]
    removes: Mapping[Partition, Sequence[str]]
    outcomes: Counter[str] = field(default_factory=Counter)


def newest(events: Iterable[Upsert | Delete]) -> dict[str, Upsert | Delete]:
    """The newest event of each id; of equal versions the first one counts."""
    chosen: dict[str, Upsert | Delete] = {}
    for event in events:
        held = chosen.get(event.key)
        if held is None or version_of(event) > version_of(held):
            chosen[event.key] = event
    return chosen


def version_of(event: Upsert | Delete) -> int:
    """The packed version of what the event says."""
    return event.post.version if isinstance(event, Upsert) else event.version


def settle(
    events: Iterable[Upsert | Delete],
    *,
    located: Mapping[str, Sequence[Located]],
    blocked: AbstractSet[str],
    now: int,
) -> Plan:
    """Decide a batch.

    `located` has every place of the batch's ids, `blocked` the ids whose incoming version the
    ledger forbids, `now` is in Unix ms. An id that is in two places (a kill came between write
    and remove) is brought back to its newest one.
    """
    writes: dict[Partition, list[Post]] = {}
    removes: dict[Partition, list[str]] = {}
    outcomes: Counter[str] = Counter()
    events = list(events)
    chosen = newest(events)
    outcomes["superseded"] = len(events) - len(chosen)
    for key, event in chosen.items():
        places = located.get(key, ())
        post, outcome = _decide(event, places, blocked=key in blocked, now=now)
        outcomes[outcome] += 1
        if post is not None:
            home = partition_of(post)
            writes.setdefault(home, []).append(post)
            stale = [place.partition for place in places if place.partition != home]
        elif outcome in ("deleted", "blocked", "expired"):
            stale = [p.partition for p in places if p.version <= version_of(event)]
        else:
            best = max(places, key=_rank, default=None)
            stale = [place.partition for place in places if place is not best]
        for partition in stale:
            removes.setdefault(partition, []).append(key)
    return Plan(writes, removes, +outcomes)


def _rank(place: Located) -> tuple[int, bool]:
    """Newest first; of equal versions the kept one, because that is where it was going."""
    return place.version, place.partition.kind == "kept"


def _decide(
    event: Upsert | Delete, places: Sequence[Located], *, blocked: bool, now: int
) -> tuple[Post | None, str]:
    if isinstance(event, Delete):
        return None, "deleted"
    if blocked:
        return None, "blocked"
    if any(place.version >= event.post.version for place in places):
        return None, "not_newer"
    post = event.post
    if places:
        post = msgspec.structs.replace(
            post,
            first_observed=min(post.first_observed, *(p.first_observed for p in places)),
            keep_until=min(post.keep_until, *(p.keep_until for p in places)),
        )
    home = partition_of(post)
    if home.until_ms <= now:
        return None, "expired"
    return post, home.kind
