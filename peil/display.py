"""How the terminal shows things: tables, bars and sparklines where looking beats reading."""

import csv
import io
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

EIGHTHS = " ▏▎▍▌▋▊▉█"
WIDE = 500
LEVELS = "▁▂▃▄▅▆▇█"
HIDDEN = "·"
"""What a sparkline shows for a bin that may not be published."""

Row = Mapping[str, Any]


def bar(value: float | None, largest: float, *, width: int = 30) -> str:
    """A horizontal bar to an eighth of a character; empty when there is nothing to show."""
    if value is None or value <= 0 or largest <= 0:
        return ""
    eighths = max(1, round(value / largest * width * 8))
    return EIGHTHS[8] * (eighths // 8) + EIGHTHS[eighths % 8].strip()


def sparkline(values: Sequence[float | None]) -> str:
    """One character a bin, scaled to the largest; None (suppressed) is a dot."""
    largest = max((value for value in values if value is not None), default=0)
    return "".join(_level(value, largest) for value in values)


def _level(value: float | None, largest: float) -> str:
    if value is None:
        return HIDDEN
    if largest <= 0:
        return LEVELS[0]
    return LEVELS[min(len(LEVELS) - 1, int(value / largest * len(LEVELS)))]


def as_json(value: Any) -> str:
    """JSON for a person and for a program: indented, readable letters."""
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)


def as_csv(rows: Iterable[Row]) -> str:
    """Rows with a header line; the columns are those of the first row.

    A value that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    rows = list(rows)
    buffer = io.StringIO()
    if rows:
        writer = csv.DictWriter(buffer, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _safe(value) for name, value in row.items()} for row in rows)
    return buffer.getvalue()


def _safe(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@") else value


def table(rows: Sequence[Row], *, title: str | None = None) -> Table:
    """Rows as a table; numbers to the right; texts are shown as they are, never as markup."""
    result = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for name in rows[0] if rows else ():
        numeric = all(isinstance(row[name], int | float) for row in rows)
        result.add_column(name, justify="right" if numeric else "left")
    for row in rows:
        result.add_row(*(escape(_cell(value)) for value in row.values()))
    return result


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def console(*, error: bool = False) -> Console:
    """Where to print: plain text, and nothing cut off, when the output is no terminal."""
    terminal = (sys.stderr if error else sys.stdout).isatty()
    return Console(stderr=error, highlight=False, soft_wrap=True, width=None if terminal else WIDE)


def say(line: str) -> None:
    """Print a line as it is, never as markup."""
    console().print(line, markup=False)
