"""The pages that a reader finds at the top, in their order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from dashboard.languages import said
from dashboard.rights import Reader
from dashboard.roles import Right

HOME: Final = "/"
"""Where everybody comes in; whoever may not see it is led to the first page that they may."""

MENU: Final[tuple[tuple[str, str, str, Right], ...]] = (
    ("monitor", HOME, said("Monitor"), "counts"),
    ("explore", "/explore", said("Explore"), "counts"),
    ("rules", "/rules", said("Rules"), "counts"),
    ("sources", "/sources", said("Sources"), "counts"),
    ("accounts", "/accounts", said("Accounts"), "accounts"),
)
"""Name, address, title and the right it takes; each finds its place without moving another."""


@dataclass(frozen=True)
class MenuItem:
    """A page in the navigation."""

    name: str
    address: str
    title: str
    here: bool


def menu_of(reader: Reader, *, here: str, translate: Callable[[str], str]) -> Sequence[MenuItem]:
    """The pages that `reader` may see; the one called `here` is open."""
    return [
        MenuItem(name, address, translate(title), name == here)
        for name, address, title, right in MENU
        if reader.may(right)
    ]


def first_page(reader: Reader) -> str | None:
    """The address of the first page that `reader` may see; None when there is none."""
    return next((address for _, address, _, right in MENU if reader.may(right)), None)
