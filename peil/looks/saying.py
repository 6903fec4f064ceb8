"""What is said of a part that was looked at."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

SOON = timedelta(days=30)
"""A certificate that ends earlier is to be renewed."""

State = Literal["well", "warning", "wrong"]
Said = Sequence[tuple[State, str]]


def said(detail: str, *, well: bool) -> Said:
    """That all is well, or a warning."""
    return [("well" if well else "warning", detail)]


def problems(found: Sequence[str], *, well: str) -> Said:
    """Each thing that is wrong, or what is said when nothing is."""
    return [("wrong", each) for each in found] or [("well", well)]


def ending(shown: str, end: datetime, *, now: datetime, whose: str) -> tuple[State, str]:
    """What is said of a certificate by its `end`."""
    state: State = "well" if end > now + SOON else "warning"
    renew = "" if state == "well" else f": renew it, and start {whose} again"
    return state, f"{shown} {'ends' if end > now else 'ended'} on {end:%Y-%m-%d}{renew}"
