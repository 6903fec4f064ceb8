"""The one way to the web: honest about who asks, patient, bounded, and never into the house.

Every collector that asks a server goes through `Web`.
"""

import re
from collections.abc import Callable, Collection, Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Self
from urllib.parse import quote, urljoin, urlsplit

import httpx2
import msgspec
import stamina

from ingest.web.addresses import mistake, shown
from ingest.web.connection import GuardedTransport
from ingest.web.guard import Guard, Resolve, resolve
from ingest.web.limits import reset_of
from ingest.web.quotation import quoted
from ingest.web.robots import Robots
from ingest.web.turns import Turns
from stream.clock import Clock
from stream.errors import Retry, Stop

OK = 200
MAX_REDIRECTS = 5
ATTEMPTS = 3
HEAD_BYTES = 200_000
"""What headers and framing may add to an answer on the wire."""

ROBOTS_BYTES = 512_000
PERMANENT = (301, 308)
REDIRECTS = (301, 302, 303, 307, 308)
BUSY = (429, 503)
RESETS = ("x-ratelimit-reset", "ratelimit-reset")
PASSING = (500, 502, 504)
"""Errors of a server that are often over a moment later."""

ENCODINGS = ("gzip", "deflate")
"""What is asked for, and one at a time: both come out of their packing in bounded pieces."""

_QUERY = re.compile(r"(?<=\S)\?\S*")

SECRET = frozenset({"authorization", "cookie"})


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What a server answered. Names of headers are in lower case, values as they came (Latin-1).
    `moved_to` is the new address when the old one moved for good.
    """

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
        self._client = httpx2.Client(
            transport=GuardedTransport(
                self.guard, clock=clock, seconds=max_seconds, size=max_bytes + HEAD_BYTES
            ),
            headers={"User-Agent": self.agent, "Accept-Encoding": ", ".join(ENCODINGS)},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),  # it takes none
            follow_redirects=False,
            trust_env=False,
        )
        self._turns = Turns(clock=clock, pause_seconds=pause_seconds)
        self._robots = Robots(self._read_robots, agent=self.agent, clock=clock)

    def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> Page:
        """The page at `url`, redirects followed; blocks for seconds.

        Returns every final status but those that have their own error. Retry, with the server's
        own time to wait, when it is busy or cannot be reached; Stop when robots.txt forbids it,
        when it is too large or no web address, or leads to a private one.
        """
        return self._follow(url, headers or {}, self._max_bytes, check=self._robots.check)

    def ask(self, url: str, *, headers: Mapping[str, str] | None = None) -> Page:
        """As `get`, of an interface for programs: robots.txt is for pages. What was asked for, such
        as posts by their ids, stands in the query; no error repeats it.
        """
        try:
            return self._follow(url, headers or {}, self._max_bytes, check=_no_check)
        except Retry as error:
            raise Retry(_QUERY.sub("", str(error)), after=error.after) from None
        except Stop as error:
            raise Stop(_QUERY.sub("", str(error))) from None

    def _read_robots(self, url: str) -> str:
        page = self._follow(url, {}, min(ROBOTS_BYTES, self._max_bytes), check=_no_check)
        return page.body.decode("utf-8", "replace") if page.status == OK else ""

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
        if wrong := mistake(url):
            raise Stop(f"{shown(url)!r} {wrong}")
        for _ in range(MAX_REDIRECTS + 1):
            check(here)
            page = self._patiently(here, headers, max_bytes)
            if page.status not in REDIRECTS or "location" not in page.headers:
                return msgspec.structs.replace(page, moved_to=moved)
            for_good = for_good and page.status in PERMANENT
            before, here = here, _target(here, page.headers["location"])
            if urlsplit(before).netloc != urlsplit(here).netloc:
                headers = {name: headers[name] for name in headers if name.lower() not in SECRET}
            moved = here if for_good else moved
        raise Stop(f"{url} redirects more than {MAX_REDIRECTS} times; check the address")

    def _patiently(self, url: str, headers: Mapping[str, str], max_bytes: int) -> Page:
        try:
            caller = stamina.RetryingCaller(attempts=ATTEMPTS, timeout=None)
            page = caller((httpx2.TransportError, _Passing), self._once, url, headers, max_bytes)
        except (httpx2.RequestError, _Passing) as error:
            what = quoted(str(error)) or type(error).__name__
            raise Retry(f"{url} could not be fetched: {what}") from error
        except (httpx2.InvalidURL, UnicodeError) as error:
            raise Stop(f"{url} is not an address on the web: {error}") from error
        if page.status in BUSY:
            after = self._after(page.headers)
            if after is not None:
                self._turns.rest(urlsplit(url).netloc, seconds=after)
            raise Retry(f"{url} is busy (status {page.status})", after=after)
        return page

    def _once(self, url: str, headers: Mapping[str, str], max_bytes: int) -> Page:
        raw = [(name.encode("latin-1"), headers[name].encode("latin-1")) for name in headers]
        with (
            self._turns.take(urlsplit(url).netloc, delay=self._robots.delay(url)),
            self._client.stream("GET", url, headers=raw) as response,
        ):
            _check_encoding(url, response.headers.get("content-encoding", ""))
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > max_bytes:
                    raise Stop(
                        f"{url} is larger than {max_bytes} bytes and was not read; when that is "
                        "meant, raise the setting ingest.fetch_bytes"
                    )
            if response.status_code in PASSING:
                raise _Passing(f"status {response.status_code}")
            return Page(
                status=response.status_code,
                headers={
                    name.decode("latin-1").lower(): value.decode("latin-1")
                    for name, value in response.headers.raw
                },
                body=bytes(body),
                url=url,
            )

    def _after(self, headers: Mapping[str, str]) -> float | None:
        """For how many seconds a server wants to be left alone: Retry-After, a number or a date
        (RFC 9110, 10.2.3), else until its rate limit begins anew, which many say instead.
        """
        now = self._clock.now()
        said = (reset_of(headers.get(name), now=now) for name in ("retry-after", *RESETS))
        until = next((each for each in said if each is not None), None)
        return None if until is None else max(1.0, (until - now) / 1000)

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


def _no_check(_url: str) -> None:
    return


def _target(here: str, location: str) -> str:
    """Where a redirect leads; Stop when that is nowhere, or no longer secured on the way."""
    try:
        # Servers write addresses in UTF-8 that are not escaped.
        target = urljoin(here, location.encode("latin-1").decode("utf-8", "replace"))
    except ValueError as error:
        raise Stop(f"{here} redirects to what is no address; look at it in a browser") from error
    if mistake(target):
        raise Stop(
            f"{here} redirects to {shown(target)!r}, which may not be asked; look at it in a "
            "browser"
        )
    if urlsplit(here).scheme == "https" and urlsplit(target).scheme == "http":
        raise Stop(
            f"{here} redirects from https to {target}, where anybody on the way could change what "
            "it says; when that is meant, write that address in the source"
        )
    return "".join(each if each.isprintable() else quote(each) for each in target)


def _check_encoding(url: str, encoding: str) -> None:
    if encoding.strip().lower() not in ("", "identity", *ENCODINGS):
        raise Stop(
            f"{url} is packed as {encoding[:40]!r}, which was not asked for, and was not read; its "
            "server is set up wrongly"
        )
