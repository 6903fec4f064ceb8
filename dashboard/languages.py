"""The two languages of the pages: translations, numbers, days and plural forms."""

import math
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from babel import Locale
from babel.dates import format_date, format_datetime, format_interval, format_skeleton
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent

from dashboard.registers import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).parent / "locale"
MOST_DIGITS = 6
"""What differs from 1 by less is as good as 1."""


def said(message: str) -> str:
    """`message` as it is: it is translated where it is shown, and here it is found."""
    return message


class Language:
    """One language: what a page says, and how it writes numbers and days."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._locale = Locale.parse("en_GB" if name == "en" else name)
        path = FOLDER / name / "messages.po"
        self._catalogue = Catalog()
        if path.exists():
            with path.open("rb") as file:
                self._catalogue = read_po(file, locale=name)

    def gettext(self, message: str) -> str:
        """`message` in this language; itself where it is English or not translated."""
        found = self._catalogue.get(message)
        return str(found.string) if found is not None and found.string else message

    def ngettext(self, singular: str, plural: str, count: int) -> str:
        """The form for `count`."""
        found = self._catalogue.get(singular)
        if found is not None and isinstance(found.string, tuple) and all(found.string):
            return str(found.string[0 if self._locale.plural_form(count) == "one" else 1])
        return singular if count == 1 else plural

    def number(self, value: float) -> str:
        return format_decimal(value, locale=self._locale)

    def percent(self, share: float, *, signed: bool = False) -> str:
        """A share; a small one keeps a digit."""
        form = "#,##0.0%" if 0 < abs(share) < 0.1 else "#,##0%"  # noqa: PLR2004  (ten per cent)
        if signed:
            form = f"+{form};-{form}"
        return format_percent(share, format=form, locale=self._locale)

    def times(self, ratio: float) -> str:
        """A ratio, with as many digits as it is worth: two, and more where it would else read as
        none, or as 1 while it is more or less.
        """
        if ratio >= 10:  # noqa: PLR2004  (two digits say enough)
            return format_decimal(ratio, format="0", locale=self._locale)
        digits = 1 if ratio >= 1 or ratio <= 0 else 1 - math.floor(math.log10(ratio))
        while digits < MOST_DIGITS and round(ratio, digits) == 1 != ratio:
            digits += 1
        return format_decimal(ratio, format=f"0.0{'#' * (digits - 1)}", locale=self._locale)

    def day(self, day: date) -> str:
        """A day in full, as `24 november 2026`."""
        return format_date(day, format="long", locale=self._locale)

    def short_day(self, day: date) -> str:
        """A day as an axis has it."""
        return format_skeleton("MMMd", day, locale=self._locale)

    def days(self, first: date, last: date) -> str:
        """From one day to another, both included, as `16–22 nov 2026`."""
        return format_interval(first, last, "yMMMd", locale=self._locale)

    def moment(self, written: str) -> str:
        """A moment as a machine wrote it (ISO 8601), to the minute."""
        return format_datetime(datetime.fromisoformat(written), "short", locale=self._locale)

    def bin(self, name: str) -> str:
        """A bin of time as people write it."""
        if "W" in name:
            year, week = name.split("-W")
            return f"{self.gettext('week')} {int(week)}, {year}"
        if "T" in name:
            moment = datetime.fromisoformat(f"{name}:00")
            return f"{self.short_day(moment.date())}, {moment:%H}:00"
        if len(name) == len("2026-11"):
            return format_skeleton("yMMMM", date.fromisoformat(f"{name}-01"), locale=self._locale)
        day = date.fromisoformat(name)
        return format_skeleton("MMMEd", day, locale=self._locale)

    def named(self, code: str) -> str:
        """A language's code by its name in this one; itself when it is of no known language."""
        return str(self._locale.languages.get(code.replace("-", "_"), code))


@cache
def language(name: str) -> Language:
    """The language of that code; the first one when there is no such."""
    return Language(name if name in LANGUAGES else LANGUAGES[0])


def preferred(header: str) -> str | None:
    """The best of ours in an `Accept-Language` header (RFC 9110, section 12.5.4)."""
    wanted: Mapping[str, float] = dict(_weighted(header))
    known = {name: weight for name, weight in wanted.items() if name in LANGUAGES and weight > 0}
    return max(known, key=lambda name: known[name], default=None)


def _weighted(header: str) -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    for part in header.split(","):
        tag, _, weight = part.strip().partition(";q=")
        try:
            found.append((tag.split("-")[0].lower(), float(weight) if weight else 1.0))
        except ValueError:
            continue
    return list(reversed(found))
