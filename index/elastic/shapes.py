"""The answers of Elasticsearch that peil reads, and what each must hold.

What stands between, such as a proxy, may answer in its place. So nothing is read from an answer
that has not its shape: `Cluster.asked` turns a wrong one into a Retry.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Generic, TypeVar

from elastic_transport import ObjectApiResponse
from msgspec import Meta, Struct, ValidationError, convert, field

Shape = TypeVar("Shape")
Hit = TypeVar("Hit")
Aggregations = TypeVar("Aggregations")
Bucket = TypeVar("Bucket")


def shaped(answer: ObjectApiResponse[Any], shape: type[Shape]) -> Shape:
    """`answer` as a `shape`; ValidationError when it is none. Call it within `Cluster.asked`."""
    return convert(answer.body, shape)


def as_many(answers: Sequence[Shape], asked: int) -> Sequence[Shape]:
    """`answers`, when there are as many as was asked for; else ValidationError."""
    if len(answers) != asked:
        message = "another number of answers than was asked for"
        raise ValidationError(message)
    return answers


# Of what is changed.


class Acknowledged(Struct):
    """A change that the whole of Elasticsearch knows of."""

    acknowledged: bool

    def __post_init__(self) -> None:
        if not self.acknowledged:
            message = "not all of it knows in time"
            raise ValueError(message)


class Broadcast(Struct):
    """Something that was done on each shard."""

    shards: Mapping[str, Any] = field(name="_shards")


class _Refusal(Struct):
    type: str
    reason: str


class Made(Struct):
    """That an index was made, or why not."""

    acknowledged: bool = False
    error: _Refusal | None = None

    def __post_init__(self) -> None:
        if not self.acknowledged and self.error is None:
            message = "neither was it made nor is there an error"
            raise ValueError(message)


class Done(Struct):
    """What became of one write."""

    status: int
    error: Mapping[str, Any] = {}


class Written(Struct):
    """Of each write its only outcome, by its kind."""

    items: Sequence[Annotated[dict[str, Done], Meta(min_length=1, max_length=1)]]


class Standing(Struct):
    """Whether one id is there."""

    found: bool = False


class Standings(Struct):
    """Whether each of some ids is there."""

    docs: Sequence[Standing]


class Failure(Struct):
    """Why one of them stays."""

    status: int
    cause: Mapping[str, Any] = {}


class Removed(Struct):
    """What became of posts that a query matched."""

    total: int
    deleted: int
    failures: Sequence[Failure]


# Of indices.


class Aliased(Struct):
    """An index with its aliases alone."""

    aliases: Mapping[str, Any]


class Settings(Struct):
    """What an index is set to."""

    index: Mapping[str, Any]


class Index(Aliased):
    """All that is known of an index."""

    mappings: Mapping[str, Any]
    settings: Settings


class _Routing(Struct):
    primary: bool


class _Operations(Struct):
    max_seq_no: int


class _Lease(Struct):
    retaining_seq_no: int


class _Leases(Struct):
    leases: Sequence[_Lease]


class Copy(Struct):
    """One copy of a shard."""

    routing: _Routing
    seq_no: _Operations
    retention_leases: _Leases


class _Documents(Struct):
    deleted: int


class _Primaries(Struct):
    docs: _Documents


class Files(Struct):
    """What is in the files of an index."""

    primaries: _Primaries
    shards: Mapping[str, Sequence[Copy]]


class Statistics(Struct):
    """What is in the files of indices, by their names."""

    indices: Mapping[str, Files]


# Of searches.


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


class Located(Struct):
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


class Cells(Struct, Generic[Bucket]):
    """A page of combinations."""

    cells: Buckets[Bucket]
