"""A topic from its earliest record to its end, outside any group."""

from collections.abc import Iterator

from stream.broker import Broker, Record, TopicName


def scan(broker: Broker, topic: TopicName) -> Iterator[Record]:
    """Every record that is there when the scan starts, by partition in offset order."""
    for partition, (start, end) in broker.ends(topic).items():
        offset = start
        while offset < end:
            records = broker.read(topic, partition, start=offset)
            if not records:
                break
            yield from records
            offset = records[-1].offset + 1


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
