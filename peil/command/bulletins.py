"""How bulletins of sources show: as a table, one source at length, or as JSON."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from ingest.health import Rate
from peil.bulletins import Bulletin
from peil.display import console, say, table
from stream.clock import to_datetime

VERSION = 1
"""Of the document: it grows when a name or a meaning changes, not when something is added."""


def document(found: Sequence[Bulletin]) -> Mapping[str, Any]:
    """The bulletins as JSON values; moments in UTC (ISO 8601)."""
    return {"version": VERSION, "sources": msgspec.to_builtins(found)}


def print_table(found: Sequence[Bulletin], *, now: int, zone: str) -> None:
    """One line a source, and below it what is wrong, whole."""
    rows = [
        {
            "source": each.source,
            "state": each.state,
            "runs": each.runs,
            "last run": _moment(each.last_run.started, zone) if each.last_run else "",
            "outcome": each.last_run.outcome if each.last_run else "",
            "next run": _next(each.next_run, now, zone),
            "posts an hour": f"{each.posts_per_hour.now:.1f}",
            "usual": _usual(each.posts_per_hour),
            "gaps": len(each.gaps),
            "open until": each.open_until.date().isoformat() if each.open_until else "closed",
        }
        for each in found
    ]
    if rows:
        console().print(table(rows))
    for each in found:
        if each.trouble or each.paused:
            say(f"{each.source}: {each.trouble or _paused(each, zone)}")


def print_one(found: Bulletin, *, now: int, zone: str) -> None:
    """Everything that a bulletin says."""
    last = found.last_run
    lines: dict[str, str] = {
        "source": f"{found.source} ({found.title}), collector {found.collector}",
        "state": found.state,
        "open until": found.open_until.date().isoformat() if found.open_until else "closed",
        "runs": found.runs,
        "next run": _next(found.next_run, now, zone),
        "last run": ""
        if last is None
        else f"{_moment(last.started, zone)}, {last.outcome}, read {last.read}, appended "
        f"{last.appended}",
        "posts an hour": f"{found.posts_per_hour.now:.1f} in the last day; usual: "
        f"{_usual(found.posts_per_hour) or 'not known yet'}",
        "lag": "" if found.lag_seconds is None else f"{found.lag_seconds:.0f} s",
        "paused": _paused(found, zone),
        "failing": _failing(found, zone),
        "silent": found.trouble if found.trouble and found.state == "silent" else "",
        "warnings": "; ".join(found.warnings),
        "budget": _budget(found, zone),
        "slots missed in 7 days": _counts(found.slots),
    }
    for name, line in lines.items():
        if line:
            say(f"{name:<24}{line}")
    if found.items:
        rows = [{"in 7 days": what, "items": items} for what, items in sorted(found.items.items())]
        console().print(table(rows, title="\nWhat became of items"))
    if found.gaps:
        gaps = [
            {"from": _moment(each.start, zone), "to": _moment(each.end, zone), "why": each.why}
            for each in found.gaps
        ]
        console().print(table(gaps, title="\nGaps of 30 days"))


def _moment(at: datetime | None, zone: str) -> str:
    return "" if at is None else at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M %Z")


def _next(at: datetime | None, now: int, zone: str) -> str:
    return "now" if at is not None and at <= to_datetime(now) else _moment(at, zone)


def _usual(rate: Rate) -> str:
    return "" if rate.low is None or rate.high is None else f"{rate.low:.1f} to {rate.high:.1f}"


def _paused(found: Bulletin, zone: str) -> str:
    if found.paused is None:
        return ""
    until = f" until {_moment(found.paused.until, zone)}" if found.paused.until else ""
    since = _moment(found.paused.since, zone)
    return f"paused since {since}{until} by {found.paused.by}: {found.paused.why}"


def _failing(found: Bulletin, zone: str) -> str:
    if found.failing is None:
        return ""
    since = _moment(found.failing.since, zone)
    times = f"{found.failing.failures} in a row since {since}"
    return f"{times} ({found.failing.recovery}): {found.failing.error}"


def _budget(found: Bulletin, zone: str) -> str:
    if found.budget is None:
        return ""
    resets = _moment(found.budget.resets, zone)
    return f"{found.budget.remaining} of {found.budget.limit} requests until {resets}"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {why}" for why, count in sorted(counts.items()))
