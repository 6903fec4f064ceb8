"""What servers say of statuses that were collected: there, missing, or gone."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ingest.contract import Standing
from ingest.mastodon.server import Server
from ingest.mastodon.statuses import read, unwanted
from stream.errors import PeilError, Reject, Retry, Stop

STANDINGS: Mapping[int, Standing] = {404: "missing", 410: "gone"}


class Standings:
    """Asks `servers`, by their addresses, in the course of one re-check.

    One that fails is left alone: what remains of it is `unasked`. What it failed at is `unknown`,
    as it may be what it always fails at, unless the server said that it wants to be left alone.
    """

    def __init__(self, servers: Mapping[str, Server]) -> None:
        self._servers = servers
        self._left: set[str] = set()

    def of(self, address: str, ids: Sequence[str]) -> Iterator[Standing]:
        """Of up to a lot of statuses of one server, in order. What it leaves out of its answer is
        asked about by itself: an answer that lacks all of them proves nothing.
        """
        shown = self._shown(address, ids)
        for each in ids:
            if not isinstance(shown, Mapping):
                yield shown
            elif each in shown:
                yield _of(shown[each])
            else:
                yield self._alone(address, each)

    def _shown(self, address: str, ids: Sequence[str]) -> Mapping[str, Any] | Standing:
        """Those that the server shows, or what is to be said of all of them."""
        if address not in self._servers:
            return "unknown"  # it may not be asked any more
        if address in self._left:
            return "unasked"
        try:
            return self._servers[address].statuses(ids)
        except (Retry, Stop) as error:
            return self._leave(address, error)

    def _alone(self, address: str, id: str) -> Standing:  # noqa: A002  (a status's id)
        if address in self._left:
            return "unasked"
        try:
            code, status = self._servers[address].status(id)
        except Retry as error:
            return self._leave(address, error)
        except Stop:
            return "unknown"  # of this one
        return STANDINGS.get(code) or _of(status)

    def _leave(self, address: str, error: PeilError) -> Standing:
        """Ask the server for nothing more; what is to be said of what it was asked last."""
        self._left.add(address)
        return "unasked" if isinstance(error, Retry) and error.after else "unknown"


def _of(status: Any) -> Standing:
    """A status that is there may have been withdrawn all the same: its author opted out since."""
    try:
        return "gone" if unwanted(read(status)) else "there"
    except Reject:
        return "there"
