"""What the gate is told of a source, and what it answers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from stream.events import AuthorDelete, Delete, Upsert
from stream.post import Keep


class Sighting(msgspec.Struct, frozen=True):
    """What is remembered of an item that a source may show again. Times in Unix ms; `edited` is
    the latest edit that the platform dated.
    """

    id: str
    content_hash: str
    first_observed: int
    rev: int
    edited: int | None = None


class Seen(Protocol):
    """The seen-keys of one source."""

    def lookup(self, ids: Sequence[str]) -> Mapping[str, Sighting]:
        """The sightings of those ids that were seen before."""
        ...


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """On what terms a source's posts are taken in. `live`: older than retention is too old;
    `approved`: the privacy officer approved platforms of the never-list.
    """

    source: str
    keep: Keep
    retention_days: int
    live: bool
    approved: bool = False


@dataclass(slots=True)
class Admitted:
    """What a batch became: every item is an event, a drop with its reason, or a rejection.

    `sightings` are to be stored once the events are acknowledged. `rejected` holds the index
    of an item in the batch and what is wrong with it, without its values.
    """

    events: list[Upsert | Delete | AuthorDelete] = field(default_factory=list)
    sightings: dict[str, Sighting] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)
    rejected: list[tuple[int, str]] = field(default_factory=list)
