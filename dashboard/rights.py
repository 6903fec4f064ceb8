"""Who asks, and how a route says what it takes to be answered."""

from typing import Any, Final, Literal

import msgspec
from fastapi.openapi.models import APIKey, APIKeyIn
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection

from dashboard.roles import MATRIX, Right, Role, who_has


class Reader(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks: the name and the purpose as they stand in the access log. `purpose_title` is for
    a page, `csrf` for its forms and for the header `X-CSRF-Token`.
    """

    account: str
    roles: frozenset[Role]
    purpose: str
    purpose_title: str
    language: Literal["nl", "en"]
    csrf: str

    def may(self, right: Right) -> bool:
        """Whether one of the roles gives `right`."""
        return any(right in MATRIX[role] for role in self.roles)


class EnterFirst(Exception):
    """Nobody is logged in: a page leads to the door, the API says 401."""


class ChooseFirst(Exception):
    """No purpose is chosen, or the chosen one ended: a page leads to the choice, the API says 403
    and where.
    """


class NotAllowed(Exception):
    """No role of `reader` gives `right`."""

    def __init__(self, right: Right, reader: Reader) -> None:
        super().__init__(f"the right {right} is missing; {' or '.join(who_has(right))} has it")
        self.right: Right = right
        self.reader = reader


REFRESH: Final = "x-peil-refresh"
"""The header of a request that an open page makes by itself: it draws no texts, and no session
stays open by it.
"""


class Allow(SecurityBase):
    """The dependency of a route that needs `right`; gives it its Reader. It stands in the OpenAPI
    document as a scheme named by the right, so that nobody needs to read code to know.

    With `background` the request does not count as activity of a person: a page that keeps itself
    up to date must not keep its session open.
    """

    def __init__(self, right: Right, *, background: bool) -> None:
        self.right: Right = right
        self.background = background
        roles = " or ".join(who_has(right))
        description = f"The session of a reader with the right {right}: {roles}."
        self.model = APIKey.model_validate(
            {"in": APIKeyIn.cookie, "name": "__Host-peil", "description": description}
        )
        self.scheme_name = f"session.{right}"

    def __call__(self, connection: HTTPConnection) -> Reader:
        entrance: Any = connection.app.state.entrance
        is_background = self.background or REFRESH in connection.headers
        reader: Reader = entrance.reader(connection, touch=not is_background)
        if not reader.may(self.right):
            raise NotAllowed(self.right, reader)
        return reader


def allow(right: Right, *, background: bool = False) -> Allow:
    """`reader: Annotated[Reader, Depends(allow("counts"))]` on a route."""
    return Allow(right, background=background)
