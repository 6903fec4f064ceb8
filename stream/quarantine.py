"""Where what cannot be handled waits, with its reason and origin, until a person looks.

After the gate a quarantined item is the record itself. Before the gate it is a skeleton: where
it can be found again, its keys and types, and no value.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from stream.broker import Broker, Entry, Record, TopicName
from stream.clock import Clock
from stream.codec import UNREADABLE, shape_of
from stream.errors import Stop
from stream.scan import scan, standing
from stream.settings import StreamSettings
from stream.topics import QUARANTINE

WINDOW = 1_000
"""Of how many last records the share of bad ones is taken."""

ENOUGH = 100
"""A share is not judged before so many records were seen."""


class QuarantinedRecord(msgspec.Struct, frozen=True, tag="record"):
    """A record that a worker could not handle."""

    worker: str
    why: str
    at: int
    topic: str
    key: str
    value: bytes


class Skeleton(msgspec.Struct, frozen=True, tag="skeleton"):
    """An item that did not pass the gate, without its values."""

    source: str
    where: str
    why: str
    at: int
    shape: Mapping[str, str]


Quarantined = QuarantinedRecord | Skeleton

_decoder = msgspec.json.Decoder(Quarantined)


class Quarantine:
    """Topic `quarantine`, for those who put something in and those who look."""

    def __init__(self, broker: Broker, *, clock: Clock) -> None:
        self._broker = broker
        self._clock = clock

    def put_record(self, record: Record, *, worker: str, why: str) -> None:
        """Keep `record`, under its own key so that erasure finds it. Acknowledged on return."""
        item = QuarantinedRecord(
            worker, why, self._clock.now(), record.topic, record.key, record.value or b""
        )
        self._put(record.key, item)

    def put_skeleton(self, source: str, *, where: str, why: str, shape: Mapping[str, str]) -> None:
        """Keep where an item of `source` is and what it looked like. Acknowledged on return."""
        self._put(where, Skeleton(source, where, why, self._clock.now(), shape))

    def _put(self, key: str, item: Quarantined) -> None:
        self._broker.append(QUARANTINE.name, [Entry(key, msgspec.json.encode(item))])

    def items(self) -> Iterator[tuple[int, Quarantined]]:
        """Everything that waits, oldest first, each with its number."""
        for record, item in self._standing():
            yield record.offset, item

    def _standing(self) -> Iterator[tuple[Record, Quarantined]]:
        for record in standing(scan(self._broker, QUARANTINE.name)):
            yield record, _item(record)

    def replay(self, numbers: Iterable[int]) -> int:
        """Append the records with these numbers to the topics they came from; returns how many.

        They leave the quarantine. A skeleton holds nothing to replay and stays: its file or feed
        is to be read again, and whoever does that settles it.
        """
        wanted = set(numbers)
        chosen: list[Record] = []
        entries: dict[TopicName, list[Entry]] = {}
        for record, item in self._standing():
            if record.offset in wanted and isinstance(item, QuarantinedRecord):
                chosen.append(record)
                entries.setdefault(item.topic, []).append(Entry(item.key, item.value))
        for topic, some in entries.items():
            self._broker.append(topic, some)
        return self._broker.erase(QUARANTINE.name, chosen)

    def settle(self, numbers: Iterable[int]) -> int:
        """Take away the items with these numbers: whoever calls has dealt with what they were
        about. Returns how many there were.
        """
        wanted = set(numbers)
        return self._broker.erase(
            QUARANTINE.name, [record for record, _ in self._standing() if record.offset in wanted]
        )


def _item(record: Record) -> Quarantined:
    """What was put there; of what another program put there, or a newer release, its outline."""
    try:
        item: Quarantined = _decoder.decode(record.value or b"")
    except UNREADABLE as error:
        where, why = f"offset {record.offset}", f"no item of this release: {shape_of(error)}"
        return Skeleton(record.topic, where, why, record.appended_at, {})
    return item


class Limit:
    """Stops a worker that finds everything bad: a bad deploy must not empty the log into
    quarantine.
    """

    def __init__(self, settings: StreamSettings, *, worker: str) -> None:
        self._settings = settings
        self._worker = worker
        self._last: deque[bool] = deque(maxlen=WINDOW)
        self._run = 0

    def passed(self, batch: Iterable[bool]) -> None:
        """Take note of a batch, of each record in its order whether it was bad; Stop when bad ones
        are too many.
        """
        longest = 0
        for bad in batch:
            self._last.append(bad)
            self._run = self._run + 1 if bad else 0
            longest = max(longest, self._run)
        share = sum(self._last) / len(self._last) if self._last else 0.0
        too_many = len(self._last) >= ENOUGH and share > self._settings.quarantine_share
        if too_many or longest >= self._settings.quarantine_run:
            raise Stop(
                f"worker {self._worker}: {share:.0%} of the last {len(self._last)} records had to "
                f"be quarantined, {longest} of them in a row; look at `peil quarantine list`, "
                "mend the cause, then start again and replay them"
            )
