import gzip
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
import stamina

from ingest.web.client import Web
from stream.clock import ManualClock
from stream.errors import Retry, Stop
from stream.testing import START


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    stamina.set_testing(True, attempts=3, cap=True)
    yield
    stamina.set_testing(False)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def web(clock: ManualClock) -> Iterator[Web]:
    with make(clock) as web:
        yield web


def make(clock: ManualClock, **changed: Any) -> Web:
    options: dict[str, Any] = {
        "contact": "data@example.org",
        "clock": clock,
        "max_bytes": 100_000,
        "max_seconds": 60.0,
        "private_hosts": ("127.0.0.1",),
    }
    return Web(**(options | changed))


def test_it_says_who_asks_and_how_to_reach_them(site: Any, web: Web) -> None:
    site.answers["/a"] = (200, {"ETag": '"1"'}, b"hello")
    page = web.get(site.url("/a"))
    assert (page.status, page.body, page.headers["etag"]) == (200, b"hello", '"1"')
    assert site.asked("/a")[0]["user-agent"] == "peil/0.1 (+data@example.org)"


def test_without_a_contact_nothing_is_fetched(clock: ManualClock) -> None:
    with pytest.raises(Stop, match=r"ingest\.contact"):
        make(clock, contact=" ")


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fd00::1", "192.168.0.1", "100.64.0.1"],
)
def test_private_addresses_are_refused_whatever_their_name(
    clock: ManualClock, address: str
) -> None:
    with (
        make(clock, resolve=lambda _host, _port: [address]) as web,
        pytest.raises(Stop, match="private address"),
    ):
        web.get("http://news.example.org/feed")


def test_a_redirect_into_the_house_is_refused(site: Any, clock: ManualClock) -> None:
    port = site.url("").rpartition(":")[2]
    site.answers["/a"] = (302, {"Location": f"http://localhost:{port}/secret"}, b"")
    with make(clock) as web, pytest.raises(Stop, match="localhost leads to a private address"):
        web.get(site.url("/a"))
    assert site.asked("/secret") == []


def test_the_address_that_was_looked_at_is_the_one_that_is_asked(
    site: Any, clock: ManualClock
) -> None:
    site.answers["/a"] = (200, {}, b"here")
    port = site.url("").rpartition(":")[2]
    with make(
        clock, private_hosts=("feeds.example.org",), resolve=lambda _host, _port: ["127.0.0.1"]
    ) as web:
        assert web.get(f"http://feeds.example.org:{port}/a").body == b"here"
    assert site.asked("/a")[0]["host"].startswith("feeds.example.org")


def test_robots_txt_is_honoured_and_asked_once(site: Any, web: Web) -> None:
    site.answers["/robots.txt"] = (200, {}, b"User-agent: *\nDisallow: /private\n")
    site.answers["/a"] = site.answers["/private/b"] = (200, {}, b"")
    web.get(site.url("/a"))
    with pytest.raises(Stop, match=r"robots\.txt forbids"):
        web.get(site.url("/private/b"))
    assert len(site.asked("/robots.txt")) == 1
    assert site.asked("/private/b") == []


def test_a_host_is_asked_once_a_second_or_as_it_asks(
    site: Any, web: Web, clock: ManualClock
) -> None:
    site.answers["/robots.txt"] = (200, {}, b"User-agent: *\nCrawl-delay: 7\n")
    site.answers["/a"] = (200, {}, b"")
    before = clock.now()
    web.get(site.url("/a"))
    web.get(site.url("/a"))
    assert clock.now() - before >= 2 * 7_000


def test_a_permanent_move_is_told_and_a_passing_one_is_not(site: Any, web: Web) -> None:
    site.answers["/old"] = (301, {"Location": "/new"}, b"")
    site.answers["/now"] = (302, {"Location": "/new"}, b"")
    site.answers["/new"] = (200, {}, b"x")
    assert web.get(site.url("/old")).moved_to == site.url("/new")
    assert web.get(site.url("/now")).moved_to is None


def test_an_endless_redirect_ends(site: Any, web: Web) -> None:
    site.answers["/a"] = (302, {"Location": "/a"}, b"")
    with pytest.raises(Stop, match="redirects more than"):
        web.get(site.url("/a"))


def test_a_busy_server_says_when_to_come_back(site: Any, web: Web, clock: ManualClock) -> None:
    site.answers["/a"] = (429, {"Retry-After": "120"}, b"")
    with pytest.raises(Retry) as caught:
        web.get(site.url("/a"))
    assert caught.value.after == 120
    site.answers["/b"] = (503, {"Retry-After": "never mind"}, b"")
    with pytest.raises(Retry) as caught:
        web.get(site.url("/b"))
    assert caught.value.after is None


def test_a_passing_failure_is_tried_again(site: Any, web: Web) -> None:
    failures = iter([500, 502])
    site.answers["/a"] = lambda _headers: (next(failures, 200), {}, b"ok")
    assert web.get(site.url("/a")).body == b"ok"
    assert len(site.asked("/a")) == 3


def test_a_server_that_stays_away_is_a_retry(web: Web) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/a"
    with pytest.raises(Retry, match="could not be fetched"):
        web.get(url)


@pytest.mark.parametrize("packed", [False, True])
def test_a_large_answer_is_not_read_to_its_end(site: Any, web: Web, *, packed: bool) -> None:
    body = b"a" * 50_000_000
    headers = {"Content-Encoding": "gzip"} if packed else {}
    site.answers["/a"] = (200, headers, gzip.compress(body) if packed else body)
    started = time.monotonic()
    with pytest.raises(Stop, match="larger than 100000 bytes"):
        web.get(site.url("/a"))
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://example.org/a", "http://", "gopher://x", "http://u:p@h/"]
)
def test_only_addresses_of_the_web_are_asked(web: Web, url: str) -> None:
    with pytest.raises(Stop, match="not an address on the web"):
        web.get(url)


def test_robots_txt_is_read_where_it_was_moved_to(site: Any, web: Web) -> None:
    site.answers["/robots.txt"] = (301, {"Location": "/robots"}, b"")
    site.answers["/robots"] = (200, {}, b"User-agent: peil\nDisallow: /a\n")
    site.answers["/a"] = (200, {}, b"")
    with pytest.raises(Stop, match=r"robots\.txt forbids"):
        web.get(site.url("/a"))
    assert site.asked("/a") == []
