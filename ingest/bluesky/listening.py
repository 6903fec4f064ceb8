"""What a stream is heard to say: each frame as an event that is kept, or as trouble."""

import msgspec

from ingest.bluesky.harvest import Harvest
from ingest.bluesky.position import Position
from ingest.bluesky.wire import Notice, Wire
from ingest.contract import Batch
from stream.errors import PeilError, Reject, Retry, Stop

UNREADABLE_RUN = 100
"""So many frames in a row that say nothing to us: the format has changed."""

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

    def take(self, frame: bytes, *, host: str, wire: Wire) -> Ended | None:
        """Take one frame of `host`; when the connection is not to be read further, why."""
        where = f"{host}: {wire.name}, after {self.position.seq or self.position.time}"
        try:
            heard = wire.read(frame)
        except Reject as error:
            return self._doubt(frame, where, error)
        if isinstance(heard, Notice):
            return self._notice(heard, host)
        if self.position.leads_elsewhere(heard):
            self.position.forget_number()
            return Ended(Retry(f"{host} has other numbers now; it is asked by time"), again=True)
        gap = self.position.join(heard, source=self._source)
        if gap is not None:
            self.harvest.gap(gap)
        self.position.note(heard, host)
        if self.harvest.take(heard, where=where):
            self._unreadable = 0
            return None
        return self._count_unreadable(host, f"what happened is called {heard.kind[:40]!r}")

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
        said = f"{host} says {notice.name}: {notice.message[:200]}"
        if notice.final:
            return Ended(Retry(said), again=False)
        self.harvest.warn(said)
        return None
