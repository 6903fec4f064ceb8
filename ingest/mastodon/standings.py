"""What a server says of statuses that were collected: there, missing, or gone."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ingest.contract import Standing
from ingest.mastodon.server import Server
from ingest.mastodon.statuses import read, unwanted
from stream.errors import PeilError, Reject

SAID: Mapping[int, Standing] = {404: "missing", 410: "gone"}


def standings(server: Server | None, ids: Sequence[str]) -> Iterator[Standing]:
    """Of up to a lot of statuses, in order. What the server leaves out of its answer is asked
    about by itself: an answer that lacks all of them proves nothing. None: a server that may not
    be asked any more.
    """
    try:
        shown = server.statuses(ids) if server else None
    except PeilError:
        shown = None
    for each in ids:
        if server is None or shown is None:
            yield "unknown"
        else:
            yield _of(shown[each]) if each in shown else _alone(server, each)


def _alone(server: Server, id: str) -> Standing:  # noqa: A002  (a status's id)
    try:
        code, status = server.status(id)
    except PeilError:
        return "unknown"
    return SAID.get(code) or _of(status)


def _of(status: Any) -> Standing:
    """A status that is there may have been withdrawn all the same: its author opted out since."""
    try:
        return "gone" if unwanted(read(status)) else "there"
    except Reject:
        return "there"
