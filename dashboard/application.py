"""The application: its addresses, what is wrong in words, and the files of the browser."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dashboard.assets import ADDRESS, Assets, Files
from dashboard.city import City
from dashboard.entrance import Entrance
from dashboard.entry import install
from dashboard.errors import Explained, NotThere, Refused
from dashboard.examples import illustrate
from dashboard.frame import Pages
from dashboard.guard import UNWRITTEN, DatabaseFile, DatabaseGuard
from dashboard.languages import Language, language, said
from dashboard.mistakes import question_in, refusal_in
from dashboard.naming import Unknown, look_at_names
from dashboard.pages import (
    accounts,
    explore,
    export,
    lists,
    live,
    monitor,
    phenomenon,
    saved,
    writing,
    years,
)  # fmt: skip
from dashboard.refusals import ANSWERS, API, reader_if_in
from index.contract import TooBroad
from rules.errors import QueryError
from stream.errors import PeilError, Reject, Retry, Stop

logger = logging.getLogger(__name__)

MOST_SHOWN = 40
"""So many characters of what was asked stand in the sentence that says what is wrong with it."""

PAGES = (monitor, phenomenon, years, explore, writing, saved, export, lists, accounts, live)
"""Where the addresses are; a page of its own is a module here and a line in `navigation.MENU`."""

STATUS: tuple[tuple[type[PeilError], HTTPStatus], ...] = (
    (NotThere, HTTPStatus.NOT_FOUND),
    (Unknown, HTTPStatus.UNPROCESSABLE_ENTITY),
    (Refused, HTTPStatus.BAD_REQUEST),
    (QueryError, HTTPStatus.BAD_REQUEST),
    (Reject, HTTPStatus.BAD_REQUEST),
    (TooBroad, HTTPStatus.UNPROCESSABLE_ENTITY),
    (Retry, HTTPStatus.SERVICE_UNAVAILABLE),
    (Stop, HTTPStatus.CONFLICT),
)
"""What an error of peil is on the web: the first kind that it is."""


class Documented(FastAPI):
    """An application in whose document everything has an example."""

    def openapi(self) -> dict[str, Any]:
        is_new = self.openapi_schema is None
        document = super().openapi()
        if is_new:
            illustrate(document)
        return document


def create(city: City, entrance: Entrance) -> FastAPI:
    """The dashboard of `city`, with `entrance` before every page. Stop when the browser's files
    were not built.
    """
    pages = Pages(Assets.of())
    app = Documented(
        title="peil",
        summary="What the public conversation is about: phenomena, not persons.",
        version="1",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # they would load scripts from elsewhere
        redoc_url=None,
        strict_content_type=True,
        responses=ANSWERS,
    )
    app.state.city = city
    for each in PAGES:
        app.include_router(each.router, dependencies=[Depends(look_at_names)])
    app.mount(ADDRESS.rstrip("/"), Files(pages.assets), name="static")
    app.add_exception_handler(PeilError, _wrong)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(OSError, _gone)
    app.add_middleware(DatabaseGuard, database=DatabaseFile(city.database), pages=pages)
    install(app, entrance, pages)
    return app


async def _wrong(request: Request, error: Exception) -> Response:
    broken = HTTPStatus.INTERNAL_SERVER_ERROR
    status = next((status for kind, status in STATUS if isinstance(error, kind)), broken)
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        logger.warning("%s", error)
    if request.url.path.startswith(API):
        return await _told(request, status, str(error))
    if isinstance(error, Explained):
        message = error.told(_language(request))
    elif isinstance(error, QueryError):
        message = question_in(error, _language(request).gettext)
    else:
        message = _in_words(request, str(error))
    return await _told(request, status, message)


async def _gone(request: Request, error: Exception) -> Response:
    if not isinstance(error, OSError) or error.filename is None:
        raise error
    logger.error(
        "%s: %s; put it back with its rights, from its backup if need be: until then what needs it "
        "is not answered",
        error.filename,
        error.strerror,
    )
    return await _told(request, HTTPStatus.SERVICE_UNAVAILABLE, _in_words(request, UNWRITTEN))


async def _unreadable(request: Request, error: Exception) -> Response:
    problems = error.errors() if isinstance(error, RequestValidationError) else []
    said_of = _said_of if request.url.path.startswith(API) else _explained
    found = "\n".join(said_of(each, _language(request)) for each in problems)
    return await _told(request, HTTPStatus.UNPROCESSABLE_ENTITY, found or "it cannot be read")


def _name(problem: Mapping[str, Any]) -> str:
    return ".".join(str(part) for part in problem["loc"][1:])


def _said_of(problem: Mapping[str, Any], _language: Language) -> str:
    return f"{_name(problem)}: {problem['msg']}"


def _explained(problem: Mapping[str, Any], language: Language) -> str:
    """What is wrong with a field of a page, for a reader."""
    name, given = _name(problem), problem["input"]
    asked = f"{name}={given[:MOST_SHOWN]!r}" if isinstance(given, str) else name
    if str(problem["type"]).startswith("date"):
        message = said("%(asked)s is no day: write a day as 2026-11-25, or leave it empty")
    else:
        message = said("%(asked)s cannot be answered: choose what the page offers")
    return language.gettext(message) % {"asked": asked}


async def _refused(request: Request, error: Exception) -> Response:
    status = HTTPStatus(error.status_code) if isinstance(error, HTTPException) else HTTPStatus(500)
    if status is HTTPStatus.NOT_FOUND:
        message = said("there is nothing at this address")
    elif request.url.path.startswith(API):
        message = status.phrase
    elif status is HTTPStatus.METHOD_NOT_ALLOWED:
        message = said("a form is sent to this address: open the page on which it stands")
    else:
        message = said("the request cannot be read: go back, load the page anew, and try again")
    return await _told(request, status, _in_words(request, message))


def _in_words(request: Request, message: str) -> str:
    """`message` as the reader of a page has it; the API speaks English."""
    if request.url.path.startswith(API):
        return message
    translate = _language(request).gettext
    return refusal_in(translate(message), translate)


def _language(request: Request) -> Language:
    return language(request.app.state.entrance.language(request))


async def _told(request: Request, status: HTTPStatus, message: str) -> Response:
    headers = {"Retry-After": "5"} if status is HTTPStatus.SERVICE_UNAVAILABLE else {}
    if request.url.path.startswith(API):
        return JSONResponse({"detail": message}, status, headers=headers)
    pages: Pages = request.app.state.pages
    reader = await run_in_threadpool(reader_if_in, request)
    answer = pages.render(request, "wrong.html", status=status, message=message, reader=reader)
    answer.headers.update(headers)
    return answer
