"""What a collector promises: native items in, raw posts out, nothing lost silently."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import msgspec
import pydantic

from stream.events import Gap
from stream.post import RawAuthorDelete, RawDelete, RawPost

RawItem = RawPost | RawDelete | RawAuthorDelete
Cursor = Mapping[str, Any]
"""What a collector needs to go on where it stopped: JSON values, opaque to everybody else."""

NO_ACCIDENT = 5
"""So many items that could not be read, and no good one beside them, are none."""

KEY = re.compile(r"(?=.{1,40}\Z)[A-Za-z]+(?:_[A-Za-z]+){0,3}")
MAX_KEYS = 40


class Rejected(msgspec.Struct, frozen=True):
    """An item that could not be mapped. It holds no values of the item, only its skeleton.

    `where` says how to find the item again (file hash and offset, feed and position),
    `why` the reason, `skeleton` the keys and types.
    """

    where: str
    why: str
    skeleton: Mapping[str, str]


def skeleton(item: Any) -> dict[str, str]:
    """The keys and types of an item, none of its values. A key that is no plain name is left
    out: it may be a value.
    """
    if isinstance(item, Mapping):
        keys = [key for key in item if KEY.fullmatch(str(key))]
        return {str(key): type(item[key]).__name__ for key in keys[:MAX_KEYS]}
    return {"": type(item).__name__}


class Budget(msgspec.Struct, frozen=True):
    """How many requests a server still allows of `limit`, until `resets` (Unix ms)."""

    remaining: int
    limit: int
    resets: int


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """What one poll brought. `cursor` is saved only after all items are acknowledged.

    `read` counts native items, mapped or not: read = items + rejected + skipped. `skipped`
    counts by reason the items that carry no post by design (a boost without text, a header).
    `watermark` is up to when, in the source's own time (Unix ms), everything was read, where the
    source says that; `budget` what its server said last of its limits. `answered` is whether a
    server answered: False for a batch that only follows an error or says that a part may not be
    asked yet. `warnings` are for a person to look at; without an answer they only explain the run.
    `lasting` are those that hold of a part whether it was asked or not.
    """

    cursor: Cursor
    read: int = 0
    items: Sequence[RawItem] = ()
    rejected: Sequence[Rejected] = ()
    skipped: Mapping[str, int] = {}
    gaps: Sequence[Gap] = ()
    warnings: Sequence[str] = ()
    lasting: Sequence[str] = ()
    watermark: int | None = None
    budget: Budget | None = None
    answered: bool = True


class Reference(msgspec.Struct, frozen=True):
    """What is needed to ask a platform about a post again; personal, so it is kept sealed."""

    platform: str
    native_id: str
    address: str = ""


Standing = Literal["there", "missing", "gone", "unknown", "unasked"]
"""What a platform says of a post: `gone` for good; `missing` now, which a second time is gone;
`unknown` when it did not say; `unasked` when its server, one of several, wants to be left alone:
the post is asked about again in an hour.
"""


@runtime_checkable
class Rechecking(Protocol):
    """A collector that can find out whether a post was deleted."""

    def reference(self, post: RawPost) -> Reference | None:
        """What to ask by later; None when the platform cannot be asked about this post."""
        ...

    def recheck(self, references: Sequence[Reference]) -> Iterator[Standing]:
        """Ask about each, in order; may block. An error is `unknown`, never `gone`. Raises Retry
        for a server that wants to be left alone: what was said before holds, the rest was not
        asked.
        """
        ...


@runtime_checkable
class Backfilling(Protocol):
    """A collector that can bring what was there in a period that is over."""

    def backfill(self, start: int, end: int, cursor: Cursor) -> Iterator[Batch]:
        """What was written from `start` to `end` (exclusive, Unix ms), as `poll` brings it. The
        cursor is one of this backfill alone: a killed one goes on where it stopped.
        """
        ...


@runtime_checkable
class Resting(Protocol):
    """A collector that keeps in its cursor which servers want to be left alone, and until when."""

    def woken(self, cursor: Cursor) -> Cursor:
        """The cursor without that, where it follows a failure: a person says that they are to be
        asked at once. All else stays as it is.
        """
        ...


@runtime_checkable
class InLots(Protocol):
    """A `Rechecking` collector that asks about so many posts in one request of its platform."""

    lot: ClassVar[int]


@runtime_checkable
class OfOrganisations(Protocol):
    """A collector of named accounts. It runs only where `organisations` is true and the register
    says that the source is one verified organisation: else it would follow persons.
    """

    organisations: ClassVar[bool]


class Collector(Protocol):
    """One source's way into peil. Built per run from its settings; holds no state of its own
    beyond the run: what must be remembered is in the cursor.

    Errors are named by recovery: `Retry(after)` the source is to be asked again later,
    `Stop(why)` a person must act; a single bad item is a `Rejected` in the batch. An error,
    a block page or a changed format is never an empty batch.
    """

    name: ClassVar[str]
    """The word in `collector = "…"` of a source file."""

    Settings: ClassVar[type[pydantic.BaseModel]]
    """The model of the source file's `[settings]`; unknown keys are errors."""

    repeats: ClassVar[bool]
    """Whether the same item can be shown twice, so that seen-keys are kept."""

    live: ClassVar[bool]
    """Whether what is older than the source's retention is dropped as `too_old`."""

    endless: ClassVar[bool]
    """Whether `poll` goes on for good, as a stream does. It then brings a batch at least every
    five seconds, an empty one if need be, so that the caller can end it by closing the iterator.
    Only to connect it may take longer, but not a minute.
    """

    def poll(self, cursor: Cursor) -> Iterator[Batch]:
        """Everything there is since `cursor` (empty: from the start), in batches; may block.

        The caller saves each batch's cursor after the broker acknowledged it, before it takes
        the next one; so a kill between two batches costs and repeats nothing.
        """
        ...
