"""The answers to searches, and what each must hold: see `shapes`."""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from msgspec import Struct, field

Hit = TypeVar("Hit")
Aggregations = TypeVar("Aggregations")
Bucket = TypeVar("Bucket")


class _Held(Struct):
    post: str


class Stored(Struct):
    """A hit with the stored post."""

    source: _Held = field(name="_source")
    sort: Sequence[Any] = ()


class _Versioned(Struct):
    version: tuple[int]


class Entry(Struct):
    """A hit with its version alone."""

    id: str = field(name="_id")
    fields: _Versioned
    sort: Sequence[Any] = ()


class _Place(Struct):
    version: tuple[int]
    keep_until: tuple[int]
    first_observed: tuple[int]


class Placed(Struct):
    """A hit with where it is and how long."""

    id: str = field(name="_id")
    index: str = field(name="_index")
    fields: _Place


class _Person(Struct):
    epoch: tuple[int]
    who: tuple[int]


class Author(Struct):
    """A hit with who wrote it."""

    fields: _Person


class _Total(Struct):
    value: int


class _Counted(Struct):
    total: _Total


class _Hits(Struct, Generic[Hit]):
    hits: Sequence[Hit]


class Number(Struct):
    """How many there are."""

    hits: _Counted


class Found(Struct, Generic[Hit]):
    """Some of what there is."""

    hits: _Hits[Hit]


class _AllHits(_Hits[Hit], Generic[Hit]):
    total: _Total


class All(Struct, Generic[Hit]):
    """Some of what there is, and how many there are."""

    hits: _AllHits[Hit]


class Moment(Struct):
    """Indices as they were at one time."""

    id: str


class Page(Found[Hit], Generic[Hit]):
    """Some of what there was at a moment, and that moment to ask for more."""

    pit_id: str


class _Asked(Struct):
    total: int


class Answered(Struct, Generic[Aggregations]):
    """What was counted; nothing where no index is left."""

    shards: _Asked = field(name="_shards")
    aggregations: Aggregations | None = None

    def __post_init__(self) -> None:
        if self.shards.total and self.aggregations is None:
            message = "nothing was counted"
            raise ValueError(message)


class Buckets(Struct, Generic[Bucket]):
    """What an aggregation counted, and where its next page begins."""

    buckets: Sequence[Bucket]
    after_key: Mapping[str, Any] = {}


class _Named(Struct):
    key: str
    doc_count: int


class ByIndex(Struct):
    """Posts by index."""

    indices: Buckets[_Named]


class _Numbered(Struct):
    key: int


class Busy(Struct):
    """Authors of a day."""

    busy: Buckets[_Numbered]


class Cell(Struct):
    """A combination of values, by their fields."""

    key: Mapping[str, Any]
    doc_count: int


class _Collected(Struct):
    value: Sequence[int]


class _Sum(Struct):
    value: float


class PeopledCell(Cell):
    """A cell with its authors and the number of those that stand for more."""

    who: _Collected
    record: _Sum


class BusyCell(Cell):
    """A cell with the number of its posts that do not count."""

    over: _Sum


class Cells(Struct, Generic[Bucket]):
    """A page of combinations."""

    cells: Buckets[Bucket]
