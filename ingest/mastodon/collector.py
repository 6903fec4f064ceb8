"""Collector `mastodon`: tag timelines and local timelines of servers that gave permission."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar

import msgspec
from pydantic import BaseModel, SecretStr

from ingest.contract import Batch, Cursor, RawItem, Reference, Rejected, Standing, skeleton
from ingest.mastodon.places import Places
from ingest.mastodon.server import LOT, Instance, Page, Server
from ingest.mastodon.settings import MastodonSettings, ServerSettings
from ingest.mastodon.standings import Standings
from ingest.mastodon.statuses import read, to_post, unwanted, written
from ingest.mastodon.timelines import Timeline, backward, check_access, forward, timelines
from ingest.web.client import Web
from stream.clock import HOUR_MS, Clock
from stream.errors import Reject, Retry, Stop
from stream.post import RawPost
from stream.secrets import secret

STATUS = "/api/v1/statuses/"
RESCAN_EVERY_MS = HOUR_MS


class Part(msgspec.Struct, frozen=True):
    """A page, of which what was written from `start` to `end` (exclusive, Unix ms) is wanted."""

    page: Page
    start: int | None = None
    end: int | None = None


Reading = Callable[[Server, Timeline, dict[str, Any]], Iterator[Part]]
"""How a timeline is read: from its state, which moves along with the pages."""


class MastodonCollector:
    """Reads each timeline forward to its end, and once an hour some hours of it back again:
    posts from elsewhere arrive late, below those that were read, and some are edited.

    The state of a timeline in the cursor: `min_id`, up to which it was read, `read`, when that
    was, `swept`, when it was last read back, and the `sweep` that is under way. A timeline that
    fails costs that timeline, a server that is busy costs that server: the others are read, then
    the error is raised, at every run until it answers. Tokens come from `environment`, or from
    files below `root`.
    """

    name: ClassVar[str] = "mastodon"
    Settings: ClassVar[type[BaseModel]] = MastodonSettings
    repeats: ClassVar[bool] = True
    live: ClassVar[bool] = True
    endless: ClassVar[bool] = False
    lot: ClassVar[int] = LOT

    def __init__(
        self,
        settings: MastodonSettings,
        *,
        web: Web,
        clock: Clock,
        environment: Mapping[str, str],
        root: Path = Path(),
    ) -> None:
        self._settings = settings
        self._web = web
        self._clock = clock
        self._environment = environment
        self._root = root
        # Where the statuses of the batch at hand are asked about, by their uri.
        self._addresses: dict[str, str] = {}
        # One each, so that what a server said of its limits counts for all that is asked.
        self._servers: dict[str, Server] = {}
        self._standings: Standings | None = None

    def poll(self, cursor: Cursor) -> Iterator[Batch]:
        yield from self._visit(cursor, self._catch_up)

    def backfill(self, start: int, end: int, cursor: Cursor) -> Iterator[Batch]:
        def reading(server: Server, timeline: Timeline, state: dict[str, Any]) -> Iterator[Part]:
            state["to"] = start
            for page in backward(server, timeline, state):
                yield Part(page, start, end)

        yield from self._visit(cursor, reading)

    def woken(self, cursor: Cursor) -> Cursor:
        return {**cursor, "rest": {}}

    def reference(self, post: RawPost) -> Reference | None:
        address = self._addresses.get(post.native_id)
        return Reference(post.platform, post.native_id, address) if address else None

    def recheck(self, references: Sequence[Reference]) -> Iterator[Standing]:
        if self._standings is None:
            self._standings = Standings(self._askable())
        asked = [each.address.partition(STATUS) for each in references]
        for address, some in groupby(asked, key=lambda parts: parts[0]):
            ids = [local for _, _, local in some]
            for start in range(0, len(ids), LOT):
                yield from self._standings.of(address, ids[start : start + LOT])

    def _catch_up(
        self, server: Server, timeline: Timeline, state: dict[str, Any]
    ) -> Iterator[Part]:
        now = self._clock.now()
        yield from map(Part, forward(server, timeline, state))
        swept = state.get("swept")
        if "sweep" in state or swept is None or now - swept >= RESCAN_EVERY_MS:
            hours = self._settings.first_hours if swept is None else self._settings.rescan_hours
            to = min(now, swept or now) - hours * HOUR_MS
            sweep = state.setdefault("sweep", {"to": to, "began": now})
            for page in backward(server, timeline, sweep):
                if page.newer is not None:
                    state.setdefault("min_id", page.newer)
                yield Part(page, sweep["to"])
            state["swept"] = state.pop("sweep")["began"]
        state["read"] = now

    def _visit(self, cursor: Cursor, reading: Reading) -> Iterator[Batch]:
        """All timelines of all servers, each as `reading` has it."""
        places = Places(self._settings, cursor, clock=self._clock)
        for settings in self._settings.servers:
            if places.resting(settings, now=self._clock.now()):
                warning = f"{settings.address} may not be asked yet"
                yield Batch(cursor=places.cursor(), warnings=[warning], answered=False)
                continue
            try:
                yield from self._read(settings, reading, places)
            except Exception as error:  # noqa: BLE001  (whatever it is, it may cost one server only)
                places.parts.failed(settings.address, error)
                places.rest(settings, error, now=self._clock.now())
                yield Batch(cursor=places.cursor(), answered=False)
        wait = places.all_rest(now=self._clock.now())
        places.parts.check("not all timelines could be read", after=wait)

    def _read(self, settings: ServerSettings, reading: Reading, places: Places) -> Iterator[Batch]:
        """The timelines of one server. An error of one timeline costs that one."""
        server = self._server(settings)
        instance, answered = server.instance(), False
        for timeline in timelines(settings):
            try:
                check_access(timeline, instance, has_token=server.has_token)
                for part in reading(server, timeline, places.state(timeline)):
                    batch = self._batch(part, server, instance, where=timeline.address)
                    yield msgspec.structs.replace(batch, cursor=places.cursor())
                places.parts.answered(timeline.address)
                answered = True
            except Exception as error:
                if isinstance(error, Retry) and error.after:
                    raise  # it said how long it wants to be left alone, as a whole
                places.parts.failed(timeline.address, error)
        places.parts.answered(settings.address)
        yield Batch(cursor=places.cursor(), watermark=places.watermark(), budget=server.budget,
                    answered=answered)  # fmt: skip

    def _batch(self, part: Part, server: Server, instance: Instance, *, where: str) -> Batch:
        """What a page holds, without a cursor."""
        now = self._clock.now()
        items: list[RawItem] = []
        rejected: list[Rejected] = []
        skipped: dict[str, int] = {}
        self._addresses = {}
        for position, item in enumerate(part.page.items, 1):
            try:
                status = read(item)
                why = unwanted(status) or _outside(item, part)
                if why is None:
                    items.append(to_post(status, domain=instance.domain, observed_at=now))
                    self._addresses[status.uri] = f"{server.address}{STATUS}{status.id}"
                else:
                    skipped[why] = skipped.get(why, 0) + 1
            except Exception as error:  # noqa: BLE001  (whatever it is, it may cost one status only)
                reason = str(error) if isinstance(error, Reject) else type(error).__name__
                place = f"{where}: status {position} of a page"
                rejected.append(Rejected(place, reason, skeleton(item)))
        return Batch(cursor={}, read=len(part.page.items), items=items, rejected=rejected,
                     skipped=skipped, budget=server.budget)  # fmt: skip

    def _askable(self) -> Mapping[str, Server]:
        """The servers by their address; one whose token is missing is told of by `poll`."""
        servers: dict[str, Server] = {}
        for settings in self._settings.servers:
            with suppress(Stop):
                servers[settings.address] = self._server(settings)
        return servers

    def _server(self, settings: ServerSettings) -> Server:
        if settings.address not in self._servers:
            self._servers[settings.address] = self._open(settings)
        return self._servers[settings.address]

    def _open(self, settings: ServerSettings) -> Server:
        held = SecretStr(self._environment.get(settings.token_variable, ""))
        file = str(self._root / settings.token_file) if settings.token_file else ""
        token = secret(held, file, setting=f"{settings.address}: token")
        return Server(settings.address, token=token, web=self._web, clock=self._clock)


def _outside(item: Any, part: Part) -> str | None:
    """Why an item is not wanted by when it was written."""
    moment = written(item)
    if moment is None:
        return None
    early = part.start is not None and moment < part.start
    late = part.end is not None and moment >= part.end
    return "other_period" if early or late else None
