"""Roles, and what each may do."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, Literal

from dashboard.languages import said

Right = Literal["counts", "texts", "accounts", "log"]
RIGHTS: tuple[Right, ...] = ("counts", "texts", "accounts", "log")


class Role(StrEnum):
    """What somebody is here for. One may have several."""

    VIEWER = "viewer"
    ANALYST = "analyst"
    RULE_AUTHOR = "rule_author"
    OFFICER = "officer"
    ADMINISTRATOR = "administrator"


MATRIX: Final[Mapping[Role, frozenset[Right]]] = {
    Role.VIEWER: frozenset({"counts"}),
    Role.ANALYST: frozenset({"counts", "texts"}),
    Role.RULE_AUTHOR: frozenset({"counts"}),
    Role.OFFICER: frozenset({"counts", "log"}),
    Role.ADMINISTRATOR: frozenset({"accounts"}),
}
"""Who lets people in reads nothing; who reads texts does not read the log of who read."""

APART: Final = (
    frozenset({Role.ADMINISTRATOR, Role.ANALYST}),
    frozenset({Role.OFFICER, Role.ANALYST}),
    frozenset({Role.OFFICER, Role.ADMINISTRATOR}),
)
"""Roles that one account may not have together: each looks after the other."""

NAMES: Final = (
    said("viewer"), said("analyst"), said("rule_author"), said("officer"), said("administrator")
)  # fmt: skip
"""The roles as pages name them."""

LOCAL_ROLES: Final = frozenset(
    {Role.VIEWER, Role.ANALYST, Role.RULE_AUTHOR, Role.ADMINISTRATOR}
)  # fmt: skip
"""On one's own machine, where whoever started peil may do all this on the command line anyway."""


def who_has(right: Right) -> Sequence[Role]:
    """The roles that give `right`."""
    return [role for role in Role if right in MATRIX[role]]
