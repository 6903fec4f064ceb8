"""Writes that wait for a flush, and what became of each of them."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from index.elastic.cluster import MISSING, Cluster, Gone, kinds_of
from index.elastic.mapping import Names, source
from index.elastic.shapes import Done, Standings, Written, as_many, shaped
from stream.errors import Reject, Retry, Stop
from stream.partitions import Partition
from stream.post import Post

BYTES = 8_000_000
"""What is sent at once, about; Elasticsearch takes 100 MB and works best below 15."""

CONFLICT, BAD = 409, 400
FAILED = 300
STRICT = "strict_dynamic_mapping_exception"
OF_A_POST = frozenset(
    {
        "document_parsing_exception",
        "mapper_parsing_exception",
        "max_bytes_length_exceeded_exception",  # a word that is longer than an index can hold
    }
)
"""What a post itself can be refused for; any other 400 is the fault of its index."""

VERSIONS = range(1 << 63)
"""Those that Elasticsearch takes. A request with another one is refused as a whole."""

ONLY = ["errors", "items.*.status", "items.*.error"]

TRIES = 8
PAUSE_SECONDS = 0.25

_encoder = msgspec.json.Encoder()


class Removal(NamedTuple):
    """A post goes when it has this version or an older one; None: whatever version it has. A
    newer one stays, which is no error: another writer put it there.
    """

    version: int | None


Change = Post | Removal


class _Write(NamedTuple):
    partition: Partition
    id: str
    change: Change


class Buffer:
    """The writes of one process since the last flush; the last one of an id and partition counts.

    Indices keep the version of a post as the document's own, and take an equal one or a newer
    one: what another writer has done meanwhile is never undone.
    """

    def __init__(
        self,
        cluster: Cluster,
        names: Names,
        *,
        timezone: str,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._cluster = cluster
        self._pause = pause
        self._names = names
        self._timezone = timezone
        self._writes: dict[str, dict[Partition, Change]] = {}

    def put(self, partition: Partition, posts: Sequence[Post]) -> None:
        for post in posts:
            self._writes.setdefault(post.id, {})[partition] = post

    def remove(self, partition: Partition, key: str, version: int | None) -> None:
        """See `Removal` for `version`."""
        self._writes.setdefault(key, {})[partition] = Removal(version)

    def waiting(self, key: str) -> Mapping[Partition, Change]:
        """What waits for this id."""
        return self._writes.get(key, {})

    def clear(self) -> None:
        """Give up what waits."""
        self._writes.clear()

    def __len__(self) -> int:
        return len(self._writes)

    def send(self) -> None:
        """Write all; visible to searches when it returns. When it raises, what could be done is
        done and the rest is given up.
        """
        writes = [
            _Write(partition, key, change)
            for key, changes in self._writes.items()
            for partition, change in changes.items()
        ]
        self._writes.clear()
        outcome = _Outcome()
        writes = outcome.without_strange_versions(writes)
        for _ in range(TRIES):
            outcome.conflicts.clear()
            self._send(writes, outcome)
            writes = self._hindered(outcome.conflicts)
            if not writes:
                break
            self._pause(PAUSE_SECONDS)
        else:
            outcome.errors.append(Retry(f"{self._cluster.name} still remembers what was removed"))
        outcome.settle()

    def _send(self, writes: Sequence[_Write], outcome: "_Outcome") -> None:
        for some, body in self._bodies(writes):
            with self._cluster.asked():
                answer = self._cluster.client.options(max_retries=0).bulk(
                    operations=body, require_alias=True, refresh=True, filter_path=ONLY
                )
                items = as_many(shaped(answer, Written).items, len(some))
            outcome.add(self._cluster, some, [done for each in items for done in each.values()])

    def _bodies(self, writes: Sequence[_Write]) -> Iterator[tuple[list[_Write], list[Any]]]:
        """What goes into one request: writes, and their lines in JSON."""
        some: list[_Write] = []
        body: list[Any] = []
        size = 0
        for write in writes:
            lines = self._lines(write)
            some.append(write)
            body += lines
            size += sum(map(len, lines))
            if size >= BYTES:
                yield some, body
                some, body, size = [], [], 0
        if some:
            yield some, body

    def _lines(self, write: _Write) -> list[bytes]:
        at: dict[str, Any] = {"_index": self._names.entrance(write.partition), "_id": write.id}
        change = write.change
        if change.version is not None:
            at |= {"version": change.version, "version_type": "external_gte"}
        if isinstance(change, Removal):
            return [_encoder.encode({"delete": at})]
        return [_encoder.encode({"index": at}), source(change, timezone=self._timezone)]

    def _hindered(self, conflicts: Sequence[_Write]) -> list[_Write]:
        """What was not written because of its version though no newer one is there: the memory
        of its removal, some tenths of a second old, stands in the way.
        """
        if not conflicts:
            return []
        wanted = [
            {"_index": self._names.entrance(write.partition), "_id": write.id}
            for write in conflicts
        ]
        with self._cluster.asked():
            answer = self._cluster.client.mget(docs=wanted, source=False)
            standings = as_many(shaped(answer, Standings).docs, len(wanted))
        return [write for write, held in zip(conflicts, standings, strict=True) if not held.found]


class _Outcome:
    """What became of the writes of one flush."""

    def __init__(self) -> None:
        self.conflicts: list[_Write] = []
        self.errors: list[Exception] = []

    def without_strange_versions(self, writes: Sequence[_Write]) -> list[_Write]:
        """Those that can be sent at all."""
        found: list[_Write] = []
        for write in writes:
            version = write.change.version
            if version is None or version in VERSIONS:
                found.append(write)
            else:
                self.errors.append(Reject("Elasticsearch cannot take a version below 0 or so high"))
        return found

    def add(self, cluster: Cluster, writes: Sequence[_Write], items: Sequence[Done]) -> None:
        for write, done in zip(writes, items, strict=True):
            status = done.status
            removal = isinstance(write.change, Removal)
            if status < FAILED or (removal and status in (MISSING, CONFLICT)):
                continue  # a conflict of a removal: a newer version is there, which stays
            if status == CONFLICT:
                self.conflicts.append(write)
            else:
                self.errors.append(_error(cluster, status, done.error))

    def settle(self) -> None:
        """Raise what is gravest; Reject comes last, so that it is raised for one post alone."""
        for error in sorted(self.errors, key=_rank):
            raise error


def _rank(error: Exception) -> int:
    return 0 if isinstance(error, Stop) else 1 if isinstance(error, Retry) else 2


def _error(cluster: Cluster, status: int, detail: Mapping[str, Any]) -> Exception:
    """The error of one write. What Elasticsearch says of a document may quote it: only the type
    is told.
    """
    kinds = kinds_of(detail)
    kind = kinds[0] if kinds else "no reason given"
    if STRICT in kinds:
        return Stop(
            f"{cluster.name}: an index does not know a field of peil ({STRICT}): its mapping was "
            "changed by hand; `peil doctor` says which"
        )
    if status == BAD and not OF_A_POST.isdisjoint(kinds):
        return Reject(f"Elasticsearch cannot take this post ({kind})")
    if status == BAD:
        return Stop(
            f"{cluster.name}: an index takes no posts as it is ({kind}): it was closed, or its "
            "alias is on another one too; `peil doctor` says which"
        )
    refused = cluster.refusal(status, detail)
    if isinstance(refused, Gone):
        return Gone(f"{cluster.name}: a partition was dropped while it was written")
    return refused
