"""Moments as strangers write them: whatever stands there, it is a moment or none."""

import sys
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.timestamps import EARLIEST, LATEST, parse_moment
from stream.clock import to_datetime

FAR = [
    "1 Jan 99999999999999999999 00:00:00 GMT",
    "Mon, 01 Jan 2026 00:00:00 +999999999999999",
    "1 Jan 2026 99999999999999999999:00:00 GMT",
    "9999-12-31T24:00:00",
    "1e308",
    "-1e308",
    "9" * 400,
    10**5_000,
    -(10**30),
    1e308,
    float("inf"),
    float("nan"),
    {"year": 10**5_000},
]

written = st.one_of(
    st.text(st.sampled_from("0123456789 -+:.,/TZWJanFebGMTe_"), max_size=120),
    st.builds(
        "{}{} {} {} {}:{}:{} {}".format,
        st.sampled_from(["", "Mon, ", "mon "]),
        st.integers(),
        st.sampled_from(["Jan", "september", "13", "-"]),
        st.integers(),
        st.integers(-99, 99),
        st.integers(-99, 99),
        st.integers(-99, 99),
        st.sampled_from(["GMT", "+0200", "-9999", "+99999999999999", "EST", ""]),
    ),
    st.builds("{}-{}-{}".format, *[st.integers(0, 10**9)] * 3),
)


@pytest.mark.parametrize("value", FAR, ids=range(len(FAR)))
def test_a_moment_that_is_none_is_none(value: Any) -> None:
    assert parse_moment(value) is None


@given(st.one_of(written, st.text(), st.integers(), st.floats(), st.binary(), st.booleans()))
@example("0001-01-01T00:00:00+14:00")
@example("9999-12-31T23:59:59-12:00")
def test_nothing_that_stands_there_raises(value: Any) -> None:
    moment = parse_moment(value)
    if moment is not None:
        assert EARLIEST <= moment < LATEST
        for zone in ("Pacific/Kiritimati", "America/Los_Angeles"):
            to_datetime(moment).astimezone(ZoneInfo(zone))


@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)))  # noqa: DTZ001  (hypothesis takes bounds without a zone)
def test_every_moment_of_a_calendar_is_read(moment: datetime) -> None:
    expected = (moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000
    found = parse_moment(moment.isoformat())
    assert found is not None
    assert abs(found - expected) <= 1


def test_numbers_may_be_of_any_length_where_python_reads_them() -> None:
    assert sys.get_int_max_str_digits() < 5_000, "else the values above prove nothing"


def test_what_is_nested_too_deep_is_no_moment() -> None:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    assert parse_moment(nested) is None
