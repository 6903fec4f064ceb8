"""How far each timeline was read, which servers want to be left alone, and what fails: what is
remembered.
"""

import copy
from typing import Any

from ingest.contract import Cursor
from ingest.mastodon.settings import MastodonSettings, ServerSettings
from ingest.mastodon.timelines import Timeline, timelines
from ingest.several import Parts
from ingest.web.limits import rests
from stream.clock import Clock
from stream.errors import Retry


class Places:
    """The cursor of a source while it is read. What the settings do not name is forgotten. Its
    `parts` are servers and timelines, by their addresses.
    """

    def __init__(self, settings: MastodonSettings, cursor: Cursor, *, clock: Clock) -> None:
        held, rest = cursor.get("timelines", {}), cursor.get("rest", {})
        self._states: dict[str, dict[str, Any]] = {
            timeline.address: copy.deepcopy(held.get(timeline.address, {}))
            for server in settings.servers
            for timeline in timelines(server)
        }
        self._rest: dict[str, int] = {
            server.address: until
            for server in settings.servers
            if rests(until := rest.get(server.address, 0), now=clock.now())
        }
        self._servers = [server.address for server in settings.servers]
        names = [*self._servers, *self._states]
        self.parts = Parts(names, cursor.get("failed", {}), clock=clock)

    def cursor(self) -> Cursor:
        """As it is now: what comes later does not change it."""
        return {"timelines": copy.deepcopy(self._states), "rest": dict(self._rest),
                "failed": self.parts.held()}  # fmt: skip

    def state(self, timeline: Timeline) -> dict[str, Any]:
        """The state of a timeline, to be changed while it is read."""
        return self._states[timeline.address]

    def watermark(self) -> int | None:
        """Up to when all timelines were read (Unix ms); None when one never was."""
        return min(state.get("read", 0) for state in self._states.values()) or None

    def rest(self, server: ServerSettings, error: Exception, *, now: int) -> None:
        """Leave `server` alone as long as its error says."""
        after = error.after if isinstance(error, Retry) else None
        self._rest[server.address] = now + int((after or 0) * 1000)

    def resting(self, server: ServerSettings, *, now: int) -> bool:
        return self._rest.get(server.address, 0) > now

    def all_rest(self, *, now: int) -> float | None:
        """For how many seconds no server may be asked; None when one may."""
        wait = min(self._rest.get(address, 0) for address in self._servers) - now
        return wait / 1000 if wait > 0 else None
