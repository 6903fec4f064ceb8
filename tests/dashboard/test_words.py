"""How numbers are said: the words of `parts/words.html`."""

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.frame import _environment
from dashboard.languages import language
from dashboard.views.change import Level, Ratio
from dashboard.views.monitor import Panel
from dashboard.views.period import Period
from dashboard.views.timeline import HISTORY_DAYS, Timeline, bins_of, timeline
from index.contract import Bin

SUNDAY = date(2026, 11, 29)
MONTHS = Period(name="own", since=date(2026, 8, 30), until=SUNDAY, timezone="Europe/Amsterdam")


def said(macro: str, *values: Any, spoken: str = "en") -> str:
    """What a macro of these words says of `values`."""
    names = [f"v{number}" for number, _ in enumerate(values)]
    written = (
        f'{{% from "parts/words.html" import {macro} with context %}}'
        f"{{{{ {macro}({', '.join(names)}) }}}}"
    )
    template = _environment(language(spoken)).from_string(written)
    frame = SimpleNamespace(source_titles={})
    return " ".join(template.render(frame=frame, **dict(zip(names, values, strict=True))).split())


def line(bin_: Bin) -> Timeline:
    names = bins_of(MONTHS.earlier(HISTORY_DAYS), bin_)
    return timeline(dict.fromkeys(names, 100), period=MONTHS, bin=bin_, k=10)


@pytest.mark.parametrize(
    ("bin_", "english", "dutch"),
    [
        ("day", "On 22–28 Nov 2026", "Op 22–28 nov 2026"),
        ("week", "In the week of 16–22 Nov 2026", "In de week van 16–22 nov 2026"),
        ("month", "In the month of 1–31 Oct 2026", "In de maand 1–31 okt 2026"),
    ],
)
def test_it_is_said_which_days_are_more_than_usual_while_a_week_is_under_way(
    bin_: Bin, english: str, dutch: str
) -> None:
    for level in ("higher", "lower", "usual", "hidden"):
        assert said("reason", line(bin_), level).startswith(english)
        assert said("reason", line(bin_), level, spoken="nl").startswith(dutch)


@pytest.mark.parametrize(
    ("ratio", "written"),
    [
        (2.43, "2.4"),
        (0.143, "0.14"),
        (0.0431, "0.043"),
        (0.5, "0.5"),
        (1.02, "1.02"),
        (0.997, "0.997"),
        (1.0, "1.0"),
        (12.4, "12"),
        (0.0, "0.0"),
    ],
)
def test_a_ratio_has_as_many_digits_as_it_is_worth(ratio: float, written: str) -> None:
    assert language("en").times(ratio) == written


@given(st.floats(1e-6, 1e6) | st.floats(0.99, 1.01))
def test_a_ratio_does_not_read_as_none_and_not_as_one_unless_it_is(ratio: float) -> None:
    read = float(language("en").times(ratio))
    assert read > 0
    assert read != 1 or abs(ratio - 1) < 1e-6
    assert (read - 1) * (ratio - 1) >= 0


@pytest.mark.parametrize(
    ("level", "ratio", "peaks"),
    [
        ("lower", 1.0, False),
        ("lower", 2.0, False),
        ("usual", 0.5, False),
        ("usual", 2.0, True),
        ("higher", 0.5, True),
        ("learning", None, True),
    ],
)
def test_of_what_falls_it_is_not_said_where_it_was_highest(
    level: Level, ratio: float | None, *, peaks: bool
) -> None:
    panel = Panel(
        rule="vuurwerkoverlast",
        title="Fireworks",
        category="",
        special=False,
        posts=100,
        share=None,
        change=None
        if ratio is None
        else Ratio(ratio=ratio, low=ratio * 0.9, high=ratio * 1.1, real=ratio != 1),
        line=line("week"),
        level=level,
        ended=None,
    )
    assert (panel.peak is not None) == peaks
