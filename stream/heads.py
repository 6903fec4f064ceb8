"""What of a record decides whether it is erased: whose it is, which post, which version."""

from collections.abc import Iterable, Iterator

import msgspec

from stream.broker import Record
from stream.codec import SCHEMA_VERSION, UNREADABLE
from stream.quarantine import Quarantined, QuarantinedRecord
from stream.topics import QUARANTINE


class Head(msgspec.Struct, frozen=True):
    """A record that carries a post, without the post: `record.value` is empty."""

    record: Record
    id: str
    author: str
    version: int


class _Post(msgspec.Struct, frozen=True):
    id: str
    author: str
    version: int


class _Upsert(msgspec.Struct, frozen=True, tag="upsert"):
    post: _Post


class _Envelope(msgspec.Struct, frozen=True):
    v: int
    event: _Upsert


# The rest of a post is passed over and not made: that is most of the cost of reading it.
_envelope = msgspec.json.Decoder(_Envelope)
_quarantined = msgspec.json.Decoder(Quarantined)


def heads(records: Iterable[Record]) -> Iterator[Head]:
    """The heads of those `records` that carry a post, in their order: what was erased, other
    events and what this version of peil cannot read have none.
    """
    for record in records:
        if record.value and (post := _post(record.topic, record.value)):
            stripped = msgspec.structs.replace(record, value=b"")  # values would fill the memory
            yield Head(stripped, post.id, post.author, post.version)


def _post(topic: str, value: bytes) -> _Post | None:
    try:
        if topic == QUARANTINE.name:
            item = _quarantined.decode(value)
            if not isinstance(item, QuarantinedRecord):
                return None
            value = item.value
        envelope = _envelope.decode(value)
    except UNREADABLE:  # another event, or what a worker rejects
        return None
    return envelope.event.post if envelope.v == SCHEMA_VERSION else None
