"""What comes to the dashboard that no page of it would send: days that there are not, headers that
nobody can read, files that are gone.
"""

import socket
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import httpx2
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bench.servers.server import free_port
from dashboard.listening import open_doors, try_doors
from dashboard.roles import Role
from dashboard.serving import serve
from dashboard.settings import DashboardSettings
from dashboard.site import Site
from dashboard.views.period import EARLIEST, LONGEST_DAYS, period_of
from stream.clock import to_datetime
from stream.errors import Stop
from tests.dashboard.test_pages import tree
from tests.dashboard.town import NOW, RULES, City, built

ASKED = settings(
    max_examples=40,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
DATED = (
    "/",
    "/api/v1/monitor",
    "/explore",
    "/api/v1/explore",
    "/api/v1/explore/terms",
    "/api/v1/explore/compare?with=before",
    "/api/v1/export/counts",
    f"/phenomena/{RULES[0]}",
    f"/api/v1/phenomena/{RULES[0]}",
    f"/api/v1/phenomena/{RULES[0]}/terms",
)
TODAY = to_datetime(NOW).astimezone(ZoneInfo("Europe/Amsterdam")).date()
TOO_EARLY = EARLIEST - timedelta(days=1)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    with built(tmp_path_factory.mktemp("city") / "folder") as made:
        yield made


def main_of(answer: Any) -> str:
    """What the page says."""
    (found,) = tree(answer).css("main")
    return found.text()


def with_days(path: str, since: date | None, until: date | None) -> str:
    days = {"since": since, "until": until}
    said = urlencode({name: day.isoformat() for name, day in days.items() if day is not None})
    return f"{path}{'&' if '?' in path else '?'}{said}"


# Days


@ASKED
@given(
    path=st.sampled_from(DATED),
    since=st.one_of(st.none(), st.dates()),
    length=st.one_of(st.none(), st.integers(-3, LONGEST_DAYS + 2)),
)
@example(path="/", since=None, length=None)
@example(path="/api/v1/monitor", since=date.min, length=31)
@example(path="/api/v1/explore", since=date.min, length=60)
@example(path=f"/api/v1/phenomena/{RULES[0]}", since=date.min, length=60)
@example(path="/api/v1/explore/compare?with=before", since=date(1, 3, 1), length=61)
@example(path="/api/v1/explore/compare?with=before", since=EARLIEST, length=LONGEST_DAYS)
@example(path="/api/v1/monitor", since=EARLIEST, length=1)
@example(path="/", since=date.max, length=None)
def test_every_day_that_a_calendar_has_is_answered_or_refused_in_words(
    city: City, path: str, since: date | None, length: int | None
) -> None:
    until = None
    if length is not None:
        start = since or TODAY
        until = date.fromordinal(max(1, min(date.max.toordinal(), start.toordinal() + length)))
    answer = city.got(with_days(path, since, until))
    assert answer.status_code in (200, 400), answer.text


@pytest.mark.parametrize("path", DATED)
@pytest.mark.parametrize(
    ("since", "until"),
    [(date.min, date(1, 2, 1)), (None, date(1, 1, 5)), (TOO_EARLY, TODAY), (TOO_EARLY, None)],
)
def test_a_day_too_early_is_refused_with_the_days_there_are(
    city: City, path: str, since: date | None, until: date | None
) -> None:
    answer = city.got(with_days(path, since, until))
    assert answer.status_code == 400
    last = TODAY - timedelta(days=1)
    assert f"ask for days from {EARLIEST} up to and including {last}" in answer.text


@given(last=st.dates(EARLIEST, TODAY))
@example(last=EARLIEST)
@example(last=date(2000, 1, 9))
def test_a_last_day_alone_gives_days_that_are_found_again(last: date) -> None:
    until = last + timedelta(days=1)
    found = period_of("", since=None, until=until, today=TODAY, timezone="Europe/Paris")
    assert found.until == min(until, TODAY)
    again = {name: date.fromisoformat(day) for name, day in found.parameters.items()}
    assert found == period_of(
        "", since=again["since"], until=again["until"], today=TODAY, timezone="Europe/Paris"
    )


@given(since=st.dates(EARLIEST, TODAY), days=st.integers(1, LONGEST_DAYS))
def test_a_period_that_is_given_has_one_before_it_and_is_found_again(
    since: date, days: int
) -> None:
    if since == TODAY:
        since = EARLIEST
    found = period_of(
        "", since=since, until=since + timedelta(days=days), today=TODAY, timezone="Europe/Paris"
    )
    assert found.before.start_ms < found.start_ms < found.end_ms
    again = {name: date.fromisoformat(day) for name, day in found.parameters.items()}
    assert found == period_of(
        "", since=again["since"], until=again["until"], today=TODAY, timezone="Europe/Paris"
    )


@pytest.mark.parametrize("name", ["7d", "4w", "3m"])
def test_a_named_period_leads_back_by_its_name(name: str) -> None:
    found = period_of(name, since=None, until=None, today=TODAY, timezone="Europe/Paris")
    assert found.parameters == {"period": name}


@pytest.mark.parametrize("name", ["zzz", "own", "4W"])
def test_an_unknown_period_is_refused_with_those_there_are(city: City, name: str) -> None:
    for path in ("/", "/api/v1/monitor"):
        answer = city.got(f"{path}?period={name}")
        assert answer.status_code == 400
        assert "take 7d, 4w, 3m" in answer.text
    assert "neem 7d, 4w, 3m" in city.got(f"/?period={name}", language="nl").text


def test_an_emptied_field_is_as_if_it_were_not_there(city: City) -> None:
    fresh = city.got("/api/v1/monitor").json()["period"]
    assert city.got("/api/v1/monitor?since=&until=&period=").json()["period"] == fresh
    found = city.got("/api/v1/monitor?since=2026-09-01&until=").json()["period"]
    assert (found["since"], found["until"]) == ("2026-09-01", TODAY.isoformat())
    assert city.got("/?since=&until=").status_code == 200


def test_what_is_no_day_is_said_in_the_readers_language(city: City) -> None:
    for wrong in ("gisteren", "2026-02-31", "1e400", "<b>"):
        address = "/explore?" + urlencode({"since": wrong})
        assert "is no day" in main_of(city.got(address))
        page = city.got(address, language="nl")
        assert page.status_code == 422
        said = main_of(page)
        assert "is geen dag: schrijf een dag als 2026-11-25" in said
        assert "Input" not in said
    assert "kan niet: kies wat" in city.got("/explore?tab=zzz", language="nl").text


@pytest.mark.parametrize("code", ["xx", "sm", "zz-Unknown-99"])
def test_a_language_that_nobody_knows_is_a_filter_like_another(city: City, code: str) -> None:
    answer = city.got("/explore?" + urlencode({"language": ["nl", code]}, doseq=True))
    assert answer.status_code == 200
    assert tree(answer).css(f"#facet-language input[value='{code}'][checked]")


@pytest.mark.parametrize(
    ("path", "status", "dutch"),
    [
        ("/saved", 405, "naar dit adres gaat een formulier"),
        ("/queries", 405, "naar dit adres gaat een formulier"),
        ("/export/counts?kind=x", 400, "article, post, quote, reply, repost na kind:"),
        ("/export/counts?sentiment=x", 400, "negative, neutral, positive na sentiment:"),
    ],
)
def test_what_no_page_sends_is_answered_in_dutch_too(
    city: City, path: str, status: int, dutch: str
) -> None:
    answer = city.got(path, language="nl")
    assert answer.status_code == status
    assert dutch in main_of(answer)


def test_the_api_says_a_wrong_method_as_http_does(city: City) -> None:
    answer = city.got("/api/v1/queries", language="nl")
    assert (answer.status_code, answer.json()) == (405, {"detail": "Method Not Allowed"})


# What is wrong is said in the frame of whoever is in


@pytest.mark.parametrize(
    "path",
    ["/nergens", "/explore?since=gisteren", "/explore?since=2027-01-01", "/phenomena/niets"],
)
def test_a_page_that_says_what_is_wrong_keeps_its_frame(city: City, path: str) -> None:
    page = tree(city.got(path))
    assert len(page.css("nav.menu a")) >= 4
    (session,) = page.css(".session")
    assert "a-analyst" in session.text()
    assert session.css("form[action='/leave']")
    out = tree(city.browser().get(path))
    assert not out.css(".session")


def test_a_form_that_was_out_of_date_keeps_its_frame(city: City) -> None:
    reader = city.client(Role.ANALYST)
    del reader.headers["x-csrf-token"]
    answer = reader.post("/saved", data={"title": "a"})
    assert answer.status_code == 403
    assert tree(answer).css(".session")


# Headers


@pytest.mark.parametrize("address", ["http://[evil", "http://[evil/?a=b", "//[", "\x00", "é"])
def test_a_page_that_cannot_be_is_no_place_to_go_back_to(city: City, address: str) -> None:
    answer = city.browser().get(
        "/explore", headers={b"hx-request": b"true", b"hx-current-url": address.encode("latin-1")}
    )
    assert answer.status_code == 401
    assert answer.headers["hx-redirect"].startswith("/enter?next=%2F")


NAMES = (
    "accept", "accept-language", "authorization", "content-length", "content-type", "cookie",
    "host", "hx-current-url", "hx-request", "if-modified-since", "if-none-match", "last-event-id",
    "origin", "range", "referer", "sec-fetch-site", "sec-purpose", "x-csrf-token",
    "x-forwarded-for", "x-forwarded-proto", "x-peil-refresh",
)  # fmt: skip
WORDS = ("http://[", "127.0.0.1:8300", "[::1", "nl;q=nan", "bytes=9-", "9" * 5_000, "=;=", "true")


@settings(ASKED, max_examples=300)
@given(
    headers=st.dictionaries(
        st.sampled_from(NAMES),
        st.one_of(st.sampled_from(WORDS), st.text(st.characters(max_codepoint=255), max_size=30)),
        max_size=4,
    ),
    path=st.sampled_from(
        ["/explore", "/rules", "/enter", "/api/v1/rules", "/static/manifest.json"]
    ),
    inside=st.booleans(),
    method=st.sampled_from(["GET", "HEAD", "POST"]),
)
@example(headers={"content-length": "9" * 5_000}, path="/rules", inside=True, method="GET")
@example(headers={"x-csrf-token": "\xff"}, path="/enter", inside=False, method="POST")
def test_no_header_breaks_an_answer(
    city: City, headers: dict[str, str], path: str, *, inside: bool, method: str
) -> None:
    browser = city.browser_of(Role.VIEWER) if inside else city.browser()
    sent = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
    answer = browser.request(method, path, headers=sent, follow_redirects=False)
    assert answer.status_code < 500, answer.text


# Where it listens


@pytest.mark.parametrize(
    ("listen", "said"),
    [
        ("127.0.0.1:99999", "the port lies between 1 and 65535"),
        ("127.0.0.1:0", "the port lies between 1 and 65535"),
        ("[::1]:65536", "the port lies between 1 and 65535"),
        ("127.0.0.256:8300", "127.0.0.256 is no IP address"),
        ("1.2.3:8300", "1.2.3 is no IP address"),
        ("[::g]:8300", "should match pattern"),
        ("[:::::]:8300", "is no IP address"),
    ],
)
def test_where_it_cannot_listen_is_no_setting(listen: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        DashboardSettings(listen=listen)


@pytest.mark.parametrize("listen", ["localhost:1", "a-1:65535", "[::1]:8300", "127.0.0.1:80"])
def test_where_it_may_listen_is_a_setting(listen: str) -> None:
    assert DashboardSettings(listen=listen).listen == listen


def site(listen: str) -> Site:
    return Site.of(DashboardSettings(listen=listen, proxy="127.0.0.1", address="https://a.example"))


def test_a_taken_port_is_told_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Stop, match=rf"something else does.*=127.0.0.1:{port + 1} "):
            try_doors(site(f"127.0.0.1:{port}"))
    try_doors(site(f"127.0.0.1:{port}"))


def test_of_two_dashboards_one_gets_the_port() -> None:
    here = site(f"127.0.0.1:{free_port()}")
    first = open_doors(here)
    with pytest.raises(Stop, match="something else does"):
        open_doors(here)
    for door in first:
        door.close()


@pytest.mark.parametrize(
    ("listen", "said"),
    [("nowhere.invalid:8300", "has no address here"), ("192.0.2.1:8300", "of this machine")],
)
def test_where_this_machine_is_not_is_told(listen: str, said: str) -> None:
    with pytest.raises(Stop, match=said):
        open_doors(site(listen))


def test_it_is_told_once_the_dashboard_can_be_come_to(city: City) -> None:
    here = Site.of(DashboardSettings(listen=f"127.0.0.1:{free_port()}"))
    answered: list[int] = []

    def ask() -> None:
        answered.append(httpx2.get(here.link("/enter")).status_code)

    serve(
        city.app, here, city.app.state.city.snapshot, every=60, turn=lambda: None,
        stopping=lambda: bool(answered), listening=ask,
    )  # fmt: skip
    assert answered == [200]


def test_a_server_that_cannot_start_says_so_and_ends(city: City) -> None:
    here = Site.of(DashboardSettings(listen=f"127.0.0.1:{free_port()}"))

    async def broken(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed"})

    with pytest.raises(Stop, match="cannot start"):
        serve(
            broken, here, city.app.state.city.snapshot, every=60, turn=lambda: None,
            stopping=lambda: False,
        )  # fmt: skip


# HEAD, and files that are gone


def test_the_head_of_a_page_is_that_of_the_page_without_its_body(city: City) -> None:
    for path, status in (("/rules", 200), ("/nergens", 404), ("/explore?since=x", 422)):
        answer = city.browser_of().head(path)
        assert (answer.status_code, answer.content) == (status, b"")
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert city.browser().head("/rules").status_code == 303


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[City]:
    with built(tmp_path / "folder") as made:
        made.browser_of()
        yield made


@pytest.mark.parametrize("replaced", [False, True])
def test_a_database_that_was_moved_away_or_replaced_ends_all_answers(
    fresh: City, tmp_path: Path, caplog: pytest.LogCaptureFixture, *, replaced: bool
) -> None:
    path = tmp_path / "folder" / "data" / "peil.db"
    away = path.rename(tmp_path / "away.db")
    if replaced:
        path.write_bytes(away.read_bytes())
    before = len(fresh.entries())
    for address in ("/", "/explore", "/api/v1/monitor"):
        answer = fresh.got(address)
        assert answer.status_code == 503
        assert "Nothing can be written down now" in answer.text
    assert "dus er is ook niets te zien" in fresh.got("/", language="nl").text
    assert len(fresh.entries()) == before
    assert f"{path} was moved away or replaced" in caplog.text
    away.replace(path)
    assert fresh.got("/").status_code == 200


def test_keys_that_are_gone_are_told_without_a_traceback(
    fresh: City, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keys = tmp_path / "folder" / "data" / "keys"
    keys.rename(tmp_path / "keys")
    for address in ("/", "/api/v1/explore"):
        answer = fresh.got(address)
        assert answer.status_code == 503
        assert "Nothing can be written down now" in answer.text
    assert str(keys) in caplog.text
    assert "Traceback" not in caplog.text
