"""What counted before goes on counting: after an upgrade of peil, and when its time is over."""

from collections.abc import Sequence
from datetime import date

from rules.errors import QueryError
from rules.life.history import OUTGOING_MS, PUBLISHED, Change
from rules.life.library import Library, Standing, Turn, those_in
from rules.life.versions import Version, as_document, resolve
from stream.errors import Stop

BY_ITSELF = "peil"
"""Who does what no person asked for."""

LONG_ENOUGH = "it was counted long enough beside the version that took its place"

ADOPTED = "adopted: it counted before versions were kept"


def adopt(library: Library, published: Sequence[Version], *, by: str) -> Sequence[Change]:
    """Take over what an older peil had published, when no version was brought in yet: it is
    active, as it was. Doing it twice changes nothing.
    """
    if not published or not library.is_empty():
        return ()
    changes: list[Change] = []
    with library.turn() as turn:
        for each in published:
            try:
                read = resolve(each.document, each.lookup())
            except Stop:
                read = each  # `carry_over` says why it ends
            turn.keep_lists(map(as_document, read.lists), by=by)
            turn.describe(read, by=by)
            note = ADOPTED if read == each else f"{ADOPTED}, as {each.name}"
            changes += turn.move(read.document.id, read.version, "active", by=by, note=note)
    return changes


def carry_over(library: Library) -> Sequence[Change]:
    """Give each version that is matched and that this release of peil reads as another one the
    name of that one, in the same state, and end each that it cannot read; returns what changed.
    """
    otherwise: dict[str, Version | str] = {}
    for each in those_in(library.standings(), *PUBLISHED):
        read = _read(each.version)
        if isinstance(read, str) or read.version != each.version.version:
            otherwise[each.version.name] = read
    if not otherwise:  # as nearly always: then nobody has to wait
        return ()
    changes: list[Change] = []
    with library.turn() as turn:
        standings = turn.standings()
        names = {each.version.name for found in standings.values() for each in found}
        for each in those_in(standings, *PUBLISHED):
            now = otherwise.get(each.version.name)
            if isinstance(now, str):
                changes += _end(turn, each, why=now)
            elif now is not None:
                changes += _carried(turn, each, now, known=now.name in names)
    return changes


def end_overdue(library: Library, *, today: date) -> Sequence[Change]:
    """End what is over its date, and what ran long enough beside its successor."""
    counting = those_in(library.standings(), *PUBLISHED)
    if not any(_over(each, now=library.now(), today=today) for each in counting):
        return ()
    ended: list[Change] = []
    with library.turn() as turn:
        for each in those_in(turn.standings(), *PUBLISHED):
            if why := _over(each, now=turn.now, today=today):
                ended += _end(turn, each, why=why)
    return ended


def _read(version: Version) -> Version | str:
    """`version` as this release of peil reads it, or why it cannot."""
    try:
        return resolve(version.document, version.lookup())
    except Stop as error:
        wrong = error.__cause__
        told = "; ".join(map(str, wrong.problems)) if isinstance(wrong, QueryError) else error
        return f"this release of peil cannot read it: {told}"


def _end(turn: Turn, standing: Standing, *, why: str) -> Sequence[Change]:
    change = standing.change
    return turn.move(change.rule, change.version, "expired", by=BY_ITSELF, note=why)


def _carried(turn: Turn, standing: Standing, read: Version, *, known: bool) -> Sequence[Change]:
    held, rule = standing.version, standing.change.rule
    why = f"this release of peil reads {held.name} as {read.name}"
    changes = [*_end(turn, standing, why=why)]
    if standing.state == "outgoing" or known:
        return changes  # the comparison ends; one that has a life of its own goes its own way
    turn.describe(read, by=BY_ITSELF)
    return [*changes, *turn.move(rule, read.version, standing.state, by=BY_ITSELF, note=why)]


def _over(standing: Standing, *, now: int, today: date) -> str:
    expires = standing.version.document.expires
    if expires <= today:
        return f"its date, {expires}, passed"
    if standing.state == "outgoing" and standing.change.at + OUTGOING_MS <= now:
        return LONG_ENOUGH
    return ""
