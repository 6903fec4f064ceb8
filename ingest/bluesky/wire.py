"""The two ways in which a Jetstream says the same: its frames to one small set of events.

v2 is the lexicon `network.bsky.jetstream.subscribeEvents`, framed as `xrpc.v1.json` says; v1 the
older `/subscribe` (https://github.com/bluesky-social/jetstream, docs/README.md, 5.1 and 5.2). Most
events of the network are no posts: only what all events have is decoded, and a record stays the
bytes that it came in until somebody wants it.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec

from ingest.web.answers import UNREADABLE
from stream.errors import Reject

KINDS = ("commit", "account", "sync")
"""What is asked for where one can ask: identities only say that a handle changed."""

MAX_MESSAGE_BYTES = 1_000_000
"""No post is nearly as large: the server is asked to leave larger messages out."""

EARLIEST_US = 946_684_800_000_000
"""2000-01-01: an event from before it is none."""

MAX_NUMBER = 2**63 - 1

_EPOCH = datetime.fromtimestamp(0, UTC)
_MICROSECOND = timedelta(microseconds=1)
_PREFIX = "network.bsky.jetstream.subscribeEvents#"


class Commit(msgspec.Struct, frozen=True, gc=False):
    """A record was written or deleted. `record` is JSON, empty for a delete."""

    rev: str
    operation: str
    collection: str
    rkey: str
    record: msgspec.Raw = msgspec.Raw(b"")


class Event(msgspec.Struct, frozen=True, gc=False):
    """Something happened in the repository of `did`. `kind` is commit, account, sync, identity,
    or one that is not known; `time` when the server saw it (Unix microseconds), `seq` its number
    at that server (v2 only), `active` whether the account is.
    """

    kind: str
    did: str
    time: int
    seq: int | None = None
    commit: Commit | None = None
    active: bool = True


class Notice(msgspec.Struct, frozen=True, gc=False):
    """The server says something about the stream. After a `final` one it hangs up."""

    name: str
    message: str
    final: bool


class Account(msgspec.Struct, frozen=True, gc=False):
    """Whether an account is active: not when it was deleted, taken down, suspended or left."""

    active: bool


class FrameV1(msgspec.Struct, frozen=True, gc=False):
    """A frame of v1."""

    did: str
    time_us: int
    kind: str
    commit: Commit | None = None
    account: Account | None = None


class Payload(msgspec.Struct, frozen=True, gc=False):
    """What a message of v2 carries, of whatever type."""

    type: str = msgspec.field(name="$type")
    did: str = ""
    time: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    seq: Annotated[int, msgspec.Meta(ge=0, le=MAX_NUMBER)] | None = None
    rev: str = ""
    operation: str = ""
    collection: str = ""
    rkey: str = ""
    record: msgspec.Raw = msgspec.Raw(b"")
    account: Account | None = None
    name: str = ""
    message: str = ""


class FrameV2(msgspec.Struct, frozen=True, gc=False):
    """A frame of v2."""

    type: str = msgspec.field(name="$type")
    payload: Payload | None = None
    error: str = ""
    message: str = ""


_V1 = msgspec.json.Decoder(FrameV1)
_V2 = msgspec.json.Decoder(FrameV2)


def read_v1(frame: bytes) -> Event | Notice:
    """The event in a frame of v1; Reject, without its values, when there is none."""
    found: FrameV1 = _decode(_V1, frame)
    _check(found.kind, found.commit, found.account, time=found.time_us)
    return Event(
        kind=found.kind,
        did=found.did,
        time=found.time_us,
        commit=found.commit,
        active=found.account is None or found.account.active,
    )


def read_v2(frame: bytes) -> Event | Notice:
    """The event or notice in a frame of v2; Reject, without its values, when there is none."""
    found: FrameV2 = _decode(_V2, frame)
    if found.type == "error":
        return Notice(found.error, found.message, final=True)
    if found.type != "message" or found.payload is None:
        raise Reject("neither a message nor an error")
    payload = found.payload
    kind = payload.type.removeprefix(_PREFIX)
    if kind == "info":
        return Notice(payload.name, payload.message, final=False)
    if payload.seq is None or not payload.did or payload.time is None:
        raise Reject("an event without its number, account or time")
    commit = None
    if kind == "commit":
        commit = Commit(
            payload.rev, payload.operation, payload.collection, payload.rkey, payload.record
        )
    time = (payload.time - _EPOCH) // _MICROSECOND
    _check(kind, commit, payload.account, time=time)
    return Event(
        kind=kind,
        did=payload.did,
        time=time,
        seq=payload.seq,
        commit=commit,
        active=payload.account is None or payload.account.active,
    )


def _decode(decoder: msgspec.json.Decoder[Any], frame: bytes) -> Any:
    try:
        return decoder.decode(frame)
    except UNREADABLE as error:
        raise Reject(f"no frame of a Jetstream: {error}") from None


def _check(kind: str, commit: Commit | None, account: Account | None, *, time: int) -> None:
    if time < EARLIEST_US:
        raise Reject("an event of before the year 2000")
    if kind == "commit" and (commit is None or not commit.collection or not commit.rkey):
        raise Reject("a commit that does not say of which record")
    if kind == "account" and account is None:
        raise Reject("an account's event that does not say whether it is active")


class Wire(msgspec.Struct, frozen=True, kw_only=True):
    """One way to ask and to be answered. `numbered` says whether events have a number, by which
    one may go on too, not only by time.
    """

    name: str
    path: str
    subprotocol: str | None
    numbered: bool
    read: Callable[[bytes], Event | Notice]
    collections: str
    fixed: Sequence[tuple[str, str]]

    def address(self, host: str, *, collections: Sequence[str], cursor: int | None) -> str:
        """Where to connect to at `host` (`wss://…`); no `cursor` is from now on."""
        query = [*self.fixed, *((self.collections, each) for each in collections)]
        if cursor is not None:
            query.append(("cursor", str(cursor)))
        return f"{host.rstrip('/')}{self.path}?{urlencode(query)}"


V1 = Wire(
    name="v1",
    path="/subscribe",
    subprotocol=None,
    numbered=False,
    read=read_v1,
    collections="wantedCollections",
    fixed=(("maxMessageSizeBytes", str(MAX_MESSAGE_BYTES)),),
)
V2 = Wire(
    name="v2",
    path="/xrpc/network.bsky.jetstream.subscribeEvents",
    subprotocol="xrpc.v1.json",
    numbered=True,
    read=read_v2,
    collections="collections",
    fixed=(
        ("maxMessageSizeBytes", str(MAX_MESSAGE_BYTES)),
        *(("kinds", kind) for kind in KINDS),
    ),
)
