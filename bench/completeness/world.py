"""What a collector is let loose on: a server that has items, and fails in every way it can."""

from collections.abc import Callable, Mapping
from typing import ClassVar, Protocol, Self

import msgspec

Now = Callable[[], int]
"""The present in Unix ms, on the clock of the run, which may go faster than the wall's."""


class Item(msgspec.Struct, frozen=True):
    """An item that was shown: when it was written (Unix ms), and whether it was deleted since;
    when, where that is told once only.
    """

    written: int
    deleted: bool = False
    deleted_at: int | None = None


class World(Protocol):
    """Serves `count` items, in an order and with faults that `seed` decides. It publishes them
    over time by itself, in threads of its own, while it is open.
    """

    platform: ClassVar[str]
    """Of its items, as the gate gets it."""

    def __init__(self, *, count: int, seed: int, now: Now) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...

    def declaration(self) -> str:
        """The file of the source `world` (TOML); asked for once the world is open."""
        ...

    def items(self) -> Mapping[str, Item]:
        """Every item that was published until now, by its native id."""
        ...

    def published(self) -> bool:
        """Whether all items are."""
        ...

    def calm(self) -> None:
        """From now on nothing fails."""
        ...

    def faults(self) -> Mapping[str, int]:
        """How often it failed, by kind."""
        ...
