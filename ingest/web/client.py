"""The one way to the web: honest about who asks, patient, bounded, and never into the house.

Every collector that asks a server goes through `Web`.
"""

import threading
from collections.abc import Callable, Collection, Mapping
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self
from urllib.parse import urljoin, urlsplit

import httpx2
import msgspec
import stamina
from protego import Protego

from ingest.web.guard import Guard, GuardedTransport, Resolve, resolve
from stream.clock import Clock, to_milliseconds
from stream.errors import Retry, Stop

OK = 200
MAX_REDIRECTS = 5
ATTEMPTS = 3
LONGEST_PAUSE_MS = 60_000
ROBOTS_BYTES = 512_000
ROBOTS_FRESH_MS = 86_400_000
LONGEST_AFTER = 86_400.0
PERMANENT = (301, 308)
REDIRECTS = (301, 302, 303, 307, 308)
BUSY = (429, 503)
PASSING = (500, 502, 504)
"""Errors of a server that are often over a moment later."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What a server answered. `moved_to` is the new address when the old one moved for good."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    moved_to: str | None = None


class Web:
    """GETs pages for collectors. May be shared between threads; close it.

    `contact` is an address that a server's operator can write to; without one nothing is
    fetched. `private_hosts` may have private addresses. `pause_seconds` lie between two requests
    to one host. `agent` and `guard` are for what does not go over HTTP's GET, such as a
    websocket.
    """

    def __init__(
        self,
        *,
        contact: str,
        clock: Clock,
        max_bytes: int,
        max_seconds: float,
        private_hosts: Collection[str] = (),
        pause_seconds: float = 1.0,
        resolve: Resolve = resolve,
    ) -> None:
        if not contact.strip():
            raise Stop(
                "nothing is fetched from the web before the setting ingest.contact says how a "
                "server's operator can reach you: a mail address or a page"
            )
        self.guard = Guard(private_hosts=private_hosts, resolve=resolve)
        self.agent = f"peil/0.1 (+{contact})"
        self._clock = clock
        self._max_bytes = max_bytes
        self._max_seconds = max_seconds
        self._pause_ms = int(pause_seconds * 1000)
        self._client = httpx2.Client(
            transport=GuardedTransport(self.guard),
            headers={"User-Agent": self.agent},
            timeout=min(20.0, max_seconds),
            follow_redirects=False,
            trust_env=False,
        )
        self._robots: dict[str, tuple[int, Protego]] = {}
        self._asked: dict[str, int] = {}
        self._asking = threading.Lock()

    def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> Page:
        """The page at `url`, redirects followed; blocks for seconds.

        Returns every final status but those that have their own error. Retry, with the server's
        own time to wait, when it is busy or cannot be reached; Stop when robots.txt forbids it,
        when it is too large or no web address, or leads to a private one.
        """
        return self._follow(url, headers or {}, self._max_bytes, check=self._check_robots)

    def ask(self, url: str, *, headers: Mapping[str, str] | None = None) -> Page:
        """As `get`, of an interface for programs: robots.txt is for pages."""
        return self._follow(url, headers or {}, self._max_bytes, check=lambda _address: None)

    def _follow(
        self,
        url: str,
        headers: Mapping[str, str],
        max_bytes: int,
        *,
        check: Callable[[str], None],
    ) -> Page:
        """The page where the redirects end; `check` is called with every address on the way."""
        moved: str | None = None
        for_good = True
        here = url
        for _ in range(MAX_REDIRECTS + 1):
            self._check_address(here)
            check(here)
            page = self._patiently(here, headers, max_bytes)
            if page.status not in REDIRECTS or "location" not in page.headers:
                return msgspec.structs.replace(page, moved_to=moved)
            for_good = for_good and page.status in PERMANENT
            here = urljoin(here, page.headers["location"])
            moved = here if for_good else moved
        raise Stop(f"{url} redirects more than {MAX_REDIRECTS} times; check the address")

    def _check_address(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise Stop(f"{url} is not an address on the web; write it as https://…")

    def _check_robots(self, url: str) -> None:
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        read_at, rules = self._robots.get(origin, (-ROBOTS_FRESH_MS, None))
        if rules is None or self._clock.now() - read_at >= ROBOTS_FRESH_MS:
            page = self._follow(
                f"{origin}/robots.txt", {}, ROBOTS_BYTES, check=lambda _address: None
            )
            found = page.body.decode("utf-8", "replace") if page.status == OK else ""
            rules = Protego.parse(found)
            self._robots[origin] = self._clock.now(), rules
        if not rules.can_fetch(url, self.agent):
            raise Stop(f"{url} may not be fetched: the server's robots.txt forbids it")

    def _patiently(self, url: str, headers: Mapping[str, str], max_bytes: int) -> Page:
        try:
            caller = stamina.RetryingCaller(attempts=ATTEMPTS, timeout=None)
            page = caller((httpx2.TransportError, _Passing), self._once, url, headers, max_bytes)
        except (httpx2.TransportError, _Passing, OSError) as error:
            raise Retry(f"{url} could not be fetched: {_what(error)}") from error
        except httpx2.InvalidURL as error:
            raise Stop(f"{url} is not an address on the web: {error}") from error
        if page.status in BUSY:
            after = self._after(page.headers.get("retry-after", ""))
            raise Retry(f"{url} is busy (status {page.status})", after=after)
        return page

    def _once(self, url: str, headers: Mapping[str, str], max_bytes: int) -> Page:
        self._pause(url)
        started = self._clock.now()
        with self._client.stream("GET", url, headers=dict(headers)) as response:
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > max_bytes:
                    raise Stop(
                        f"{url} is larger than {max_bytes} bytes and was not read; when that is "
                        "meant, raise the setting ingest.fetch_bytes"
                    )
                if self._clock.now() - started > self._max_seconds * 1000:
                    raise Retry(f"{url} took longer than {self._max_seconds:.0f} seconds")
            if response.status_code in PASSING:
                raise _Passing(f"status {response.status_code}")
            return Page(
                status=response.status_code,
                headers={name.lower(): value for name, value in response.headers.items()},
                body=bytes(body),
                url=url,
            )

    def _pause(self, url: str) -> None:
        """Wait for one's turn: so long after the request before it, or as robots.txt asks."""
        parts = urlsplit(url)
        _, rules = self._robots.get(f"{parts.scheme}://{parts.netloc}", (0, None))
        asked = rules.crawl_delay(self.agent) if rules is not None else None
        pause = min(LONGEST_PAUSE_MS, max(self._pause_ms, int((asked or 0) * 1000)))
        with self._asking:
            now = self._clock.now()
            turn = max(now, self._asked.get(parts.netloc, now - pause) + pause)
            self._asked[parts.netloc] = turn
        if turn > now:
            self._clock.sleep((turn - now) / 1000)

    def _after(self, value: str) -> float | None:
        """Retry-After in seconds: a number, or a date (RFC 9110, 10.2.3)."""
        try:
            seconds = float(value)
        except ValueError:
            try:
                moment = to_milliseconds(parsedate_to_datetime(value))
            except (ValueError, TypeError):
                return None
            seconds = (moment - self._clock.now()) / 1000
        return min(LONGEST_AFTER, max(1.0, seconds)) if seconds == seconds else None  # noqa: PLR0124  (NaN)

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Passing(Exception):
    """The server failed in a way that is often over a moment later."""


def _what(error: Exception) -> str:
    return str(error) or type(error).__name__
