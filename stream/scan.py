"""A topic from its earliest record to its end, or some records of it, outside any group."""

from collections.abc import Iterator, Sequence

from stream.broker import Broker, Record, TopicName

NEAR = 100
"""Records so near each other are read in one go: what lies between costs less than a new read."""

AT_ONCE = 5_000


def scan(broker: Broker, topic: TopicName) -> Iterator[Record]:
    """Every record that is there when the scan starts, by partition in offset order."""
    for partition, (start, end) in broker.ends(topic).items():
        for records in pages(broker, topic, partition, start=start, end=end):
            yield from records


def pages(
    broker: Broker, topic: TopicName, partition: int, *, start: int, end: int, limit: int = 1000
) -> Iterator[Sequence[Record]]:
    """The records from offset `start` to `end` (exclusive) at least, some at a time."""
    offset = start
    while offset < end:
        records = broker.read(topic, partition, start=offset, limit=limit)
        if not records:
            break
        yield records
        offset = records[-1].offset + 1


def at(
    broker: Broker, topic: TopicName, partition: int, offsets: Sequence[int]
) -> Iterator[Record]:
    """The records at these ascending `offsets` that are still there, in one read where they lie
    near each other.
    """
    for some in _neighbours(offsets):
        wanted, last = set(some), some[-1]
        limit = last - some[0] + 1
        for records in pages(broker, topic, partition, start=some[0], end=last + 1, limit=limit):
            yield from (record for record in records if record.offset in wanted)


def _neighbours(offsets: Sequence[int]) -> Iterator[Sequence[int]]:
    """`offsets` cut where a gap is wide, or where enough are together."""
    first = 0
    for number in range(1, len(offsets) + 1):
        if (
            number == len(offsets)
            or offsets[number] - offsets[number - 1] > NEAR
            or offsets[number] - offsets[first] >= AT_ONCE
        ):
            yield offsets[first:number]
            first = number


def standing(records: Iterator[Record]) -> list[Record]:
    """Those of `records`, in their order, that no later tombstone takes back."""
    held: dict[tuple[str, bytes], list[Record]] = {}
    for record in records:
        identity = (record.key, record.tag)
        if record.value is None:
            held.pop(identity, None)
        else:
            held.setdefault(identity, []).append(record)
    found = [record for each in held.values() for record in each]
    return sorted(found, key=lambda record: (record.partition, record.offset))
