"""The many ways in which exports write a moment, as Unix milliseconds."""

from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

SECONDS_BELOW = 100_000_000_000
"""A number below this is in seconds (to the year 5138), above it in milliseconds."""

MILLISECONDS_BELOW = 100_000_000_000_000
EARLIEST = -62_135_510_400_000
LATEST = 253_402_214_400_000
"""From 0001-01-02 to before 9999-12-31: what a calendar holds in every time zone."""

MAX_LENGTH = 100
FORMATS = (
    "%d-%m-%Y %H:%M:%S",
    "%d-%m-%Y %H:%M",
    "%d-%m-%Y",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y",
    "%a %b %d %H:%M:%S %z %Y",
)


def parse_moment(value: Any) -> int | None:
    """The moment in `value`, None when there is none or it cannot be read. Never raises: what
    strangers write costs nothing but itself.

    A time without a zone is UTC, which is what 4CAT writes. Numbers are Unix seconds,
    milliseconds or microseconds by their size.
    """
    if value is None or value == "" or isinstance(value, bool):
        return None
    try:
        moment = _read(str(value).strip()[:MAX_LENGTH])
    except (ValueError, TypeError, OverflowError, RecursionError):  # too large, or nested too deep
        return None
    return moment if EARLIEST <= moment < LATEST else None


def _read(text: str) -> int:
    """Raises on what is no moment, as the ways to read one do."""
    try:
        number = float(text)
    except ValueError:
        moment = _written(text)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    return _number(number)


def _number(value: float) -> int:
    if abs(value) < SECONDS_BELOW:
        return int(value * 1000)
    return int(value if abs(value) < MILLISECONDS_BELOW else value / 1000)


def _written(text: str) -> datetime:
    with suppress(ValueError, OverflowError):
        return datetime.fromisoformat(text)
    for form in FORMATS:
        with suppress(ValueError, OverflowError):
            return datetime.strptime(text, form)  # noqa: DTZ007  (the caller gives it its zone)
    return parsedate_to_datetime(text)
