"""Names in an address that are not known there: they do nothing, and that is said."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final, cast

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.responses import HTMLResponse

from dashboard.errors import Explained
from dashboard.languages import Language, said
from dashboard.languages import language as spoken

if TYPE_CHECKING:
    from fastapi.routing import APIRoute

MOST_SHOWN = 40
"""So many characters of a name are repeated."""

MOST_NAMES = 10
"""So many names are spoken of."""

NEAR: Final = said("%(name)s is not known here and does nothing: did you mean %(known)s?")
FAR: Final = said("%(name)s is not known here and does nothing. Known are: %(known)s.")
NONE: Final = said("%(name)s is not known here and does nothing: take it out of the address.")


@dataclass(frozen=True)
class Misnamed:
    """A name that is not known, and the nearest one that is, else all there are."""

    name: str
    known: Sequence[str]
    is_near: bool

    def told(self, language: Language) -> str:
        """What to say of it in `language`."""
        message = NEAR if self.is_near else FAR if self.known else NONE
        return language.gettext(message) % {"name": self.name, "known": ", ".join(self.known)}


class Unknown(Explained):
    """An address that would be answered otherwise than somebody meant; not answered."""

    def __init__(self, found: Sequence[Misnamed]) -> None:
        self.found = found
        super().__init__("%(told)s", told=self.told(spoken("en")))

    def told(self, language: Language) -> str:
        return "\n".join(each.told(language) for each in self.found)


def misnamed(given: Collection[str], known: Collection[str]) -> Sequence[Misnamed]:
    """Those of the names `given` that are not `known`."""
    found: list[Misnamed] = []
    for name in dict.fromkeys(given):
        if name not in known and len(found) < MOST_NAMES:
            short = name[:MOST_SHOWN]
            near = get_close_matches(short.casefold(), known, n=1)
            found.append(Misnamed(short, near or sorted(known), is_near=bool(near)))
    return found


def look_at_names(request: Request) -> None:
    """A dependency of every address: a page says in a note which names are not known
    (`misnamed_in`); whatever is no page is not answered with them: Unknown.
    """
    route = cast("APIRoute", request.scope["route"])
    found = misnamed(request.query_params.keys(), set(_known(route.dependant)))
    if found and route.response_class is not HTMLResponse:
        raise Unknown(found)
    request.state.misnamed = found


def misnamed_in(request: Request) -> Sequence[Misnamed]:
    """The names in the address of a page that are not known there."""
    return getattr(request.state, "misnamed", ())


def _known(dependant: Dependant) -> Iterator[str]:
    yield from (field.alias for field in dependant.query_params)
    for each in dependant.dependencies:
        yield from _known(each)
