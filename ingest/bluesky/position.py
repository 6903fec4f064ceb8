"""How far a stream was read, and whether what it goes on with joins that.

Every host of a Jetstream numbers its events itself, and tells when it saw them by a clock of its
own. So one goes on by number at the host where one was, and by time elsewhere, each a little
before where one stopped: what comes again is known, and what came late or out of order there is
not lost.
"""

from typing import Any, Self

from ingest.bluesky.wire import Event, Wire
from ingest.contract import Cursor
from stream.events import Gap

OVERLAP_US = 5_000_000
"""How much is asked for again by time. Clocks of hosts differ by less."""

QUIET_US = 60_000_000
"""The network is never quiet for so long: what begins later than this after it was asked to begin
lacks something.
"""

OVERLAP_SEQS = 500
"""How much is asked for again by number: half a second of the whole network."""


class Position:
    """Where reading is: the host, the highest number it gave, and the latest time (Unix
    microseconds). `since` is where to begin when nothing was read yet, None from now on; it stays
    where it was at the first attempt, so that nothing is lost while attempts fail.
    """

    def __init__(self, *, host: str, seq: int | None, time: int | None, since: int | None) -> None:
        self.host = host
        self.seq = seq
        self.time = time
        self._since = since
        self._asked: int | None = None
        self._joined = True
        self._by_number = False

    @classmethod
    def of(cls, cursor: Cursor, *, since: int | None) -> Self:
        """Where `cursor` says, which is empty at the first attempt."""
        return cls(
            host=cursor.get("host", ""),
            seq=cursor.get("seq"),
            time=cursor.get("time"),
            since=cursor.get("since", since),
        )

    def cursor(self) -> Cursor:
        """To go on from here."""
        if self.time is None:
            return {} if self._since is None else {"since": self._since}
        known: dict[str, Any] = {"host": self.host, "time": self.time}
        return known if self.seq is None else {**known, "seq": self.seq}

    def ask(self, host: str, wire: Wire, *, now: int) -> int | None:
        """The cursor to ask `host` for. What comes first is to be shown to `join`.

        A host whose clock was ahead of `now` (Unix ms) is not believed: its time would lead past
        what others have.
        """
        self._joined, self._by_number = False, False
        if self.time is None:
            self._asked = None if self._since is None else min(self._since, now * 1000)
            self._since = now * 1000 if self._asked is None else self._asked
            return self._asked
        self.time = min(self.time, now * 1000)
        if wire.numbered and host == self.host and self.seq is not None:
            self._by_number = True
            return max(1, self.seq - OVERLAP_SEQS)
        return self.time - OVERLAP_US

    def forget_number(self) -> None:
        """The number leads nowhere any more; go on by time."""
        self.seq = None

    def leads_elsewhere(self, event: Event) -> bool:
        """Whether the first event after `ask` says that the number asked for is not where we
        were: a host that lost what it held numbers anew. It is to be asked by time then.
        """
        return not self._joined and self._by_number and self._is_later(event)

    def join(self, event: Event, *, source: str) -> Gap | None:
        """The gap before the first event after `ask`, None when there is none.

        What was read last was asked for again: when even the first that comes is later than that,
        what lay between is not there any more, nor what came late among the last that was read.
        v1 says nothing when it begins later than it was asked to, and either wire begins with the
        present where it keeps nothing. Where nothing was read yet, what comes `QUIET_US` after what
        was asked for is later.
        """
        if self._joined:
            return None
        self._joined = True
        if self.time is not None:
            start, latest = self.time - OVERLAP_US, self.time
        elif self._asked is not None:
            start, latest = self._asked, self._asked + QUIET_US
        else:
            return None
        if event.time <= latest:
            return None
        return Gap(
            source,
            start // 1000,
            -(-event.time // 1000),
            "the stream did not hold it any more when it was asked for it",
        )

    def _is_later(self, event: Event) -> bool:
        """Whether `event` came after all that was read."""
        return self.time is not None and event.time > self.time

    def note(self, event: Event, host: str) -> None:
        """`event` of `host` was read."""
        if host != self.host:
            self.host, self.seq = host, None
        if event.seq is not None:
            self.seq = event.seq if self.seq is None else max(self.seq, event.seq)
        self.time = event.time if self.time is None else max(self.time, event.time)
