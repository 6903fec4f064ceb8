"""A small server with Mastodon's wire: timelines by `min_id` and `max_id`, Link, rate limits.

For what mastodon-mock cannot do: statuses that arrive late or are old, the same status on two
servers, `timelines_access`, ids that are no numbers, and faults of the connection. Shapes as in
docs.joinmastodon.org and Mastodon's `app/controllers/api/v1/timelines`.
"""

import json
import threading
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from bench.completeness.serving import BLOCK_PAGE, Handler, Serving

DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
PERIOD_MS = 300_000
LOT = 20
Failing = Callable[[], str | None]
"""Which fault a request meets: one of `FAULTS`, or none."""

FAULTS = ("429", "500", "block", "block 503", "reset", "half", "stall", "malformed", "mixed")
REFUSALS: Mapping[str, tuple[int, bytes]] = {
    "429": (429, b'{"error": "Too many requests"}'),
    "500": (500, b'{"error": "An unexpected error occurred"}'),
    "block": (200, BLOCK_PAGE),
    "block 503": (503, BLOCK_PAGE),
}
"""Of the faults those that are answers of their own: status and body."""


class MastodonServer:
    """Statuses in memory, newest first by an id that is made of the time of writing."""

    def __init__(
        self,
        *,
        now: Callable[[], int],
        domain: str = "ours.example",
        failing: Failing = lambda: None,
        limit: int = 300,
    ) -> None:
        self.domain = domain
        self.access: Mapping[str, Any] | None = None
        self.account: dict[str, Any] = {"indexable": True}
        self.token = ""
        self.lots = True
        self.requests: list[tuple[str, str]] = []
        self.failed: Counter[str] = Counter()
        self.failing = failing
        self._now = now
        self._limit = limit
        self._counted = (0, 0)
        self._statuses: dict[str, dict[str, Any]] = {}
        self._order: list[str] = []
        self._lock = threading.Lock()
        self._serving = Serving(_handler(self))

    @property
    def url(self) -> str:
        return self._serving.url

    def publish(self, number: int, *, written: int, **changed: Any) -> dict[str, Any]:
        """A status of `written` (Unix ms), shown from now on; `number` makes its id and uri."""
        local = _id((written << 24) + number)
        status = {
            "id": local, "uri": f"https://{self.domain}/users/p{number % 97}/statuses/{number}",
            "created_at": _iso(written), "edited_at": None, "visibility": "public",
            "content": f"<p>Overlast van fatbikes, bericht {number}</p>", "spoiler_text": "",
            "language": "nl", "in_reply_to_id": None, "reblog": None, "poll": None,
            "replies_count": 0, "reblogs_count": 0, "favourites_count": 0, "mentions": [],
            "media_attachments": [], "tags": [{"name": "fiets", "url": ""}],
            "account": {"id": "1", "acct": f"p{number % 97}"} | self.account,
        } | changed  # fmt: skip
        with self._lock:
            if local not in self._statuses:
                insort(self._order, local)
            self._statuses[local] = status
        return status

    def edit(self, local: str, content: str) -> None:
        with self._lock:
            self._statuses[local] |= {"content": content, "edited_at": _iso(self._now())}

    def delete(self, local: str) -> None:
        with self._lock:
            self._order.remove(local)
            del self._statuses[local]

    def __enter__(self) -> Self:
        self._serving.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._serving.__exit__(*error)

    def answer(self, target: str, token: str) -> tuple[int, dict[str, str], Any]:
        """Status, headers and body for the request of `target`."""
        parts = urlsplit(target)
        query = parse_qs(parts.query)
        with self._lock:
            headers = self._count()
            if headers["X-RateLimit-Remaining"] == "0":
                return 429, headers, {"error": "Too many requests"}
            if token not in ("", self.token):
                return 401, headers, {"error": "The access token is invalid"}
            status, more, body = self._of(parts.path, query, target)
            return status, headers | more, body

    def _of(
        self, path: str, query: Mapping[str, list[str]], target: str
    ) -> tuple[int, dict[str, str], Any]:
        if path == "/api/v2/instance":
            access = {"timelines_access": self.access} if self.access else {}
            return 200, {}, {"domain": self.domain, "configuration": access}
        if path.startswith("/api/v1/timelines/"):
            return self._timeline(path, query, target)
        local = path.removeprefix("/api/v1/statuses").lstrip("/")
        if local in self._statuses:
            return 200, {}, self._statuses[local]
        if path == "/api/v1/statuses" and self.lots:
            ids = query.get("id[]", [])
            if len(ids) > LOT:
                return 422, {}, {"error": "Too many"}
            return 200, {}, [self._statuses[each] for each in ids if each in self._statuses]
        return 404, {}, {"error": "Record not found"}

    def _timeline(
        self, path: str, query: Mapping[str, list[str]], target: str
    ) -> tuple[int, dict[str, str], Any]:
        limit = int(query.get("limit", ["20"])[0])
        wanted = _wanted(path, query)
        if "min_id" in query:
            first = bisect_right(self._order, query["min_id"][0])
            places: Any = range(first, len(self._order))
        else:
            end = len(self._order)
            if "max_id" in query:
                end = bisect_left(self._order, query["max_id"][0])
            places = range(end - 1, -1, -1)
        found: list[dict[str, Any]] = []
        for place in places:
            status = self._statuses[self._order[place]]
            if wanted(status):
                found.append(status)
            if len(found) == limit:
                break
        found.sort(key=lambda status: status["id"], reverse=True)
        if not found:
            return 200, {}, []
        base = f"{self.url}{target.partition('?')[0]}?limit={limit}"
        link = (
            f'<{base}&max_id={found[-1]["id"]}>; rel="next", '
            f'<{base}&min_id={found[0]["id"]}>; rel="prev"'
        )
        return 200, {"Link": link}, found

    def _count(self) -> dict[str, str]:
        now = self._now()
        start, count = self._counted
        if now - start >= PERIOD_MS:
            start, count = now - now % PERIOD_MS, 0
        self._counted = start, count + 1
        return {
            "X-RateLimit-Limit": str(self._limit),
            "X-RateLimit-Remaining": str(max(0, self._limit - count - 1)),
            "X-RateLimit-Reset": _iso(start + PERIOD_MS),
        }


def _wanted(path: str, query: Mapping[str, list[str]]) -> Callable[[Mapping[str, Any]], bool]:
    """Whether a timeline shows a status."""
    if not path.startswith("/api/v1/timelines/tag/"):
        return lambda status: "@" not in status["account"]["acct"]
    some = {unquote(path.rpartition("/")[2]).lower(), *query.get("any[]", [])}
    every, none = set(query.get("all[]", [])), set(query.get("none[]", []))

    def wanted(status: Mapping[str, Any]) -> bool:
        tags = {tag["name"] for tag in status["tags"]}
        return bool(tags & some) and tags >= every and not tags & none

    return wanted


def _handler(server: MastodonServer) -> type[Handler]:
    class Answering(Handler):
        def respond(self) -> None:
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            server.requests.append((self.path, token))
            fault = server.failing()
            if fault:
                server.failed[fault] += 1
            status, headers, said = server.answer(self.path, token)
            if fault == "mixed" and isinstance(said, list):  # out of order, and one twice
                said = [*said[::-1], *said[:1]]
            body = json.dumps(said).encode()
            self.say_data(status, headers, body, fault=fault, refusals=REFUSALS)

    return Answering


def _iso(moment: int) -> str:
    return datetime.fromtimestamp(moment / 1000, UTC).isoformat().replace("+00:00", "Z")


def _id(number: int) -> str:
    """An id that is no number and sorts as one, as some servers have them."""
    digits = ""
    for _ in range(16):
        number, digit = divmod(number, len(DIGITS))
        digits = DIGITS[digit] + digits
    return digits
