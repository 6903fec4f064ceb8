"""Every rule: what it says of itself, and what became of it."""

from collections.abc import Callable, Sequence

from pydantic import Field

from dashboard.views.phenomenon import About, about
from rules.documents import Book, RuleDocument
from rules.life.library import Standings
from rules.life.states import FileState, RuleState, states


class Listed(About):
    """A rule, and where it stands."""

    state: FileState = Field(
        description="What became of the version in its file: `active` ones are counted and shown, "
        "`shadow` and `outgoing` ones are only counted; `not synced`: it was not brought in yet; "
        "`no file`: it is gone, and a version is not over; `wrong`: it cannot be read."
    )
    version: str = Field(description="That of its file; empty: there is none.")
    active: str = Field(description="The version that is active; empty: none is.")
    beside: list[str] = Field(description="Versions that are counted and not shown.")
    four_eyes: bool = Field(
        description="Whether somebody else looks at rules here before they count; if not, one "
        "person alone answers for them. It is a setting of the folder, so the same for each."
    )


def listed(
    book: Book,
    standings: Standings,
    *,
    called: Callable[[RuleDocument], RuleDocument],
    four_eyes: bool,
) -> Sequence[Listed]:
    """Every rule that has a file or a version that is not over, by what it is `called`."""
    found = [
        _listed(called(_document(each, book, standings)), each, four_eyes=four_eyes)
        for each in states(book, standings)
    ]
    return sorted(found, key=lambda each: each.title.casefold())


def _listed(rule: RuleDocument, state: RuleState, *, four_eyes: bool) -> Listed:
    return Listed(
        **about(rule).model_dump(),
        state=state.state,
        version=state.version,
        active=state.active,
        beside=list(state.beside),
        four_eyes=four_eyes,
    )


def _document(state: RuleState, book: Book, standings: Standings) -> RuleDocument:
    """That of its file, else that of the latest version there was."""
    return book.rules.get(state.rule) or standings[state.rule][-1].version.document
