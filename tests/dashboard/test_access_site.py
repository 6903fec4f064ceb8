"""What stands before every page: hosts, proxies, cookies, headers, limits."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from bench.servers.certificates import Authority
from dashboard.limits import FREE_TRIES, FREE_TRIES_OF_ADDRESS, MOST_KEYS, Attempts, Rates
from dashboard.roles import MATRIX, Role
from dashboard.security import POLICY
from dashboard.settings import DashboardSettings
from dashboard.site import Site
from dashboard.testing import PASSWORD
from stream.clock import HOUR_MS, MINUTE_MS, ManualClock
from stream.errors import Stop

Build = Callable[..., Any]
PUBLIC = "https://peil.example.org"
PROXIED: Mapping[str, Any] = {"listen": "0.0.0.0:8300", "proxy": "10.0.0.2", "address": PUBLIC}


def cookies(answer: Any) -> dict[str, set[str]]:
    """The cookies that an answer sets, each with its attributes in small letters."""
    found: dict[str, set[str]] = {}
    for header in answer.headers.get_list("set-cookie"):
        first, *attributes = header.split(";")
        found[first.split("=")[0]] = {each.strip().lower() for each in attributes}
    return found


def through_proxy(house: Any, *, client: str = "10.0.0.2", **headers: str) -> TestClient:
    made: TestClient = house.browser(base=PUBLIC, client=client, **headers)
    return made


# Where it may listen


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"listen": "0.0.0.0:8300"}, "certificate_file"),
        ({"listen": "[::]:8300"}, "dashboard.proxy"),
        ({"listen": "192.168.1.5:8300"}, "listen on 127.0.0.1"),
        ({"listen": "peil.example.org:443"}, "others could read along"),
        ({"listen": "0.0.0.0:8300", "proxy": "10.0.0.2"}, "dashboard.address is empty"),
        ({"proxy": "127.0.0.1"}, "dashboard.address is empty"),
        ({"address": PUBLIC}, "nothing speaks TLS"),
        ({"certificate_file": "a.pem"}, "key_file is empty"),
        ({"key_file": "a.pem"}, "certificate_file is empty"),
        ({"certificate_file": "a.pem", "key_file": "b.pem"}, "there is no file a.pem"),
        (
            {"certificate_file": "a" * 300, "key_file": "b.pem"},
            "certificate_file: a+ cannot be read",
        ),
    ],
)
def test_where_others_could_read_along_it_does_not_start(
    settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(Stop, match=said):
        Site.of(DashboardSettings(**settings))


@pytest.mark.parametrize("listen", ["127.0.0.1:8300", "localhost:80", "[::1]:8300", "127.0.0.5:1"])
def test_on_this_machine_it_starts_without_further_settings(listen: str) -> None:
    site = Site.of(DashboardSettings(listen=listen))
    assert (site.is_local, site.is_secure) == (True, False)


def test_with_a_certificate_and_an_address_it_listens_outside(tmp_path: Path) -> None:
    issued = Authority(tmp_path).issue("peil")
    certificate, key = str(issued.certificate), str(issued.key)
    site = Site.of(
        DashboardSettings(
            listen="0.0.0.0:443",
            certificate_file=certificate,
            key_file=key,
            address=f"{PUBLIC}:443",
        )
    )
    assert site.is_named("peil.example.org")
    assert (site.is_local, site.is_secure, site.cookie) == (False, True, "__Host-peil")
    options = site.server_options()
    assert (options["ssl_certfile"], options["ssl_keyfile"]) == (certificate, key)
    assert not options["proxy_headers"]
    assert not options["access_log"]  # it would hold addresses and one-time links


def test_a_key_of_another_certificate_is_told_at_once(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    one, other = authority.issue("one"), authority.issue("other")
    settings = DashboardSettings(
        certificate_file=str(one.certificate), key_file=str(other.key), address=PUBLIC
    )
    with pytest.raises(Stop, match="do not fit together"):
        Site.of(settings)


@pytest.mark.parametrize(
    "wrong",
    [
        {"proxy": "proxy.example.org"},
        {"proxy": "10.0.0.0/8"},
        {"address": "http://peil.example.org"},
        {"address": "https://peil.example.org/city"},
        {"address": "https://a@peil.example.org"},
        {"listen": "8300"},
    ],
)
def test_a_setting_that_would_be_misread_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        DashboardSettings(**wrong)


# Hosts


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "", "127.0.0.1@evil.example", "[", "10.0.0.1"],
)
def test_a_request_for_another_host_is_refused(house: Any, host: str) -> None:
    answer = house.browser().get("/enter", headers={"host": host})
    assert answer.status_code == 421
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("host", ["127.0.0.1:8300", "localhost:8300", "[::1]:8300", "LOCALHOST"])
def test_each_name_of_this_machine_is_answered(house: Any, host: str) -> None:
    assert house.browser().get("/enter", headers={"host": host}).status_code == 200


def test_behind_a_proxy_only_the_public_name_is_answered(build: Build) -> None:
    browser = through_proxy(build(**PROXIED))
    assert browser.get("/enter").status_code == 200
    for host in ("127.0.0.1:8300", "localhost", "peil.example.org:8300", "evil.example"):
        assert browser.get("/enter", headers={"host": host}).status_code == 421


# Proxies


def test_nobody_comes_past_the_proxy_or_in_the_open(build: Build) -> None:
    house = build(**PROXIED)
    assert through_proxy(house, client="10.0.0.3").get("/enter").status_code == 403
    plain = through_proxy(house, **{"x-forwarded-proto": "http"})
    assert plain.get("/enter").status_code == 403


def test_the_address_is_what_the_proxy_saw_and_not_what_a_client_says(build: Build) -> None:
    house = build(**PROXIED, requests_a_minute=10)
    headers = {"x-forwarded-for": "192.0.2.1, 198.51.100.7"}
    scope = {
        "client": ("10.0.0.2", 1),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    assert house.entrance.site.client(scope) == "198.51.100.7"
    for number in range(100):  # whatever it says before, it is one address
        said = {"x-forwarded-for": f"192.0.2.{number}, 198.51.100.7"}
        assert through_proxy(house, **said).get("/enter").status_code == 200
    assert through_proxy(house, **headers).get("/enter").status_code == 429


@pytest.mark.parametrize(
    ("said", "counted"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("198.51.100.7:40001", "198.51.100.7"),
        ("192.0.2.1:1, 198.51.100.7:40001", "198.51.100.7"),
        ("2001:db8:1:2::3", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::3]:40001", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::3]", "2001:db8:1:2::/64"),
        ("[::ffff:192.0.2.1]:40001", "192.0.2.1"),
        ("unknown", "10.0.0.2"),
        ("_hidden:40001", "10.0.0.2"),
        ("198.51.100.7,", "10.0.0.2"),
        ("", "10.0.0.2"),
    ],
)
def test_a_client_is_counted_by_its_address_whatever_its_port(
    build: Build, said: str, counted: str
) -> None:
    headers = [(b"x-forwarded-for", said.encode())]
    scope = {"client": ("10.0.0.2", 1), "headers": headers}
    assert build(**PROXIED).entrance.site.client(scope) == counted


def test_who_guesses_from_ever_other_ports_is_held_by_the_address(build: Build) -> None:
    house = build(**PROXIED)
    answers = []
    for number in range(FREE_TRIES_OF_ADDRESS + 1):
        browser = through_proxy(house, **{"x-forwarded-for": f"198.51.100.7:{40_000 + number}"})
        browser.get("/enter")
        answer = house.send(browser, "/enter", name=f"name-{number}", password=PASSWORD)
        answers.append(answer.status_code)
    assert answers == [403] * FREE_TRIES_OF_ADDRESS + [429]


def test_without_a_proxy_nothing_is_believed_of_one(house: Any) -> None:
    scope = {"client": ("127.0.0.1", 1), "headers": [(b"x-forwarded-for", b"192.0.2.1")]}
    assert house.entrance.site.client(scope) == "127.0.0.1"


@pytest.mark.parametrize(
    ("connected", "counted"),
    [
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("192.0.2.1", "192.0.2.1"),
    ],
)
def test_an_address_is_counted_with_those_it_is_given_together(
    house: Any, connected: str, counted: str
) -> None:
    assert house.entrance.site.client({"client": (connected, 1), "headers": []}) == counted


# Cookies


def test_a_session_cookie_is_out_of_reach_of_scripts_and_other_sites(house: Any) -> None:
    house.account("jan")
    browser = house.browser()
    steps = [
        browser.get("/enter"),
        house.send(browser, "/enter", name="jan", password=PASSWORD),
        house.send(browser, "/purpose", purpose="prevention: nuisance around New Year"),
    ]
    for answer in steps:
        (flags,) = cookies(answer).values()
        assert {"httponly", "samesite=strict", "path=/"} <= flags
        assert "secure" not in flags  # a browser would not keep it on plain loopback
        assert not any(flag.startswith("domain") for flag in flags)


def test_over_tls_a_cookie_is_of_this_host_alone(build: Build) -> None:
    answer = through_proxy(build(**PROXIED)).get("/enter")
    flags = cookies(answer)["__Host-peil"]
    assert {"secure", "httponly", "samesite=strict", "path=/"} <= flags
    assert not any(flag.startswith("domain") for flag in flags)


def test_who_follows_a_link_from_elsewhere_keeps_the_session(house: Any) -> None:
    # A browser sends no strict cookie with it: the door must not put another in its place.
    answer = house.browser().get(
        "/enter?next=/explore%3Fq%3Da", headers={"sec-fetch-site": "cross-site"}
    )
    assert answer.status_code == 200
    assert 'content="0;url=/explore?q=a"' in answer.text
    assert "set-cookie" not in answer.headers


# Headers


@pytest.mark.parametrize(
    "path", ["/", "/enter", "/nowhere", "/broken", "/api/v1/count/x", "/api/v1/openapi.json"]
)
def test_every_answer_carries_what_keeps_a_browser_safe(house: Any, path: str) -> None:
    house.account("jan")
    for browser in (house.browser(), house.reader("jan")):
        headers = browser.get(path).headers
        assert headers["content-security-policy"] == POLICY
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
        assert "strict-transport-security" not in headers
        assert "server" not in headers


def test_no_page_may_run_what_stands_in_it() -> None:
    assert "unsafe" not in POLICY
    assert POLICY.startswith("default-src 'none'")


def test_the_guide_says_what_roles_may_and_which_policy_holds() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "access.md").read_text("utf-8")
    rows = re.findall(r"^\| (\w+) \|(.*)\|$", guide, re.MULTILINE)
    rights = ("counts", "texts", "log", "accounts")
    told = {
        name: {right for right, cell in zip(rights, cells.split("|"), strict=True) if "yes" in cell}
        for name, cells in rows
        if name in {*Role}
    }
    assert told == {role.value: set(MATRIX[role]) for role in Role}
    assert POLICY in guide


def test_over_tls_a_browser_is_told_to_stay_there(build: Build) -> None:
    headers = through_proxy(build(**PROXIED)).get("/enter").headers
    assert headers["strict-transport-security"] == "max-age=31536000"


def test_a_fault_tells_nothing_of_the_inside(house: Any) -> None:
    house.account("jan")
    answer = house.reader("jan").get("/broken")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "it is in the log" in answer.text


# Limits


def test_a_session_that_asks_too_often_waits(build: Build, clock: ManualClock) -> None:
    house = build(requests_a_minute=20)
    house.account("jan")
    house.account("piet")
    fast, slow = house.reader("jan"), house.reader("piet")
    answers = [fast.get("/api/v1/count/x") for _ in range(21)]
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) > 0
    assert slow.get("/").status_code == 200
    clock.advance(MINUTE_MS)
    assert fast.get("/").status_code == 200


def test_who_makes_up_sessions_is_held_by_the_address(build: Build) -> None:
    house = build(requests_a_minute=10)
    answers = []
    for number in range(101):
        browser = house.browser()
        browser.cookies.set(house.entrance.site.cookie, f"made-up-{number}")
        answers.append(browser.get("/enter").status_code)
    assert (answers[99], answers[100]) == (200, 429)
    assert house.browser(client="10.0.0.1").get("/enter").status_code == 200


def test_rates_hold_no_more_keys_than_there_is_room_for(clock: ManualClock) -> None:
    rates = Rates(a_minute=10, clock=clock)
    for number in range(MOST_KEYS + 5):
        rates.wait(str(number))
    assert len(rates._used_up) == MOST_KEYS


def test_a_clock_that_is_set_back_locks_nobody_out(clock: ManualClock) -> None:
    rates, attempts = Rates(a_minute=1, clock=clock), Attempts(clock=clock)
    assert (rates.wait("jan"), rates.wait("jan") > 0) == (0, True)
    for _ in range(FREE_TRIES):
        assert attempts.begin(account="jan", address="10.0.0.1") == 0
    assert attempts.begin(account="jan", address="10.0.0.1") > 0
    clock.set(clock.now() - HOUR_MS)
    clock.advance(MINUTE_MS)
    assert rates.wait("jan") == 0
    assert attempts.begin(account="jan", address="10.0.0.1") == 0


@pytest.mark.parametrize("announced", [True, False])
def test_a_request_that_is_too_large_is_refused(build: Build, *, announced: bool) -> None:
    house = build(body_bytes=10_000)
    house.account("jan")
    browser = house.reader("jan")
    body = b"x" * 10_001
    headers = {"x-csrf-token": house.csrf(browser), "content-type": "application/json"}
    sent = body if announced else iter([body[:5_000], body[5_000:]])
    answer = browser.post("/api/v1/check", content=sent, headers=headers)
    assert answer.status_code == 413


def test_the_application_reads_the_body_that_was_looked_at(house: Any) -> None:
    house.account("jan")
    browser = house.reader("jan")
    headers = {"x-csrf-token": house.csrf(browser)}
    answer = browser.post("/api/v1/check", json={"words": "é" * 500}, headers=headers)
    assert answer.json() == {"words": "é" * 500}


def test_a_token_in_a_form_counts_only_where_a_page_sends_it(house: Any) -> None:
    house.account("jan")
    browser = house.reader("jan")
    token = house.csrf(browser)
    assert browser.post("/queries", data={"csrf": token}).status_code == 200
    plain = {"content-type": "text/plain"}
    assert browser.post("/queries", content=f"csrf={token}", headers=plain).status_code == 403
    many = "&".join(f"f{number}=1" for number in range(1_001)) + f"&csrf={token}"
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert browser.post("/queries", content=many, headers=form).status_code == 413


def test_a_token_from_before_a_step_is_worth_nothing_after_it(house: Any) -> None:
    house.account("jan")
    browser = house.enter("jan")
    before = house.csrf(browser)
    house.send(browser, "/purpose", purpose="prevention: nuisance around New Year")
    answer = browser.post("/queries", data={"csrf": before})
    assert answer.status_code == 403
    assert "out of date" in answer.text


# Languages


def test_a_reader_chooses_the_language(house: Any) -> None:
    browser = house.browser()
    language = house.entrance.language

    class Asked:
        def __init__(self, **headers: str) -> None:
            self.cookies = dict(browser.cookies)
            self.headers = headers

    browser.get("/enter")
    assert language(Asked()) == "nl"
    assert language(Asked(**{"accept-language": "en-GB,nl;q=0.5"})) == "en"
    house.send(browser, "/language", language="en")
    assert language(Asked(**{"accept-language": "nl"})) == "en"
    house.send(browser, "/language", language="evil\r\n")
    assert language(Asked()) == "en"
