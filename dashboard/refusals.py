"""What is answered to whoever may not read: a page leads to the door that is missing and back from
there, the API says what is missing.
"""

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

from fastapi import FastAPI
from pydantic import BaseModel
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from dashboard.entrance import Entrance, Renderer
from dashboard.languages import said
from dashboard.navigation import HOME, first_page
from dashboard.rights import ChooseFirst, EnterFirst, NotAllowed, Reader
from dashboard.roles import Role, who_has
from stream.errors import PeilError

API = "/api/"
ENTER, PURPOSE, LEAVE = "/enter", "/purpose", "/leave"
LANGUAGE = "/language"
OPEN: Final = frozenset({ENTER, LANGUAGE})
"""What is answered to somebody who is not in."""

ENTERED: Final = frozenset({PURPOSE, LEAVE})
"""What is answered to whoever is in, without a purpose and whatever the roles."""


class Told(BaseModel):
    """Why not, in words: what the API answers when it does not give what was asked for."""

    detail: str


ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": Told, "description": description}
    for status, description in {
        400: "The question cannot be answered: a query has mistakes, a period is too long.",
        401: "Nobody is logged in.",
        403: "No purpose is chosen, no role allows it, or the request comes from another site.",
        404: "There is no such thing.",
        409: "A quota is used up, or a person must act.",
        413: "The request is too large.",
        421: "The request is for another site.",
        422: "The question cannot be read, or is too broad.",
        429: "Too many requests: wait for as long as `Retry-After` says.",
        503: "Not at this moment: try again.",
    }.items()
}
"""What every operation of the API may answer beside what it is for, for its document."""

HERE = re.compile(r"/(?![/\\])[A-Za-z0-9._~!$&'()*+,;=:@%/?-]{0,2000}")


def path_here(given: str) -> str:
    """`given` when it is the path of a page of this site to go on to; for a door, where that leads
    to; else the first page.

    An allow-list of characters: what a browser strips or turns (control characters, backslashes)
    could make another site of it. The doors themselves are no place to go on to.
    """
    if HERE.fullmatch(given) and _is_door(given):
        given = parse_qs(urlsplit(given).query).get("next", ["/"])[-1]
    return given if HERE.fullmatch(given) and not _is_door(given) else "/"


def _is_door(path: str) -> bool:
    doors = (ENTER, PURPOSE, LEAVE, LANGUAGE, API.rstrip("/"))
    return urlsplit(path).path.startswith(doors)


def the_pages(connection: HTTPConnection) -> Renderer:
    """How this application's pages look."""
    pages: Renderer = connection.app.state.pages
    return pages


def reader_if_in(request: Request) -> Reader | None:
    """Whoever asks, for the frame round a page that says what is wrong; None for somebody who is
    not in, or where that cannot be seen now. It keeps no session open.
    """
    entrance: Entrance = request.app.state.entrance
    try:
        return entrance.reader(request, touch=False)
    except (EnterFirst, ChooseFirst, PeilError):
        return None


def refused(
    pages: Renderer,
    request: Request,
    message: str,
    *,
    status: int,
    roles: Sequence[Role] = (),
    reader: Reader | None = None,
) -> Response:
    """The page that says why not, and which `roles` it takes."""
    return pages.render(
        request, "entry/refused.html", status=status, message=message, roles=roles, reader=reader
    )


def answer_refusals(app: FastAPI) -> None:
    """Let `app` answer so."""
    app.add_exception_handler(EnterFirst, _enter_first)
    app.add_exception_handler(ChooseFirst, _choose_first)
    app.add_exception_handler(NotAllowed, _not_allowed)


def _lead_to(door: str, request: Request, *, status: int, detail: str) -> Response:
    """A page leads to `door` and from there back; a part of a page makes the whole page go; the
    API says what is missing.
    """
    if request.url.path.startswith(API):
        headers = (
            {"WWW-Authenticate": f'Session location="{ENTER}"'}
            if status == HTTPStatus.UNAUTHORIZED
            else {}
        )
        return JSONResponse({"detail": detail}, status, headers=headers)
    if "hx-request" in request.headers:
        onward = _came_from(request.headers.get("hx-current-url", "/"))
        return Response(
            status_code=status,
            headers={"HX-Redirect": f"{door}?{urlencode({'next': onward})}"},
        )
    onward = place_of(request)
    return RedirectResponse(f"{door}?{urlencode({'next': onward})}", HTTPStatus.SEE_OTHER)


def place_of(request: Request) -> str:
    """The path that leads back to the page of `request`; to the one a form was sent from."""
    if request.method not in ("GET", "HEAD"):
        return _came_from(request.headers.get("referer", "/"))
    url = request.url
    return path_here(f"{url.path}?{url.query}" if url.query else url.path)


def _came_from(address: str) -> str:
    """The path of the page that asks for a part or sends a form, as htmx or a browser says it;
    others may say anything.
    """
    try:
        back = urlsplit(address)
    except ValueError:
        return "/"
    return path_here(f"{back.path}?{back.query}" if back.query else back.path)


async def _enter_first(request: Request, _error: Exception) -> Response:
    detail = f"log in first: {ENTER}"
    return _lead_to(ENTER, request, status=401, detail=detail)


async def _choose_first(request: Request, _error: Exception) -> Response:
    detail = f"choose a purpose first: {PURPOSE}"
    return _lead_to(PURPOSE, request, status=403, detail=detail)


async def _not_allowed(request: Request, error: Exception) -> Response:
    if request.url.path.startswith(API) or not isinstance(error, NotAllowed):
        return JSONResponse({"detail": str(error)}, HTTPStatus.FORBIDDEN)
    first = first_page(error.reader)
    if request.url.path == HOME and first is not None:
        return RedirectResponse(first, HTTPStatus.SEE_OTHER)
    return refused(
        the_pages(request),
        request,
        said("Your account may not see this page."),
        status=HTTPStatus.FORBIDDEN,
        roles=who_has(error.right),
        reader=error.reader,
    )
