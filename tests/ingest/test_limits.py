"""What servers say of their limits, in the ways in which they do."""

from typing import Any

import pytest

from ingest.contract import Budget
from ingest.web.client import Web
from ingest.web.limits import Allowance, budget
from stream.clock import ManualClock, to_datetime
from stream.errors import Retry
from stream.testing import START

SOON = START + 120_000


@pytest.mark.parametrize("prefix", ["x-ratelimit", "ratelimit"])
@pytest.mark.parametrize(
    "reset",
    [
        "120",
        "120.0",
        str(SOON // 1000),
        str(SOON),
        to_datetime(SOON).isoformat(),
        f"{to_datetime(SOON):%a, %d %b %Y %H:%M:%S GMT}",
    ],
)
def test_a_reset_is_a_date_a_number_of_seconds_or_a_moment(prefix: str, reset: str) -> None:
    headers = {f"{prefix}-remaining": "3", f"{prefix}-limit": "300", f"{prefix}-reset": reset}
    assert budget(headers, now=START) == Budget(3, 300, SOON)


@pytest.mark.parametrize("reset", [None, "", "soon", "nan", "inf"])
def test_a_limit_that_does_not_say_when_it_begins_anew_does_in_its_period(
    reset: str | None,
) -> None:
    headers = {"x-ratelimit-remaining": "3", "x-ratelimit-limit": "300"}
    headers |= {} if reset is None else {"x-ratelimit-reset": reset}
    assert budget(headers, now=START) == Budget(3, 300, START + 300_000)


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [
        ("2050-01-01T00:00:00Z", 86_400),
        ("99999999999", 86_400),
        ("999999999", 86_400),
        ("9e18", 300),
        ("1e308", 300),
        ("1 Jan 99999999999999999999 00:00:00 GMT", 300),
        ("1990-01-01T00:00:00Z", 0),
        ("-1e308", 300),
    ],
)
def test_no_server_is_left_alone_for_longer_than_a_day(reset: str, seconds: int) -> None:
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-limit": "300", "x-ratelimit-reset": reset}
    assert budget(headers, now=START) == Budget(0, 300, START + seconds * 1000)
    clock = ManualClock(START)
    allowance = Allowance("https://server.example", clock=clock)
    allowance.note(headers)
    clock.advance(86_400_000)
    allowance.check()


@pytest.mark.parametrize(
    ("after", "seconds"),
    [
        ("1 Jan 99999999999999999999 00:00:00 GMT", None),
        ("1e308", None),
        ("2050-01-01T00:00:00Z", 86_400),
        ("999999999", 86_400),
    ],
)
def test_whatever_a_busy_server_says_it_is_only_busy(
    site: Any, after: str, seconds: int | None
) -> None:
    site.answers["/a"] = (429, {"Retry-After": after}, b"")
    with Web(contact="data@example.org", clock=ManualClock(START), max_bytes=1_000, max_seconds=60,
             private_hosts=("127.0.0.1",)) as web:  # fmt: skip
        with pytest.raises(Retry) as raised:
            web.ask(site.url("/a"))
        assert raised.value.after == seconds


@pytest.mark.parametrize("said", [{"x-ratelimit-reset": "120"}, {"ratelimit-reset": "120"}])
def test_a_server_that_refuses_until_its_reset_is_left_alone_so_long(
    site: Any, said: dict[str, str]
) -> None:
    site.answers["/a"] = (429, said, b"")
    clock = ManualClock(START)
    with Web(contact="data@example.org", clock=clock, max_bytes=1_000, max_seconds=60,
             private_hosts=("127.0.0.1",)) as web:  # fmt: skip
        for after in (120, 60):
            with pytest.raises(Retry) as raised:
                web.ask(site.url("/a"))
            assert raised.value.after == after
            clock.advance(60_000)
    assert len(site.requests) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-ratelimit-remaining": "3"},
        {"x-ratelimit-remaining": "three", "x-ratelimit-limit": "300"},
        {"ratelimit-remaining": "3", "ratelimit-limit": "300, 300;w=60"},
        {"x-ratelimit-remaining": "-1", "x-ratelimit-limit": "300"},
    ],
)
def test_what_is_no_limit_is_none(headers: dict[str, str]) -> None:
    assert budget(headers, now=START) is None


@pytest.mark.parametrize(("reserve", "least"), [(0, 1), (10, 11), (50, 31)])
def test_what_is_left_to_others_is_not_asked_for(reserve: int, least: int) -> None:
    clock = ManualClock(START)
    allowance = Allowance("https://server.example", clock=clock, reserve=reserve)
    allowance.check()
    limit = {"ratelimit-limit": "300", "ratelimit-reset": "60"}
    allowance.note({"ratelimit-remaining": str(least)} | limit)
    allowance.check()
    allowance.note({"ratelimit-remaining": str(least - 1)} | limit)
    allowance.note({})  # which changes nothing
    with pytest.raises(Retry) as raised:
        allowance.check()
    assert raised.value.after == 60
    clock.advance(60_000)
    allowance.check()
