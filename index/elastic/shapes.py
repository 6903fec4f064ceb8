"""The answers of Elasticsearch that peil reads, and what each must hold.

What stands between, such as a proxy, may answer in its place. So nothing is read from an answer
that has not its shape: `Cluster.asked` turns a wrong one into a Retry.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar

from elastic_transport import ObjectApiResponse
from msgspec import Meta, Struct, ValidationError, convert, field

Shape = TypeVar("Shape")


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


class Created(Struct):
    """A user or a role that is as it was sent, and whether it is new."""

    created: bool


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


class Snapshot(Struct):
    """Which indices are in a backup."""

    repository: str
    snapshot: str
    indices: Sequence[str]


class Snapshots(Struct):
    """The backups there are."""

    snapshots: Sequence[Snapshot]
