"""What a stream is heard to say: each frame as an event that is kept, or as trouble."""

import msgspec

from ingest.bluesky.harvest import Harvest
from ingest.bluesky.position import Position
from ingest.bluesky.wire import Event, Notice, Wire
from ingest.contract import Batch
from ingest.web.quotation import quoted
from stream.errors import PeilError, Reject, Retry, Stop

UNREADABLE_RUN = 100
"""So many frames in a row that say nothing to us: the format has changed."""

AHEAD_US = 600_000_000
"""A host's clock may be ten minutes ahead of ours; what it dates later says nothing of where it is
in its stream.
"""

NOWHERE = -1
"""No moment of a stream."""


class Ended(msgspec.Struct, frozen=True):
    """Why a connection ended. `again`: the same host goes on, as it brought something or is now
    asked in another way.
    """

    why: PeilError
    again: bool


class Listening:
    """What was heard, over all connections of a run: how far, and what waits for a batch."""

    def __init__(self, position: Position, *, source: str, retention_days: int) -> None:
        self.position = position
        self.harvest = Harvest(retention_days=retention_days)
        self._source = source
        self._unreadable = 0
        self._doubted: int | None = NOWHERE

    def batch(self) -> Batch:
        """What was gathered, with the cursor behind it."""
        time = self.position.time
        return self.harvest.batch(
            self.position.cursor(), watermark=None if time is None else time // 1000
        )

    def take(self, frame: bytes, *, host: str, wire: Wire, now: int) -> Ended | None:
        """Take one frame of `host` that came by `now` (Unix ms); when the connection is not to be
        read further, why.
        """
        where = f"{host}: {wire.name}, after {self.position.seq or self.position.time}"
        try:
            heard = wire.read(frame)
        except Reject as error:
            return self._doubt(frame, where, error)
        if isinstance(heard, Notice):
            return self._notice(heard, host)
        event = (
            heard if heard.time <= now * 1000 else msgspec.structs.replace(heard, time=now * 1000)
        )
        if heard.time > now * 1000 + AHEAD_US:
            self.harvest.warn(
                f"{host} dates what happens more than ten minutes ahead: that is taken as of now; "
                "its clock is wrong, or this machine's"
            )
        elif self.position.leads_elsewhere(event):
            self.position.forget_number()
            return Ended(Retry(f"{host} has other numbers now; it is asked by time"), again=True)
        else:
            self._go_on(event, host)
        if self.harvest.take(event, where=where):
            self._unreadable = 0
            return None
        return self._count_unreadable(host, f"what happened is called {event.kind[:40]!r}")

    def _go_on(self, event: Event, host: str) -> None:
        """`event` says how far the stream is, and with it whether something lacks before it."""
        gap = self.position.join(event, source=self._source)
        if gap is not None:
            self.harvest.gap(gap)
        self.position.note(event, host)

    def _doubt(self, frame: bytes, where: str, error: Reject) -> Ended | None:
        """A frame that cannot be read may have been broken on its way: it is asked for once more,
        and when it is broken again, it is rejected.
        """
        if self._doubted != self.position.time:
            self._doubted = self.position.time
            return Ended(Retry(f"{where}: {error}; asked once more"), again=True)
        self.harvest.reject(frame, where=where, why=str(error))
        return self._count_unreadable(where, str(error))

    def _count_unreadable(self, where: str, why: str) -> Ended | None:
        self._unreadable += 1
        if self._unreadable < UNREADABLE_RUN:
            return None
        return Ended(
            Stop(
                f"{where}: the last {self._unreadable} messages could not be read ({why}); the "
                "format has changed, and peil must learn the new one"
            ),
            again=False,
        )

    def _notice(self, notice: Notice, host: str) -> Ended | None:
        said = f"{host} says {quoted(notice.name)}: {quoted(notice.message)}"
        if notice.final:
            return Ended(Retry(said), again=False)
        self.harvest.warn(said)
        return None
