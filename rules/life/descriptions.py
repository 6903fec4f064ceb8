"""What is written beside a rule's query (title, expiry, examples and so on), as it changed while
the version stayed.
"""

from collections.abc import Iterator, Sequence

import msgspec

from rules.life.versions import Version

AT_LENGTH = frozenset({"query", "purpose", "match", "no_match"})
"""Too long to be told as it was and as it is."""


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
