"""Keyword lists as a query uses them: `$wijken` and `$wijken@3`."""

from collections.abc import Callable, Mapping

import msgspec


class ListEntries(msgspec.Struct, frozen=True):
    """A keyword list as the parser needs it: its entries are queries of one operand each."""

    name: str
    version: int
    entries: tuple[str, ...]


Lists = Callable[[str, int | None], ListEntries | None]
"""A keyword list by name and version (None: the latest); None when there is none."""


def no_lists(_name: str, _version: int | None) -> None:
    """For queries that may use no keyword list."""


def list_lookup(lists: Mapping[str, Mapping[int, ListEntries]]) -> Lists:
    """`Lists` over all versions of all lists in memory."""

    def lookup(name: str, version: int | None) -> ListEntries | None:
        versions = lists.get(name)
        if not versions:
            return None
        return versions.get(max(versions) if version is None else version)

    return lookup
