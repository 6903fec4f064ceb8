"""Events and posts as bytes: JSON with the schema's version in the envelope.

JSON, because a data protection officer can read what lies in the log with any tool.
"""

import msgspec

from stream.errors import Reject
from stream.events import Event
from stream.post import Post

SCHEMA_VERSION = 1
"""Grows when a reader of the older shape would misread the newer one. Fields that are only
added, with a default, do not change it: older readers skip them, newer ones fill them in."""

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding raises at bytes that another program wrote, or a newer release."""


class _Envelope(msgspec.Struct, frozen=True):
    v: int
    event: Event


class _Header(msgspec.Struct, frozen=True):
    v: int


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_Envelope)
_header = msgspec.json.Decoder(_Header)
_post = msgspec.json.Decoder(Post)


def encode(event: Event) -> bytes:
    """The event as it is appended to the log."""
    return _encoder.encode(_Envelope(SCHEMA_VERSION, event))


def decode(data: bytes) -> Event:
    """The event in a record's value; Reject when this version of peil cannot read it.

    The message never repeats a value, only where the shape is wrong.
    """
    try:
        envelope = _decoder.decode(data)
    except UNREADABLE as error:
        raise Reject(_reason(data, error)) from error
    if envelope.v != SCHEMA_VERSION:
        raise Reject(_reason(data, None))
    return envelope.event


def encode_post(post: Post) -> bytes:
    """The post as a store keeps it."""
    return _encoder.encode(post)


def decode_post(data: bytes) -> Post:
    """The post that `encode_post` wrote; Reject when it is something else."""
    try:
        return _post.decode(data)
    except UNREADABLE as error:
        raise Reject(f"not a stored post: {shape_of(error)}") from error


def _reason(data: bytes, error: Exception | None) -> str:
    try:
        version = _header.decode(data).v
    except UNREADABLE:
        return f"not an event of peil: {shape_of(error)}"
    if version > SCHEMA_VERSION:
        return f"schema {version} is newer than {SCHEMA_VERSION}: upgrade peil, then replay"
    return f"not an event of schema {version}: {shape_of(error)}"


def shape_of(error: Exception | None) -> str:
    """Where the shape is wrong, without the value: msgspec quotes an invalid one after `'`."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return str(error).split(" '", 1)[0] if isinstance(error, msgspec.DecodeError) else "bad bytes"
