"""A record of ours as Kafka holds it.

Compaction removes what a later record of the same Kafka key supersedes. So the Kafka key carries
more than ours: a tag that no other record has. Then nothing is ever compacted away but what was
erased, by a tombstone under exactly its Kafka key. An older version of a post that is appended
after a newer one, by a retry or a replay, takes nothing from a reader who is far behind. Only
topics that are to be compacted by key have no tag.

A Kafka key is our key and then the tag, byte for byte. One that another program wrote need be no
text: then it is all tag, and our key is empty.
"""

import os
from typing import NamedTuple, Protocol

from stream.broker import Entry, Record, Topic, partition_of

HEADER = "peil"
ERASURE = (HEADER, b"erased")
BEAT = (HEADER, b"beat")
RANDOM_BYTES = 8
SEPARATOR = b"\0"
TAG_BYTES = len(SEPARATOR) + RANDOM_BYTES


class Message(NamedTuple):
    """What is sent to Kafka."""

    partition: int
    key: bytes
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class Received(Protocol):
    """What Kafka returns: `kafka.consumer.fetcher.ConsumerRecord`."""

    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> list[tuple[str, bytes]]: ...


def wrap(entry: Entry, topic: Topic) -> Message:
    """`entry` as it is sent to `topic`."""
    tag = b"" if topic.compacted else SEPARATOR + os.urandom(RANDOM_BYTES)
    partition = partition_of(entry.key, topic.partitions)
    return Message(partition, _key(entry.key, tag), entry.value)


def erasure(record: Record) -> Message:
    """What takes `record` back."""
    return Message(record.partition, _key(record.key, record.tag), None, (ERASURE,))


def beat(partition: int) -> Message:
    """What makes Kafka begin a new file of `partition` when it is time; nobody reads it."""
    return Message(partition, _key("", SEPARATOR + bytes(RANDOM_BYTES)), None, (BEAT,))


def is_mark(received: Received) -> bool:
    """Whether it is an erasure or a beat, and no record that somebody appended."""
    return any(name == HEADER for name, _ in received.headers)


def is_beat(received: Received) -> bool:
    """Whether it says nothing at all."""
    return BEAT in received.headers


def unwrap(received: Received, topic: Topic) -> Record:
    """The record as it was appended to `topic`, or the tombstone of an erased one. Whatever
    another program wrote there makes a record too: a worker is to reject it, not to fail here.
    """
    raw = received.key or b""
    tagged = not topic.compacted and raw[-TAG_BYTES:].startswith(SEPARATOR)
    end = len(raw) - TAG_BYTES if tagged else len(raw)
    try:
        key, tag = raw[:end].decode(), raw[end:]
    except UnicodeDecodeError:
        key, tag = "", raw
    return Record(
        topic.name,
        received.partition,
        received.offset,
        key,
        received.value,
        received.timestamp,
        tag,
    )


def _key(key: str, tag: bytes) -> bytes:
    return key.encode() + tag
