"""What stands in the table under a chart; the chart is drawn from it."""

from collections.abc import Mapping, Sequence
from typing import Any

from dashboard.languages import Language
from dashboard.views.shares import Bars, Stack
from dashboard.views.timeline import Point, Timeline
from index.values import UNKNOWN, first_day

Column = Mapping[str, str]
Row = Mapping[str, Any]
Rows = tuple[Sequence[Column], Sequence[Row]]


def timeline_rows(
    line: Timeline,
    spoken: Language,
    *,
    unit: str = "",
    before: bool = False,
    compared: Timeline | None = None,
    name: str = "",
    other: str = "",
) -> Rows:
    """A line with its band; `compared` stands beside it under the name `other`."""
    say = spoken.gettext
    band = any(point.high is not None for point in line.points) and compared is None
    columns = [
        {"label": say("Time"), "role": "time"},
        _numbers(name or unit or say("Posts"), "value"),
    ]
    if band:
        columns += [
            _numbers(say("Normal, from"), "low"),
            _numbers(say("Normal, up to"), "high"),
        ]
    if before:
        columns.append(_numbers(say("The period before"), "before"))
    if compared is not None:
        columns.append(_numbers(other, "compare"))
    rows: list[Row] = []
    for place, point in enumerate(line.points):
        cells = [_time(point.time, spoken), _count(point.posts, spoken)]
        if band:
            cells += [_estimate(point.low, spoken), _estimate(point.high, spoken)]
        if before:
            cells.append(_count(point.before, spoken))
        if compared is not None:
            # Periods of the same length can touch one week more or less.
            beside = compared.points[place].posts if place < len(compared.points) else None
            cells.append(_count(beside, spoken))
        rows.append(_row(cells, point, learning=band and point.high is None))
    return columns, rows


def share_rows(line: Timeline, spoken: Language) -> Rows:
    """A line as the share of all posts."""
    say = spoken.gettext
    columns = [
        {"label": say("Time"), "role": "time"},
        _numbers(say("Share of all posts"), "share"),
    ]
    return columns, [
        _row([_time(point.time, spoken), _share(point.share, spoken)], point)
        for point in line.points
    ]


def stack_rows(stack: Stack, spoken: Language, names: Mapping[str, str]) -> Rows:
    """Shares in time, and the posts behind them."""
    say = spoken.gettext
    columns = [
        {"label": say("Time"), "role": "time"},
        *(_numbers(names[each], f"tone:{_role(each)}") for each in stack.names),
    ]
    rows = [
        {
            "cells": [
                _time(time, spoken),
                *(_count(stack.values[name][place], spoken) for name in stack.names),
            ]
        }
        for place, time in enumerate(stack.times)
    ]
    return columns, rows


def bar_rows(
    bars: Bars,
    spoken: Language,
    label: str,
    *,
    names: Mapping[str, str] | None = None,
    language: bool = False,
) -> Rows:
    """The values of a dimension, the largest first. `names` has those that are known by another
    name; `language` says that they are languages.
    """
    say, known = spoken.gettext, names or {}
    columns = [
        {"label": label, "role": "name"},
        _numbers(say("Posts"), "value"),
        _numbers(say("Share"), "share"),
    ]
    rows = [
        {
            "cells": [
                {"text": _named(bar.value, spoken, known, language=language)},
                _count(bar.posts, spoken),
                _share(bar.share, spoken),
            ]
        }
        for bar in bars.bars
    ]
    return columns, rows


def _named(value: str, spoken: Language, names: Mapping[str, str], *, language: bool) -> str:
    if value == UNKNOWN:
        return spoken.gettext("not said")
    return spoken.named(value) if language else names.get(value, value)


def _role(tone: str) -> str:
    return "abstained" if tone == UNKNOWN else tone


def _numbers(label: str, role: str) -> Column:
    return {"label": label, "role": role, "align": "end"}


def _row(cells: Sequence[Mapping[str, Any]], point: Point, *, learning: bool = False) -> Row:
    return {
        "cells": cells,
        "gap": bool(point.gaps),
        "change": ", ".join(point.changes),
        "event": ", ".join(point.events),
        "learning": learning,
    }


def _time(name: str, spoken: Language) -> Mapping[str, Any]:
    return {"text": spoken.bin(name), "time": beginning(name)}


def beginning(name: str) -> str:
    """The moment at which a bin begins, as a machine writes it."""
    return f"{name}:00" if "T" in name else first_day(name).isoformat()


def _count(posts: int | None, spoken: Language) -> Mapping[str, Any]:
    if posts is None:
        return {"text": "", "hidden": True}
    return {"text": spoken.number(posts), "value": posts}


def _estimate(value: float | None, spoken: Language) -> Mapping[str, Any]:
    if value is None:
        return {"text": "–"}
    return {"text": spoken.number(round(value)), "value": round(value, 1)}


def _share(share: float | None, spoken: Language) -> Mapping[str, Any]:
    if share is None:
        return {"text": "", "hidden": True}
    return {"text": spoken.percent(share), "value": round(share, 5)}
