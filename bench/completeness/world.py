"""What a collector is let loose on: a server that has items, and fails in every way it can."""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Protocol, Self

import msgspec

Now = Callable[[], int]
"""The present in Unix ms, on the clock of the run, which may go faster than the wall's."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """An item that was shown: its text as it is now, in which nothing is to be scrubbed, and
    whether it was deleted since.

    `told` (Unix ms) is the moment that a gap must hold to excuse that this did not come: where
    changes are told once, that of the last one, else that of writing. Only what is `excusable`
    can be excused: it was not to be had any more when a collector could have asked for it.
    """

    text: str
    told: int
    deleted: bool = False
    excusable: bool = False


class World(Protocol):
    """Serves `count` items, in an order and with faults that `seed` decides. It publishes them
    over time by itself, in threads of its own, while it is open.
    """

    platform: ClassVar[str]
    """Of its items, as the gate gets it."""

    speed: ClassVar[float]
    """How many times as fast as the wall's its clock goes: so that publishing takes about as long
    as fifty kills, and that what a busy machine takes is no failure on that clock.
    """

    days: ClassVar[int]
    """So many days pass when all came: what is deleted is found out by asking again, once a day."""

    ways: ClassVar[Sequence[str]]
    """All in which it can fail, as `faults` names them."""

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
