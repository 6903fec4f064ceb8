"""Coming in, choosing a purpose, going out; and what is tried against it."""

import html
import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.limits import FREE_TRIES
from dashboard.purposes import Purpose
from dashboard.refusals import path_here
from dashboard.roles import LOCAL_ROLES, Role
from dashboard.testing import PASSWORD
from stream.clock import DAY_MS, HOUR_MS, MINUTE_MS, ManualClock, to_datetime
from tests.dashboard.conftest import HERE

FOLDERS_PURPOSE = "prevention: nuisance around New Year"
WRONG = "a wrong password"
NEW_YEAR = Purpose(
    id="new-year",
    title={"nl": "Oud en nieuw", "en": "New Year"},
    basis="public task",
    owner="head of prevention",
    until=date(2100, 1, 1),
)
Build = Callable[..., Any]


def test_nothing_is_read_before_a_login_and_a_purpose(house: Any) -> None:
    house.account("jan")
    browser = house.browser()
    assert browser.get("/?q=a").headers["location"] == "/enter?next=%2F%3Fq%3Da"
    assert browser.get("/api/v1/count/x").status_code == 401
    house.enter("jan", browser=browser)
    assert browser.get("/").headers["location"].startswith("/purpose?")
    answer = browser.get("/api/v1/count/x")
    assert answer.status_code == 403
    assert "/purpose" in answer.json()["detail"]
    house.send(browser, "/purpose", purpose=FOLDERS_PURPOSE)
    assert browser.get("/").json()["account"] == "jan"


def test_the_way_in_leads_back_to_the_page_that_was_asked_for(house: Any) -> None:
    house.account("jan")
    browser = house.browser()
    door = browser.get("/?q=abc&since=2026-01-01").headers["location"]
    page = browser.get(door).text
    onward = html.unescape(re.findall(r'name="next" value="([^"]*)"', page)[0])
    answer = house.send(browser, "/enter", name="jan", password=PASSWORD, next=onward)
    page = browser.get(answer.headers["location"]).text
    onward = html.unescape(re.findall(r'name="next" value="([^"]*)"', page)[0])
    answer = house.send(browser, "/purpose", purpose=FOLDERS_PURPOSE, next=onward)
    assert answer.headers["location"] == "/?q=abc&since=2026-01-01"


@pytest.mark.parametrize(
    ("referer", "onward"),
    [
        (f"{HERE}/explore?language=nl", "%2Fexplore%3Flanguage%3Dnl"),
        ("https://evil.example/\\evil", "%2F"),
        (f"{HERE}/leave", "%2F"),
        ("http://[", "%2F"),
    ],
)
def test_a_form_leads_back_to_the_page_it_was_sent_from(
    house: Any, referer: str, onward: str
) -> None:
    house.account("jan")
    browser = house.reader("jan")
    house.entrance.sessions.end(house.token(browser))
    browser.headers["referer"] = referer
    answer = house.send(browser, "/queries")
    assert answer.headers["location"] == f"/enter?next={onward}"


def test_a_part_of_a_page_makes_the_whole_page_go_to_the_door(house: Any) -> None:
    answer = house.browser().get(
        "/queries/x/../..",
        headers={"hx-request": "true", "hx-current-url": "http://127.0.0.1:8300/?since=1"},
    )
    assert answer.headers["hx-redirect"] == "/enter?next=%2F%3Fsince%3D1"


# Passwords


def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(house: Any) -> None:
    house.account("jan")
    answers = []
    for name in ("jan", "piet"):
        browser = house.browser()
        browser.get("/enter")
        answers.append(house.send(browser, "/enter", name=name, password=WRONG))
        assert browser.get("/").status_code == 303
    assert [each.status_code for each in answers] == [403, 403]
    own = r'value="([0-9a-f]{64}|jan|piet)"'
    bodies = [re.sub(own, "", each.text) for each in answers]
    assert bodies[0] == bodies[1]


def test_an_unknown_name_costs_a_hash_like_a_known_one(house: Any) -> None:
    accounts = house.entrance.accounts
    house.account("jan")
    hashed: list[str] = []

    class Watched:
        def __init__(self, real: Any) -> None:
            self.real = real

        def verify(self, digest: str, given: str) -> bool:
            hashed.append(digest)
            return bool(self.real.verify(digest, given))

    accounts._hasher = Watched(accounts._hasher)
    assert accounts.verify("jan", "wrong") is None
    assert accounts.verify("piet", "wrong") is None
    known, unknown = hashed
    assert known.split("$")[1:4] == unknown.split("$")[1:4]  # the same kind, at the same cost


def test_guesses_at_one_account_have_to_wait_wherever_they_come_from(
    house: Any, clock: ManualClock
) -> None:
    house.account("jan")
    for number in range(FREE_TRIES):
        browser = house.browser(client=f"10.0.0.{number}")
        browser.get("/enter")
        assert house.send(browser, "/enter", name="jan", password=WRONG).status_code == 403
    browser = house.browser(client="10.0.0.99")
    browser.get("/enter")
    answer = house.send(browser, "/enter", name="jan", password=PASSWORD)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
    clock.advance(MINUTE_MS)
    assert house.send(browser, "/enter", name="jan", password=PASSWORD).status_code == 303


def test_guesses_from_one_address_have_to_wait_whatever_the_name(house: Any) -> None:
    browser = house.browser()
    browser.get("/enter")
    answers = [
        house.send(browser, "/enter", name=f"name{number}", password=WRONG).status_code
        for number in range(40)
    ]
    assert answers.index(429) == 30
    other = house.browser(client="10.0.0.1")
    other.get("/enter")
    assert house.send(other, "/enter", name="jan", password=WRONG).status_code == 403


def test_a_hundred_guesses_at_once_are_a_hundred(house: Any) -> None:
    attempts = house.entrance.attempts

    def one(_: int) -> int:
        return int(attempts.begin(account="jan", address="10.0.0.1"))

    with ThreadPoolExecutor(16) as pool:
        waits = list(pool.map(one, range(100)))
    assert waits.count(0) == FREE_TRIES


def test_who_has_an_account_cannot_clear_the_address_between_guesses(house: Any) -> None:
    house.account("own")
    answers: list[int] = []
    browser = house.browser()
    browser.get("/enter")
    for number in range(40):
        answers.append(house.send(browser, "/enter", name=f"n{number}", password=WRONG).status_code)
        browser = house.enter("own", browser=browser)
    assert 429 in answers


# Sessions


def test_a_session_that_was_planted_is_not_the_one_that_logs_in(house: Any) -> None:
    house.account("jan")
    planted = "planted-by-somebody-else"
    browser = house.browser()
    browser.cookies.set(house.entrance.site.cookie, planted)
    browser.get("/enter")
    house.send(browser, "/enter", name="jan", password=PASSWORD)
    attacker = house.browser()
    attacker.cookies.set(house.entrance.site.cookie, planted)
    assert attacker.get("/purpose").headers["location"].startswith("/enter")


def test_each_step_gives_a_new_token_and_ends_the_one_before(house: Any) -> None:
    house.account("jan")
    browser = house.browser()
    browser.get("/enter")
    tokens = [house.token(browser)]
    house.send(browser, "/enter", name="jan", password=PASSWORD)
    tokens.append(house.token(browser))
    house.send(browser, "/purpose", purpose=FOLDERS_PURPOSE)
    tokens.append(house.token(browser))
    house.send(browser, "/purpose", purpose=FOLDERS_PURPOSE)
    tokens.append(house.token(browser))
    assert len(set(tokens)) == 4
    for token in tokens[:-1]:
        assert house.entrance.sessions.find(token) is None
    assert house.entrance.sessions.find(tokens[-1]) is not None


def test_only_the_hash_of_a_token_is_stored(house: Any, tmp_path: Any) -> None:
    house.account("jan")
    token = house.token(house.reader("jan"))
    link = house.entrance.sessions.offer("jan")
    files = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for secret in (token, link, PASSWORD):
        assert secret.encode() not in files


def test_a_session_ends_when_nothing_was_asked_for_a_while(house: Any, clock: ManualClock) -> None:
    house.account("jan")
    browser = house.reader("jan")
    for _ in range(5):
        clock.advance(29 * MINUTE_MS)
        assert browser.get("/").status_code == 200
    clock.advance(30 * MINUTE_MS)
    assert browser.get("/").status_code == 303


@pytest.mark.parametrize(
    ("path", "headers", "then"),
    [("/api/v1/live", {}, 401), ("/", {"X-Peil-Refresh": "1"}, 303)],
)
def test_a_page_that_keeps_itself_up_to_date_does_not_keep_its_session(
    house: Any, clock: ManualClock, path: str, headers: dict[str, str], then: int
) -> None:
    house.account("jan")
    browser = house.reader("jan")
    for _ in range(3):
        clock.advance(9 * MINUTE_MS)
        assert browser.get(path, headers=headers).status_code == 200
    clock.advance(3 * MINUTE_MS)
    assert browser.get(path, headers=headers).status_code == then


def test_a_session_ends_after_its_hours_however_busy(house: Any, clock: ManualClock) -> None:
    house.account("jan")
    browser = house.reader("jan")
    for _ in range(36):
        assert browser.get("/").status_code == 200
        clock.advance(20 * MINUTE_MS)
    assert browser.get("/").status_code == 303


def test_leaving_ends_the_session_and_takes_the_cookie(house: Any) -> None:
    house.account("jan")
    browser = house.reader("jan")
    token = house.token(browser)
    answer = house.send(browser, "/leave")
    assert answer.headers["location"] == "/enter"
    assert house.token(browser) == ""
    assert house.entrance.sessions.find(token) is None


def test_a_reset_ends_every_session_of_the_account(house: Any) -> None:
    house.account("jan")
    house.account("piet")
    mine, other = house.reader("jan"), house.reader("piet")
    house.entrance.accounts.reset("jan", "another sentence of words")
    assert house.entrance.sessions.end_all("jan") == 1
    assert mine.get("/").status_code == 303
    assert other.get("/").status_code == 200


def test_roles_and_removal_count_from_the_next_request_on(house: Any) -> None:
    house.account("jan", Role.ANALYST)
    browser = house.reader("jan")
    assert browser.get("/api/v1/texts").status_code == 200
    house.entrance.accounts.set_roles("jan", [Role.VIEWER])
    assert browser.get("/api/v1/texts").status_code == 403
    house.entrance.accounts.remove("jan")
    assert browser.get("/api/v1/count/x").status_code == 401


# The one-time link


def test_a_link_lets_in_once_and_with_the_roles_of_ones_own_machine(house: Any) -> None:
    secret = house.entrance.sessions.offer("os-user")
    browser = house.browser()
    answer = browser.get(f"/enter?link={secret}")
    assert answer.headers["location"] == "/"  # the folder's purpose is the only one
    assert browser.get("/").json() == {
        "account": "os-user", "purpose": FOLDERS_PURPOSE, "title": FOLDERS_PURPOSE,
    }  # fmt: skip
    session = house.entrance.sessions.find(house.token(browser))
    assert session.roles == LOCAL_ROLES
    assert Role.OFFICER not in session.roles
    assert house.browser().get(f"/enter?link={secret}").status_code == 403


def test_a_used_link_leads_on_whoever_came_in_by_it(house: Any) -> None:
    secret = house.entrance.sessions.offer("os-user")
    browser = house.browser()
    browser.get(f"/enter?link={secret}")
    again = browser.get(f"/enter?link={secret}&next=/explore")
    assert (again.status_code, again.headers["location"]) == (303, "/explore")


def test_who_only_asks_for_the_head_uses_no_link_up(house: Any) -> None:
    secret = house.entrance.sessions.offer("os-user")
    assert house.browser().head(f"/enter?link={secret}").status_code == 200
    assert house.browser().get(f"/enter?link={secret}").status_code == 303


def test_of_two_that_use_a_link_at_once_one_comes_in(house: Any) -> None:
    sessions = house.entrance.sessions
    for _ in range(5):
        secret = sessions.offer("os-user")
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(sessions.redeem, [secret] * 4))
        assert sum(each is not None for each in found) == 1


def test_a_link_is_worth_nothing_after_ten_minutes(house: Any, clock: ManualClock) -> None:
    secret = house.entrance.sessions.offer("os-user")
    clock.advance(10 * MINUTE_MS)
    assert house.browser().get(f"/enter?link={secret}").status_code == 403


def test_a_browser_that_looks_ahead_does_not_use_a_link_up(house: Any) -> None:
    secret = house.entrance.sessions.offer("os-user")
    ahead = house.browser().get(f"/enter?link={secret}", headers={"sec-purpose": "prefetch"})
    assert ahead.status_code == 403
    assert house.browser().get(f"/enter?link={secret}").status_code == 303


def test_where_others_can_come_no_link_lets_in(build: Build) -> None:
    address = "https://peil.example.org"
    house = build(proxy="10.0.0.2", address=address, listen="0.0.0.0:8300")
    secret = house.entrance.sessions.offer("os-user")
    browser = house.browser(base=address, client="10.0.0.2")
    assert browser.get(f"/enter?link={secret}").status_code == 403


def test_with_several_purposes_a_link_leads_to_the_choice(build: Build) -> None:
    house = build(register=[NEW_YEAR])
    browser = house.browser()
    secret = house.entrance.sessions.offer("os-user")
    answer = browser.get(f"/enter?link={secret}")
    assert answer.headers["location"].startswith("/purpose")
    assert "Oud en nieuw" in browser.get("/purpose").text


# Purposes


def test_a_purpose_past_its_end_cannot_be_chosen_and_ends_for_who_has_it(
    build: Build, clock: ManualClock
) -> None:
    tomorrow = to_datetime(clock.now() + DAY_MS).date()
    short = Purpose(id="short", title={"en": "Soon over"}, basis="b", owner="o", until=tomorrow)
    house = build(register=[short, NEW_YEAR], idle_minutes=480, session_hours=24)
    house.account("jan")
    browser = house.reader("jan", "short")
    while to_datetime(clock.now() + 2 * HOUR_MS).date() < tomorrow:
        assert browser.get("/").status_code == 200
        clock.advance(HOUR_MS)
    clock.advance(2 * HOUR_MS)  # in the settings' time zone, which is ahead, it is over now
    assert browser.get("/").headers["location"].startswith("/purpose")
    assert "Soon over" not in browser.get("/purpose").text
    assert house.send(browser, "/purpose", purpose="short").status_code == 403
    assert house.send(browser, "/purpose", purpose="new-year").status_code == 303
    assert browser.get("/").status_code == 200


def test_a_purpose_that_nobody_registered_cannot_be_chosen(house: Any) -> None:
    house.account("jan")
    browser = house.enter("jan")
    assert house.send(browser, "/purpose", purpose="because").status_code == 403
    assert browser.get("/").status_code == 303


def test_without_an_open_purpose_nothing_can_be_read(build: Build) -> None:
    house = build(purpose="")
    house.account("jan")
    browser = house.enter("jan")
    assert "No purpose is open" in browser.get("/purpose").text
    assert browser.get("/").headers["location"].startswith("/purpose")


def test_what_is_logged_is_the_id_and_what_is_shown_the_title(build: Build) -> None:
    house = build(register=[NEW_YEAR])
    house.account("jan")
    browser = house.reader("jan", "new-year")
    shown = browser.get("/", headers={"accept-language": "en"}).json()
    assert shown == {"account": "jan", "purpose": "new-year", "title": "New Year"}


# Onward to this site alone


EVIL = (
    "//evil.example", "///evil.example", "\\\\evil.example", "/\\evil.example", "/\\/evil.example",
    "https:evil.example", "https://evil.example", "javascript:alert(1)", "/\t/evil.example",
    "/\n/evil.example", "\t//evil.example", " //evil.example", "//evil.example@127.0.0.1",
    "http:///evil.example", "evil.example", "", "/\u2028/evil", "/a\r\nSet-Cookie: x=y",
    "/\x01/evil",
)  # fmt: skip


@pytest.mark.parametrize("evil", EVIL)
def test_no_way_in_leads_to_another_site(house: Any, evil: str) -> None:
    house.account("jan")
    browser = house.browser()
    page = browser.get(f"/enter?next={quote(evil)}").text
    assert re.findall(r'name="next" value="([^"]*)"', page) == ["/"]
    answer = house.send(browser, "/enter", name="jan", password=PASSWORD, next=evil)
    assert answer.headers["location"] == "/purpose?next=%2F"
    answer = house.send(browser, "/purpose", purpose=FOLDERS_PURPOSE, next=evil)
    assert answer.headers["location"] == "/"
    assert "set-cookie: x" not in str(answer.headers).lower()
    assert browser.get(f"/enter?next={quote(evil)}").headers["location"] == "/"
    assert house.send(browser, "/language", language="en", next=evil).headers["location"] == "/"


@pytest.mark.parametrize("door", ["/enter", "/purpose"])
def test_the_language_of_a_door_is_changed_and_the_way_stays(house: Any, door: str) -> None:
    browser = house.browser()
    browser.get("/enter")
    for onward, kept in [("/explore?q=3", "/explore?q=3"), (EVIL[0], "/"), ("/enter?next=/a", "/")]:
        here = f"{door}?{urlencode({'next': onward})}"
        answer = house.send(browser, "/language", language="en", next=here)
        assert answer.headers["location"] == kept


@given(st.text(alphabet=st.sampled_from("/\\:.@?#%=&;ab \t\r\n\x00é"), max_size=12))
def test_what_is_gone_on_to_is_a_path_of_this_site(text: str) -> None:
    for address in (text, f"/enter?next={text}", f"/purpose?next={quote(text)}"):
        path = path_here(address)
        assert re.fullmatch(r"/(?![/\\])[!-~]*", path)
        parts = urlsplit(path)
        assert (parts.scheme, parts.netloc) == ("", "")
        assert "\\" not in path


def test_a_name_with_a_line_break_reaches_no_header_and_no_entry(house: Any) -> None:
    browser = house.browser()
    browser.get("/enter")
    answer = house.send(browser, "/enter", name="jan\r\nSet-Cookie: a=b", password=WRONG)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    assert {actor for actor, _, _ in house.logged("enter")} == {"(unknown)"}


# The log


def test_coming_choosing_and_going_are_entries(house: Any) -> None:
    house.account("jan")
    house.send(house.reader("jan"), "/leave")
    assert house.logged("enter") == [("jan", "(none)", "answered")]
    assert house.logged("purpose") == [("jan", FOLDERS_PURPOSE, "answered")]
    assert house.logged("leave") == [("jan", FOLDERS_PURPOSE, "answered")]
    assert house.log.verify() == []


def test_failed_logins_are_counted_without_passwords_and_unknown_names(house: Any) -> None:
    house.account("jan")
    browser = house.browser()
    browser.get("/enter")
    for name in ["jan"] * 5 + ["hidden-name"] * 3:
        house.send(browser, "/enter", name=name, password=WRONG)
    entries = [each for each in house.log.entries() if each.action == "enter"]
    counted = [(each.actor, json.loads(each.payload)["failures"]) for each in entries]
    assert counted == [("jan", 1), ("jan", 2), ("jan", 4), ("(unknown)", 1), ("(unknown)", 2)]
    assert {each.outcome for each in entries} == {"refused"}
    written = repr(entries)
    assert "hidden-name" not in written
    assert WRONG not in written


def test_who_cannot_be_logged_does_not_come_in(house: Any, monkeypatch: Any) -> None:
    house.account("jan")
    browser = house.browser()
    browser.get("/enter")

    def full(**_: str) -> int:
        raise OSError("no space left")

    monkeypatch.setattr(house.log, "append", full)
    assert house.send(browser, "/enter", name="jan", password=PASSWORD).status_code == 500
    monkeypatch.undo()
    assert browser.get("/purpose").headers["location"].startswith("/enter")
