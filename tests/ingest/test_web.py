import gzip
import logging
import re
import socket
import threading
import time
import traceback
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import pytest
import stamina

from ingest.web.addresses import mistake
from ingest.web.client import Web, _target
from ingest.web.guard import Guard
from ingest.web.turns import Turns
from stream.clock import ManualClock, SystemClock
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
    ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fd00::1", "192.168.0.1", "100.64.0.1",
     "0.0.0.0", "::", "fe80::1", "fe80::1%eth0", "fec0::1",  # noqa: S104
     "224.0.0.1", "ff02::1", "240.0.0.1",
     "255.255.255.255", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
     "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::1", "2001:0:1::80ff:fffe",
     "::127.0.0.1", "::ffff:0:127.0.0.1", "192.88.99.1", "::ffff:192.88.99.1", "5f00::1",
     "2001:db8::1", "4000::1"],
)  # fmt: skip
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


def test_a_page_whose_server_is_away_is_named_in_the_error(site: Any, web: Web) -> None:
    away = "http://127.0.0.1:1/feed.xml"
    with pytest.raises(Retry, match=rf"^{re.escape(away)} was not asked.*robots\.txt could not"):
        web.get(away)
    site.answers["/robots.txt"] = (429, {"Retry-After": "77"}, b"")
    with pytest.raises(Retry, match="/a was not asked") as raised:
        web.get(site.url("/a"))
    assert raised.value.after == 77


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
    clock.advance(120_000)
    site.answers["/c"] = (429, {"X-RateLimit-Reset": "90"}, b"")
    with pytest.raises(Retry) as caught:
        web.get(site.url("/c"))
    assert caught.value.after == 90
    clock.advance(90_000)
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
    ("url", "said"),
    [(url, "is not an address on the web; write it as https://") for url in (
        "file:///etc/passwd", "ftp://example.org/a", "http://", "gopher://x", "http://[::1", "",
        "javascript:alert(1)", "//h/a", "not a url", "http://a b/", "http://h:x/", "http://h/\x01",
        "u:geheim@h", "http://u:geheim@[h/", "http://u:ge/heim@h/",
        "http://u:ge\nheim@h/", "https://a..b", "https://.a", "https://.", "https://xn--/",
        "https://a.XN--.b/", "https://a..", f"https://{'a' * 64}.nl", f"https://{'a.' * 150}nl",
        f"https://{'é' * 60}.nl")]
    + [(url, "take out what stands before the @") for url in (
        "http://u:geheim@h/", "http://@h/", "ftp://u:geheim@h/", "http://:geheim@h/", "http://u:geheim@h:99999/")]
    + [("http://h:99999/", "write one from 1 to 65535"), ("http://h:0/", "write one from 1 to")]
    + [("http://h/" + "a" * 4_000, "longer than 4000 characters")],
)  # fmt: skip
def test_only_addresses_of_the_web_are_asked(web: Web, url: str, said: str) -> None:
    with pytest.raises(Stop, match=re.escape(said)) as caught:
        web.get(url)
    assert "heim" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "address",
    ["https://a.nl.", "https://xn--fa-hia.de/", "https://faß.de", "https://ex_a.nl", "https://[::1]:8/",
     f"https://{'a' * 63}.nl", f"https://{'a.' * 125}nl", "https://127.0.0.1"],
)  # fmt: skip
def test_whatever_can_be_a_host_is_no_mistake(address: str) -> None:
    assert mistake(address) is None


def test_robots_txt_is_read_where_it_was_moved_to(site: Any, web: Web) -> None:
    site.answers["/robots.txt"] = (301, {"Location": "/robots"}, b"")
    site.answers["/robots"] = (200, {}, b"User-agent: peil\nDisallow: /a\n")
    site.answers["/a"] = (200, {}, b"")
    with pytest.raises(Stop, match=r"robots\.txt forbids"):
        web.get(site.url("/a"))
    assert site.asked("/a") == []


def test_an_address_that_anybody_may_reach_is_let_through() -> None:
    for address in (
        "93.184.216.34",
        "2606:2800:220:1::1",
        "::ffff:93.184.216.34",
        "64:ff9b::808:808",
    ):
        assert Guard(resolve=lambda _host, _port, it=address: [it]).addresses("h", 80) == [address]


def test_one_private_address_among_others_is_refused(clock: ManualClock) -> None:
    answers = ["93.184.216.34", "127.0.0.1"]
    with (
        make(clock, resolve=lambda _host, _port: answers) as web,
        pytest.raises(Stop, match="private address"),
    ):
        web.get("http://news.example.org/feed")


@pytest.mark.parametrize(
    "host",
    ["localhost", "2130706433", "0177.0.0.1", "0x7f.1", "127.1", "0.0.0.0", "0", "[::1]",  # noqa: S104
     "localhost.", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "127.0.0.1.", "LOCALHOST", "①②⑦.⓪.⓪.①"],
)  # fmt: skip
def test_however_this_machine_is_written_it_is_refused(
    site: Any, clock: ManualClock, host: str
) -> None:
    site.answers["/a"] = (200, {}, b"secret")
    port = site.url("").rpartition(":")[2]
    with make(clock, private_hosts=()) as web, pytest.raises((Stop, Retry)):
        web.get(f"http://{host}:{port}/a")
    assert site.requests == []


def test_a_name_is_looked_up_once_a_request(site: Any, clock: ManualClock) -> None:
    looked: list[str] = []

    def rebinding(host: str, _port: int) -> list[str]:
        looked.append(host)
        return ["127.0.0.1"] if len(looked) == 1 else ["127.0.0.99"]

    site.answers["/a"] = (200, {}, b"here")
    port = site.url("").rpartition(":")[2]
    with make(clock, private_hosts=("a.example",), resolve=rebinding) as web:
        assert web.ask(f"http://a.example:{port}/a").body == b"here"
    assert looked == ["a.example"]


def test_where_one_address_leads_nowhere_the_next_is_tried(site: Any, clock: ManualClock) -> None:
    site.answers["/a"] = (200, {}, b"here")
    port = site.url("").rpartition(":")[2]
    both = ["127.0.0.77", "127.0.0.1"]
    with make(clock, private_hosts=("a.example",), resolve=lambda _host, _port: both) as web:
        assert web.ask(f"http://a.example:{port}/a").body == b"here"


def test_a_host_without_an_address_is_a_retry(clock: ManualClock) -> None:
    with make(clock, resolve=lambda _host, _port: []) as web, pytest.raises(Retry, match="no addr"):
        web.ask("http://a.example/")


@pytest.mark.parametrize(
    "target",
    ["file:///etc/passwd", "ftp://127.0.0.1/", "javascript:x", "http://[::1/", "http://u:p@127.0.0.1/",
     "//10.0.0.1/", "http://169.254.169.254/latest/", "http://127.0.0.1/" + "a" * 5_000],
)  # fmt: skip
def test_a_redirect_leads_only_where_one_may_go(site: Any, web: Web, target: str) -> None:
    site.answers["/a"] = (302, {"Location": target}, b"")
    with pytest.raises(Stop):
        web.ask(site.url("/a"))


def test_a_password_in_a_redirect_is_not_repeated(site: Any, web: Web) -> None:
    site.answers["/a"] = (302, {"Location": "http://u:geheim@h/"}, b"")
    with pytest.raises(Stop, match=r"redirects to 'http://…@h/', which may not be asked") as caught:
        web.get(site.url("/a"))
    assert "geheim" not in str(caught.value)


def test_what_was_secured_stays_secured() -> None:
    with pytest.raises(Stop, match=r"redirects from https to http://b\.example/"):
        _target("https://a.example/x", "http://b.example/")
    assert _target("http://a.example/x", "https://b.example/") == "https://b.example/"


def test_a_redirect_may_name_its_address_in_any_script() -> None:
    raw = "/naïef".encode().decode("latin-1")
    assert _target("https://a.example/x", raw) == "https://a.example/naïef"


def test_a_secret_is_told_to_nobody_else(site: Any, clock: ManualClock) -> None:
    port = site.url("").rpartition(":")[2]
    site.answers["/a"] = (302, {"Location": f"http://localhost:{port}/b"}, b"")
    site.answers["/b"] = (200, {}, b"")
    with make(clock, private_hosts=("127.0.0.1", "localhost")) as web:
        web.ask(site.url("/a"), headers={"Authorization": "Bearer x", "If-None-Match": '"1"'})
    assert site.asked("/a")[0]["authorization"] == "Bearer x"
    assert "authorization" not in site.asked("/b")[0]
    assert site.asked("/b")[0]["if-none-match"] == '"1"'


def test_cookies_are_neither_kept_nor_sent(site: Any, web: Web) -> None:
    site.answers["/a"] = (302, {"Set-Cookie": "visitor=1; Path=/", "Location": "/b"}, b"")
    site.answers["/b"] = (200, {"Set-Cookie": "visitor=2; Max-Age=9999"}, b"")
    for _ in range(2):
        web.get(site.url("/a"))
    assert not any("cookie" in headers for _, headers in site.requests)
    web.ask(site.url("/b"), headers={"Cookie": "wanted=1"})
    assert site.asked("/b")[-1]["cookie"] == "wanted=1"


def test_no_address_is_logged_and_no_error_repeats_what_was_asked_for(
    site: Any, web: Web, caplog: pytest.LogCaptureFixture
) -> None:
    planted = "did:plc:planted"
    site.answers[f"/posts?uris={planted}"] = (200, {}, b"")
    site.answers[f"/moved?uris={planted}"] = (302, {"Location": f"ftp://x/?uris={planted}"}, b"")
    failures = iter([500])
    site.answers[f"/weak?uris={planted}"] = lambda _headers: (next(failures, 429), {}, b"")
    with caplog.at_level(logging.DEBUG):
        web.ask(site.url(f"/posts?uris={planted}"), headers={"Authorization": planted})
        for path in ("weak", "moved"):
            with pytest.raises((Retry, Stop)) as caught:
                web.ask(site.url(f"/{path}?uris={planted}"), headers={"Authorization": planted})
            assert "127.0.0.1" in str(caught.value) or "ftp" in str(caught.value)
            assert planted not in "".join(traceback.format_exception(caught.value))
    assert len(site.asked(f"/weak?uris={planted}")) == 2
    assert not [each for each in caplog.records if planted in repr(each.__dict__)]


def test_what_is_known_of_hosts_is_bounded(clock: ManualClock) -> None:
    turns = Turns(clock=clock, pause_seconds=1.0)
    turns.rest("resting", seconds=86_400)
    with turns.take("held"):
        for number in range(3_000):
            with turns.take(f"host-{number}"):
                pass
            clock.advance(1_000)
        assert len(turns._hosts) <= 1_000
        assert {"resting", "held"} <= turns._hosts.keys()
    with pytest.raises(Retry, match="left alone"), turns.take("resting"):
        pass


def test_odd_validators_go_back_as_they_came(site: Any, web: Web) -> None:
    site.answers["/a"] = (200, {"ETag": 'W/"é\xff"'}, b"")
    etag = web.ask(site.url("/a")).headers["etag"]
    web.ask(site.url("/a"), headers={"If-None-Match": etag})
    assert site.asked("/a")[1]["if-none-match"] == 'W/"é\xff"'


@contextmanager
def hostile(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that speaks no HTTP of its own: `serve` gets each connection after its request."""
    listening = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        with suppress(OSError):
            while True:
                connected, _ = listening.accept()
                with connected, suppress(OSError):
                    connected.recv(65_536)
                    serve(connected)

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/a"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize("head", [HEAD, HEAD + b"Content-Length: 900\r\n\r\n"])
def test_a_byte_now_and_then_is_no_answer(clock: ManualClock, web: Web, head: bytes) -> None:
    def serve(connected: socket.socket) -> None:
        connected.sendall(head)
        for _ in range(900):
            clock.advance(15_000)
            connected.sendall(b"a")
            time.sleep(0.002)

    with hostile(serve) as url, pytest.raises(Retry, match="took longer than 60 seconds"):
        web.ask(url)


def endlessly(start: bytes, piece: bytes) -> Callable[[socket.socket], None]:
    def serve(connected: socket.socket) -> None:
        connected.sendall(start)
        while True:
            connected.sendall(piece)

    return serve


BOMB = gzip.compress(gzip.compress(b"a" * 20_000_000))
PACKED = HEAD + b"Content-Encoding: gzip\r\n\r\n"


@pytest.mark.parametrize(
    ("start", "piece", "message"),
    [
        (HEAD, b"X-A: b\r\n" * 1_000, "could not be fetched"),
        (HEAD + b"X: ", b"a" * 9_999, "could not be fetched"),
        (b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 999, "sent more than 300000 bytes"),
        (HEAD + b"\r\n", b"a" * 9_999, "larger than 100000 bytes"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n" * 999, "sent more than"),
        (PACKED + gzip.compress(b"a"), b"\0" * 9_999, "sent more than 300000 bytes"),
        (PACKED, gzip.decompress(BOMB), "larger than 100000 bytes"),
    ],
    ids=["headers", "a header", "1xx", "a body", "chunks", "after a gzip", "a bomb"],
)
def test_an_endless_answer_ends(web: Web, start: bytes, piece: bytes, message: str) -> None:
    with hostile(endlessly(start, piece)) as url, pytest.raises((Stop, Retry), match=message):
        web.ask(url)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "gzip,deflate", "x" * 99])
def test_a_packing_that_was_not_asked_for_is_not_opened(site: Any, web: Web, encoding: str) -> None:
    site.answers["/a"] = (200, {"Content-Encoding": encoding}, BOMB)
    with pytest.raises(Stop, match="was not asked for"):
        web.ask(site.url("/a"))
    assert site.asked("/a")[0]["accept-encoding"] == "gzip, deflate"


def test_what_is_packed_is_opened_and_a_broken_packing_is_a_retry(site: Any, web: Web) -> None:
    site.answers["/a"] = (200, {"Content-Encoding": "deflate"}, zlib.compress(b"hello"))
    assert web.ask(site.url("/a")).body == b"hello"
    site.answers["/b"] = (200, {"Content-Encoding": "gzip"}, b"no gzip at all")
    with pytest.raises(Retry, match="could not be fetched"):
        web.ask(site.url("/b"))


@pytest.mark.parametrize(
    "answer", [HEAD + b"Content-Length: 99\r\n\r\nhalf", HEAD[:9], b"", b"\0" * 99]
)
def test_half_an_answer_is_a_retry(web: Web, answer: bytes) -> None:
    with hostile(lambda connected: connected.sendall(answer)) as url, pytest.raises(Retry):
        web.ask(url)


def test_what_follows_the_announced_length_is_no_part_of_it(web: Web) -> None:
    answer = HEAD + b"Content-Length: 4\r\n\r\nbody" + HEAD
    with hostile(lambda connected: connected.sendall(answer)) as url:
        assert web.ask(url).body == b"body"


def test_a_host_that_wants_to_rest_is_not_asked_for_anything_else(
    site: Any, web: Web, clock: ManualClock
) -> None:
    site.answers["/a"] = (429, {"Retry-After": "100"}, b"")
    site.answers["/b"] = (200, {}, b"")
    with pytest.raises(Retry):
        web.ask(site.url("/a"))
    clock.advance(40_000)
    with pytest.raises(Retry, match="left alone") as caught:
        web.ask(site.url("/b"))
    assert caught.value.after == 60
    clock.advance(60_000)
    assert web.ask(site.url("/b")).status == 200
    assert len(site.requests) == 2


def test_threads_ask_a_host_one_after_the_other(site: Any) -> None:
    asking, most = 0, 0

    def answer(_headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        nonlocal asking, most
        asking += 1
        most = max(most, asking)
        time.sleep(0.02)
        asking -= 1
        return 200, {}, b"x"

    site.answers["/a"] = answer
    started = time.monotonic()
    with make(SystemClock(), pause_seconds=0.05) as web, ThreadPoolExecutor(8) as threads:
        pages = list(threads.map(lambda _number: web.ask(site.url("/a")), range(8)))
    assert [page.body for page in pages] == [b"x"] * 8
    assert most == 1
    assert time.monotonic() - started >= 7 * 0.05


def test_a_slow_host_holds_up_no_other(site: Any) -> None:
    released = threading.Event()

    def serve(connected: socket.socket) -> None:
        released.wait(10)
        connected.sendall(HEAD + b"Content-Length: 0\r\n\r\n")

    site.answers["/a"] = (200, {}, b"quick")
    with hostile(serve) as slow, make(SystemClock()) as web, ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(web.ask, slow)
        assert web.ask(site.url("/a")).body == b"quick"
        assert not waiting.done()
        released.set()
        assert waiting.result().status == 200


def test_a_clock_that_is_set_back_makes_nobody_wait_longer(site: Any) -> None:
    clock = ManualClock(START)
    site.answers["/a"] = (200, {}, b"")
    site.answers["/busy"] = (429, {"Retry-After": "60"}, b"")
    with make(clock) as web:
        web.ask(site.url("/a"))
        clock.set(START - 3_600_000)
        before = clock.elapsed()
        web.ask(site.url("/a"))
        assert clock.elapsed() - before <= 1_000
        with pytest.raises(Retry):
            web.ask(site.url("/busy"))
        clock.set(START - 7_200_000)
        clock.advance(61_000)
        assert web.ask(site.url("/a")).status == 200
