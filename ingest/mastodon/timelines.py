"""Which timelines a server has, who may read them, and how one is read to its end.

Facts: docs.joinmastodon.org/methods/timelines and /entities/Instance; Mastodon's
`app/controllers/api/v1/timelines`.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal
from urllib.parse import quote, urlencode

import msgspec

from ingest.mastodon.server import Instance, Page, Server
from ingest.mastodon.settings import ServerSettings, TagSettings
from ingest.mastodon.statuses import written
from stream.errors import Retry, Stop

PAGES = 1_000
"""So many are read of a timeline in one go. A server that limits requests gives fewer."""

Query = tuple[tuple[str, str], ...]


class Timeline(msgspec.Struct, frozen=True):
    """A timeline of the server at an address: where it is, and by which of the server's settings
    it is open. `local` says that it holds only posts of the server's own people.
    """

    server: str
    path: str
    query: Query
    feed: Literal["live_feeds", "hashtag_feeds"]
    local: bool

    @property
    def address(self) -> str:
        """By which it is known; no parameters of a page."""
        return f"{self.server}{self.path}" + (f"?{urlencode(self.query)}" if self.query else "")


def timelines(settings: ServerSettings) -> Sequence[Timeline]:
    """What is to be read of a server."""
    found = [_of_tag(settings.address, tag) for tag in settings.tags]
    if settings.local:
        query = (("local", "true"),)
        path = "/api/v1/timelines/public"
        found.append(Timeline(settings.address, path, query, "live_feeds", local=True))
    return found


def check_access(timeline: Timeline, instance: Instance, *, has_token: bool) -> None:
    """Stop when the server does not show all of a timeline: it would give an empty list, or half
    of it, and no error. Servers before Mastodon 4.5 do not say; they answer with an error.
    """
    access = instance.configuration.timelines_access
    if access is None:
        return
    feed = access.live_feeds if timeline.feed == "live_feeds" else access.hashtag_feeds
    sides = (
        {"local": feed.local} if timeline.local else {"local": feed.local, "remote": feed.remote}
    )
    for side, who in sides.items():
        where = f"{timeline.address}: the server's {side} posts of it"
        if who == "authenticated" and not has_token:
            raise Stop(
                f"{where} are shown after a login only; agree on a token with its operators and "
                "name the file that holds it (token_file), or take the timeline out of the source"
            )
        if who not in ("public", "authenticated"):
            mend = "set local = true for it, or take" if side == "remote" else "take"
            raise Stop(f"{where} are shown to nobody ({who!r}); {mend} it out of the source")


def forward(server: Server, timeline: Timeline, state: dict[str, Any]) -> Iterator[Page]:
    """What came after `state["min_id"]`, which moves along: page after page, to the end.

    `min_id` gives the page right after it; `since_id` would give the newest and leave a hole.
    """
    way = _Way(timeline)
    while "min_id" in state:
        page = server.page(timeline.path, (*timeline.query, ("min_id", state["min_id"])))
        if page.newer is None:
            return
        state["min_id"] = way.on(page, asked=state["min_id"], after=page.newer)
        yield page


def backward(server: Server, timeline: Timeline, sweep: dict[str, Any]) -> Iterator[Page]:
    """From `sweep["max_id"]`, which moves along, or from the newest: page after page, until one
    holds nothing from `sweep["to"]` (Unix ms) or later, or the timeline ends, which an empty page
    must say twice. Then `sweep["over"]` is true.
    """
    way = _Way(timeline)
    while not sweep.get("over"):
        bound = (("max_id", sweep["max_id"]),) if "max_id" in sweep else ()
        page = server.page(timeline.path, (*timeline.query, *bound))
        if not page.items:  # by mistake, what is older would not be looked for again
            page = server.page(timeline.path, (*timeline.query, *bound))
        dates = [date for date in map(written, page.items) if date is not None]
        if page.older is not None:
            sweep["max_id"] = way.on(page, asked=sweep.get("max_id", ""), after=page.older)
        sweep["over"] = page.older is None or (bool(dates) and max(dates) < sweep["to"])
        yield page


def _of_tag(server: str, tag: TagSettings) -> Timeline:
    others = (("any", tag.any), ("all", tag.all), ("none", tag.none))
    query = tuple((f"{how}[]", each) for how, words in others for each in words)
    local = (("local", "true"),) if tag.local else ()
    path = f"/api/v1/timelines/tag/{quote(tag.tag, safe='')}"
    return Timeline(server, path, (*query, *local), "hashtag_feeds", local=tag.local)


class _Way:
    """What a timeline showed while it is read: one that has no end holds up all others. Ids are
    opaque, so all that can be told of two is that they differ.
    """

    def __init__(self, timeline: Timeline) -> None:
        self._address = timeline.address
        self._asked: set[str] = set()
        self._shown: set[str] = set()

    def on(self, page: Page, *, asked: str, after: str) -> str:
        """Where to go on after `page`, which was `asked` for: at `after`. Stop when that leads
        nowhere, Retry when it is enough for now.
        """
        ids = [item.get("id") for item in page.items if isinstance(item, dict)]
        shown = {each for each in ids if isinstance(each, str)}
        self._asked.add(asked)
        if after in self._asked:
            raise self._wrong("sends back to where it was asked (header Link)")
        if shown and shown <= self._shown:
            raise self._wrong("shows the same page again at another place")
        if len(self._asked) > PAGES:
            raise Retry(f"{self._address} goes on after {PAGES} pages; the next run reads on there")
        self._shown |= shown
        return after

    def _wrong(self, what: str) -> Stop:
        return Stop(
            f"{self._address} {what}; its format has changed, see whether peil has a newer version"
        )
