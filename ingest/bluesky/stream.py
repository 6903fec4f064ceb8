"""Collector `jetstream`: the posts of Bluesky's whole network, as they are written."""

import random
import re
import ssl
from collections.abc import Generator, Iterator
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ingest.bluesky.connection import Connection, Refused
from ingest.bluesky.listening import Ended, Listening
from ingest.bluesky.position import Position
from ingest.bluesky.records import POSTS
from ingest.bluesky.refusal import refusal_in
from ingest.bluesky.wire import V1, V2, Wire
from ingest.contract import Batch, Cursor
from ingest.web.addresses import checked_address, shown
from ingest.web.client import Web
from ingest.web.limits import reset_of
from ingest.web.quotation import quoted
from stream.clock import HOUR_MS, Clock
from stream.errors import PeilError, Retry, Stop

BATCH_ITEMS = 2_000
"""More than what is asked for again brings: who is killed after each first batch gets on, too."""

FULL_MS = 1_000
"""So long a batch with something in it waits for more."""

EMPTY_MS = 4_000
"""So long the caller waits for a batch with nothing in it."""

WAIT_SECONDS = 0.2
PAUSE_SECONDS = 0.5, 1.5
"""Between two connections: random, so that not all come back at once to a host that restarts."""

WRONG_CURSOR = 400
NOT_FOUND = 404
BUSY = (429, 503)
FIRST_SERVER_ERROR = 500

KIND = re.compile(r"[A-Za-z][A-Za-z0-9-]*(\.[A-Za-z][A-Za-z0-9-]*)+(\.\*)?")
"""How a kind of records is named (https://atproto.com/specs/nsid), or all that begin so."""


def _host(given: str) -> str:
    parts = urlsplit(checked_address(given, schemes=("ws", "wss")))
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(f"{shown(given)!r} has more than a host: leave what follows it out")
    return given


def _kind(given: str) -> str:
    if not KIND.fullmatch(given):
        raise ValueError(f"{given!r} is no kind of records; write it as {POSTS} or app.bsky.feed.*")
    return given


class JetstreamSettings(BaseModel):
    """`[settings]` of a source that listens to a Jetstream."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hosts: tuple[Annotated[str, AfterValidator(_host)], ...] = Field(
        default=(
            "wss://jetstream.us-east.bsky.network",
            "wss://jetstream.us-west.bsky.network",
            "wss://jetstream1.us-east.bsky.network",
            "wss://jetstream2.us-west.bsky.network",
        ),
        min_length=1,
        description="Where to listen: at the first that answers, at another when it fails.",
    )
    collections: tuple[Annotated[str, AfterValidator(_kind)], ...] = Field(
        default=(POSTS,),
        max_length=100,
        description="Kinds of records that are asked for; none is all. Only posts are kept.",
    )
    look_back_hours: float = Field(
        default=0.0,
        ge=0,
        le=36,
        description="How long ago the first run begins; hosts hold about 36 hours.",
    )
    silence_seconds: float = Field(
        default=60.0,
        ge=5,
        le=3_600,
        description="A stream that is silent for so long is dead, and is connected to anew.",
    )


class JetstreamCollector:
    """Listens to one host at a time, in the second version of the protocol or, where a host does
    not speak it, the first. The cursor holds how far which host was read.

    A host that fails costs a moment: the next one goes on. When all of them fail in a row, the
    error says what each said.
    """

    name: ClassVar[str] = "jetstream"
    Settings: ClassVar[type[BaseModel]] = JetstreamSettings
    repeats: ClassVar[bool] = False
    live: ClassVar[bool] = True
    endless: ClassVar[bool] = True

    def __init__(
        self,
        settings: JetstreamSettings,
        *,
        source: str,
        retention_days: int,
        web: Web,
        clock: Clock,
        rng: random.Random,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._settings = settings
        self._source = source
        self._retention_days = retention_days
        self._web = web
        self._clock = clock
        self._rng = rng
        self._tls = tls

    def poll(self, cursor: Cursor) -> Iterator[Batch]:
        listening = Listening(
            Position.of(cursor, since=self._since()),
            source=self._source,
            retention_days=self._retention_days,
        )
        hosts = self._settings.hosts
        host = listening.position.host if listening.position.host in hosts else hosts[0]
        failed: dict[str, PeilError] = {}
        while True:
            before = listening.position.time
            ended = yield from self._listen(host, listening)
            listening.harvest.warn(str(ended.why))
            answered = ended.again or listening.position.time != before
            yield msgspec.structs.replace(listening.batch(), answered=answered)
            if answered:
                failed.clear()
            else:
                failed[host] = ended.why
                others = [each for each in hosts if each not in failed]
                if not others:
                    raise _together(list(failed.values()))
                host = others[0]
            self._clock.sleep(self._rng.uniform(*PAUSE_SECONDS))

    def _since(self) -> int | None:
        """Where the first run begins (Unix microseconds); None at the present."""
        back = int(self._settings.look_back_hours * HOUR_MS)
        return (self._clock.now() - back) * 1000 if back else None

    def _listen(self, host: str, listening: Listening) -> Generator[Batch, None, Ended]:
        """One connection to `host`, from its beginning to its end."""
        try:
            wire, connection = self._connect(host, listening.position)
        except Refused as refused:
            return _judge(host, refused, listening.position, now=self._clock.now())
        except (Retry, Stop) as error:
            return Ended(error, again=False)
        with connection:
            return (yield from self._hear(host, wire, connection, listening))

    def _connect(self, host: str, position: Position) -> tuple[Wire, Connection]:
        """By v2, else by v1. Raises what Connection does."""
        try:
            return V2, self._open(host, V2, position)
        except Refused as refused:
            if refused.status != NOT_FOUND:
                raise
        return V1, self._open(host, V1, position)

    def _open(self, host: str, wire: Wire, position: Position) -> Connection:
        cursor = position.ask(host, wire, now=self._clock.now())
        return Connection(
            wire.address(host, collections=self._settings.collections, cursor=cursor),
            web=self._web,
            clock=self._clock,
            subprotocol=wire.subprotocol,
            tls=self._tls,
        )

    def _hear(
        self, host: str, wire: Wire, connection: Connection, listening: Listening
    ) -> Generator[Batch, None, Ended]:
        """Take what comes, until the connection is over or dead."""
        heard = told = self._clock.elapsed()
        silence = self._settings.silence_seconds
        while True:
            try:
                frames = connection.receive(seconds=WAIT_SECONDS)
            except Retry as error:
                return Ended(error, again=False)
            for frame in frames:
                ended = listening.take(frame, host=host, wire=wire, now=self._clock.now())
                if ended is not None:
                    return ended
                if len(listening.harvest) >= BATCH_ITEMS:
                    yield listening.batch()
                    told = self._clock.elapsed()
            now = self._clock.elapsed()
            if now - told >= (FULL_MS if len(listening.harvest) else EMPTY_MS):
                yield listening.batch()
                told = self._clock.elapsed()
            if frames:
                heard = now
            elif now - heard >= silence * 1000:
                return Ended(Retry(f"{host} was silent for {silence:.0f} seconds"), again=False)


def _judge(host: str, refused: Refused, position: Position, *, now: int) -> Ended:
    """What to do when the server answers with something else than a stream."""
    status, kind = refused.status, quoted(refused.headers.get("content-type", "no content type"))
    name, message = _said(refused)
    if status == WRONG_CURSOR and position.seq is not None:
        # `CursorTooOld`, or a number that means nothing to it: whatever it is, time goes on.
        position.forget_number()
        return Ended(Retry(f"{host} says {name}: {message}; it is asked by time"), again=True)
    if status in BUSY or status >= FIRST_SERVER_ERROR:
        until = reset_of(refused.headers.get("retry-after"), now=now)
        after = None if until is None else (until - now) / 1000
        return Ended(Retry(f"{host} is busy (status {status})", after=after), again=False)
    if message:
        return Ended(Stop(f"{host} refuses what it was asked ({name}: {message})"), again=False)
    return Ended(
        Stop(
            f"{host} answers with status {status} ({kind}) instead of a stream; look at it in a "
            "browser"
        ),
        again=False,
    )


def _said(refused: Refused) -> tuple[str, str]:
    """The name and the message of an error as XRPC writes it (v2), or of one line of plain text
    (v1); empty when it is none of these, such as a page.
    """
    refusal = refusal_in(refused.body)
    if refusal is not None:
        return refusal.error, refusal.message or "no message"
    plain = refused.headers.get("content-type", "").startswith("text/plain")
    text = refused.body.decode("utf-8", "replace").strip() if plain else ""
    return f"status {refused.status}", quoted(text)


def _together(errors: list[PeilError]) -> PeilError:
    """One error for all hosts. They stand in for each other, unlike parts of a source that are all
    wanted: it is a Stop when no host gets well by itself, and the first that does is enough.
    """
    message = "no host can be listened to: " + "; ".join(map(str, errors))
    if all(isinstance(error, Stop) for error in errors):
        return Stop(message)
    waits = [error.after for error in errors if isinstance(error, Retry) and error.after]
    return Retry(message, after=min(waits, default=None))
