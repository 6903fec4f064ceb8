"""The life of a rule's version: which state follows which, and what must be so before.

draft → reviewed → shadow → active → outgoing → expired, and withdrawn from everywhere. What is
`PUBLISHED` is matched: active ones decide what is kept and shown, the others are only counted.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Literal

import msgspec

from stream.clock import DAY_MS
from stream.errors import Stop

State = Literal["draft", "reviewed", "shadow", "active", "outgoing", "expired", "withdrawn"]

PUBLISHED: frozenset[State] = frozenset({"shadow", "active", "outgoing"})
"""The states in which posts are matched."""

OVER: frozenset[State] = frozenset({"expired", "withdrawn"})
"""The states that only a person leads out of."""

OUTGOING_MS = 14 * DAY_MS
"""So long a version is counted beside the one that took its place, so that both can be compared."""

FOLLOWING: Mapping[State, frozenset[State]] = {
    "draft": frozenset({"reviewed", "withdrawn"}),
    "reviewed": frozenset({"shadow", "active", "withdrawn"}),
    "shadow": frozenset({"reviewed", "active", "expired", "withdrawn"}),
    "active": frozenset({"outgoing", "expired", "withdrawn"}),
    "outgoing": frozenset({"reviewed", "active", "expired", "withdrawn"}),
    "expired": frozenset({"reviewed", "withdrawn"}),
    "withdrawn": frozenset({"reviewed"}),
}
"""What may come after each state."""

ALONE: frozenset[State] = frozenset({"draft", "expired", "withdrawn"})
"""From here a single author goes on to shadow and active without a review."""

UNREVIEWED = "no review: one person alone answers for the rules"
"""In the note of each change that a single author made and that rests on no review."""

ADOPTED: frozenset[State] = frozenset({"draft", "shadow", "active"})
"""In what a version may begin: one that counted before it was written down goes on counting."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """That a version came into a state: when (Unix ms), by whom, and why."""

    rule: str
    version: str
    state: State
    at: int
    by: str
    note: str = ""

    @property
    def name(self) -> str:
        """`rule@version`."""
        return f"{self.rule}@{self.version}"


REVIEWED_AGAIN = "reviewed, asked for by"
"""So begins the note of who reviewed what was asked for beside the query of a version."""


def reviewed_at(own: Sequence[Change]) -> int:
    """When somebody last reviewed the version of which these are all changes, oldest first (Unix
    ms; 0: nobody did). What only notes something repeats the state before it.
    """
    last = 0
    for before, each in pairwise(own):
        noted = each.state == before.state
        if each.note.startswith(REVIEWED_AGAIN) if noted else each.state == "reviewed":
            last = each.at
    return last


def state_of(history: Sequence[Change], version: str) -> State | None:
    """The state of `version` after `history`, oldest first; None when it is not in it."""
    return next((each.state for each in reversed(history) if each.version == version), None)


def step(
    history: Sequence[Change], change: Change, *, single_author: bool = False
) -> tuple[Change, ...]:
    """What is to be added to one rule's `history` (oldest first) for `change` to happen: when it
    makes a version active, also that the one before is outgoing. A single author's without a
    review gets that in its note. Stop says what is missing.
    """
    own = [each for each in history if each.version == change.version]
    _check_following(own, change, single_author=single_author)
    if change.state == "reviewed" and change.by == own[0].by:
        raise Stop(
            f"{change.name} was brought in by {own[0].by}: somebody else must review it, with "
            f"`peil rules review {change.rule}`"
        )
    if change.state in {"shadow", "active"} and own and not _reviewed(own):
        if not single_author:
            raise Stop(
                f"{change.name} was never reviewed: somebody else than {own[0].by} does it with "
                f"`peil rules review {change.rule} --version {change.version}`"
            )
        said = f"{change.note}; {UNREVIEWED}" if change.note else UNREVIEWED
        change = msgspec.structs.replace(change, note=said)
    before = [
        each.version
        for each in _newest(history)
        if change.state == "active" and each.state == "active"
    ]
    leaving = [
        msgspec.structs.replace(
            change, version=version, state="outgoing", note=f"{change.name} takes its place"
        )
        for version in before
    ]
    return (*leaving, change)


def _check_following(own: Sequence[Change], change: Change, *, single_author: bool) -> None:
    if not own:
        if change.state not in ADOPTED:
            raise Stop(f"there is no {change.name}; `peil rules history {change.rule}` shows all")
        return
    state = own[-1].state
    following = FOLLOWING[state]
    if single_author and state in ALONE:
        following |= {"shadow", "active"}
    if change.state == state:
        raise Stop(f"{change.name} is {state} already")
    if change.state not in following:
        others = " or ".join(sorted(following))
        raise Stop(f"{change.name} is {state} and cannot become {change.state}, only {others}")


def _reviewed(own: Sequence[Change]) -> bool:
    """Whether what a version is now rests on a review, or it counted before there were any."""
    reviewed = own[0].state != "draft"
    for each in own:
        if each.state in ALONE:
            reviewed = False
        elif each.state == "reviewed":
            reviewed = True
    return reviewed


def _newest(history: Sequence[Change]) -> Sequence[Change]:
    """The last change of each version."""
    return list({each.version: each for each in history}.values())
