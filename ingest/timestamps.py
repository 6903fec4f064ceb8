"""The many ways in which exports write a moment, as Unix milliseconds."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

SECONDS_BELOW = 100_000_000_000
"""A number below this is in seconds (to the year 5138), above it in milliseconds."""

MILLISECONDS_BELOW = 100_000_000_000_000
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
    """The moment in `value`, None when there is none or it cannot be read.

    A time without a zone is UTC, which is what 4CAT writes. Numbers are Unix seconds,
    milliseconds or microseconds by their size.
    """
    if value is None or value == "" or isinstance(value, bool):
        return None
    text = str(value).strip()[:MAX_LENGTH]
    try:
        return _number(float(text))
    except ValueError:
        moment = _written(text)
    if moment is None:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)


def _number(value: float) -> int | None:
    if value != value or abs(value) == float("inf"):  # noqa: PLR0124  (that is how NaN is told)
        return None
    if abs(value) < SECONDS_BELOW:
        return int(value * 1000)
    return int(value if abs(value) < MILLISECONDS_BELOW else value / 1000)


def _written(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass  # another of the ways below
    for form in FORMATS:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007  (the caller gives it its zone)
        except ValueError:
            continue
    try:
        return parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
