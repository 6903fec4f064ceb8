"""What is written beside a rule's query (title, expiry, examples and so on), as it changed while
the version stayed.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import msgspec

from rules.life.versions import Version

AT_LENGTH = frozenset({"query", "purpose", "match", "no_match"})
"""Too long to be told as it was and as it is."""


GUARDED = ("expires", "purpose", "ground", "approved_by")
"""What needs a second person; of `expires` only a later one."""


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """A version as it was described at a time (Unix ms), and by whom."""

    version: Version
    at: int
    by: str


class Redescribed(msgspec.Struct, frozen=True, kw_only=True):
    """That something beside a version's query changed: `what`, when (Unix ms) and by whom."""

    rule: str
    version: str
    at: int
    by: str
    what: str


def redescribed(descriptions: Sequence[Description]) -> Sequence[Redescribed]:
    """What changed between the descriptions of one rule, oldest first, in their order."""
    last: dict[str, Version] = {}
    found: list[Redescribed] = []
    for each in descriptions:
        version = each.version
        before = last.get(version.version)
        last[version.version] = version
        if before is not None and before != version:
            found.append(
                Redescribed(
                    rule=version.document.id,
                    version=version.version,
                    at=each.at,
                    by=each.by,
                    what="; ".join(differences(before, version)),
                )
            )
    return found


def differences(before: Version, after: Version) -> Iterator[str]:
    """What is said otherwise, in the order of the fields."""
    for name in before.document.__struct_fields__:
        old, new = getattr(before.document, name), getattr(after.document, name)
        if old != new:
            yield f"other {name}" if name in AT_LENGTH else f"{name} was {old}, is {new}"
    if before.lists != after.lists:
        yield "other lists"


def is_guarded(before: Version, after: Version) -> bool:
    """Whether what is said beside the query became something that needs a second person."""
    return any(_needs_another(name, before, after) for name in GUARDED)


def authors(descriptions: Sequence[Description], *, reviewed_at: int) -> frozenset[str]:
    """Who said what needs a second person and had none since `reviewed_at` (Unix ms);
    `descriptions` of one version are oldest first.
    """
    reviewed, last = descriptions[0].version, descriptions[-1].version
    said_by: dict[str, str] = {}
    for before, after in pairwise(descriptions):
        if after.at <= reviewed_at:
            reviewed = after.version
            continue
        for name in GUARDED:
            if _said(name, before.version) != _said(name, after.version):
                said_by[name] = after.by
    return frozenset(by for name, by in said_by.items() if _needs_another(name, reviewed, last))


def _needs_another(name: str, before: Version, after: Version) -> bool:
    if name == "expires":
        return after.document.expires > before.document.expires
    return _said(name, before) != _said(name, after)


def _said(name: str, version: Version) -> object:
    return getattr(version.document, name)
