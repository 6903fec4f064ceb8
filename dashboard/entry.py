"""The doors: in by password or by a one-time link, the choice of a purpose, and out.

Every page here reads and works without JavaScript.
"""

import re
from typing import Annotated, Any, Final
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Depends, FastAPI, Form
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from dashboard.accounts import Identity
from dashboard.entrance import LANGUAGE_COOKIE, Entrance, Pages
from dashboard.purposes import Purpose
from dashboard.rights import ChooseFirst, EnterFirst, NotAllowed
from dashboard.roles import who_has
from dashboard.security import API, Security, refused
from dashboard.sessions import Session, csrf_of, new_token

ENTER, PURPOSE, LEAVE = "/enter", "/purpose", "/leave"
LANGUAGE = "/language"
OPEN: Final = frozenset({ENTER, LANGUAGE})
"""What is answered to somebody who is not in."""

ENTERED: Final = frozenset({PURPOSE, LEAVE})
"""What is answered to whoever is in, without a purpose and whatever the roles."""

HERE = re.compile(r"/(?![/\\])[A-Za-z0-9._~!$&'()*+,;=:@%/?-]{0,2000}")
SEE_OTHER = 303
YEAR_SECONDS = 365 * 86_400

router = APIRouter(include_in_schema=False)


def path_here(given: str) -> str:
    """`given` when it is the path of a page of this site to go on to, else that of the first page.

    An allow-list of characters: what a browser strips or turns (control characters, backslashes)
    could make another site of it. The doors themselves are no place to go on to.
    """
    path = given if HERE.fullmatch(given) else "/"
    doors = (ENTER, PURPOSE, LEAVE, LANGUAGE, API.rstrip("/"))
    return "/" if urlsplit(path).path.startswith(doors) else path


def the_entrance(connection: HTTPConnection) -> Entrance:
    """The entrance of the application that is asked."""
    entrance: Entrance = connection.app.state.entrance
    return entrance


def the_pages(connection: HTTPConnection) -> Pages:
    """How this application's pages look."""
    pages: Pages = connection.app.state.pages
    return pages


def entered(connection: HTTPConnection) -> Session:
    """Whoever is in, with or without a purpose."""
    return the_entrance(connection).session(connection)


Door = Annotated[Entrance, Depends(the_entrance)]
Shown = Annotated[Pages, Depends(the_pages)]
Entered = Annotated[Session, Depends(entered)]
Field = Annotated[str, Form()]


@router.get(ENTER)
def show_door(
    request: Request,
    door: Door,
    pages: Shown,
    *,
    next: str = "/",  # noqa: A002  (the address says it so)
    link: str = "",
) -> Response:
    """The form to log in with; or in, with the link that `peil` printed."""
    onward = path_here(next)
    if link:
        if "sec-purpose" in request.headers:  # a browser that looks ahead would use it up
            return refused(pages, request, "Open the link itself.", status=403)
        identity = door.sessions.redeem(link)
        if identity is not None:
            return _come_in(door, request, identity, onward)
        message = "This link was used before, or its ten minutes are over."
        return _form(door, pages, request, onward, message=message, status=403)
    if door.token(request):
        try:
            door.session(request)
            return _go(onward)
        except EnterFirst:
            pass  # its time is over: the door is shown
    elif request.headers.get("sec-fetch-site") == "cross-site":
        # Who follows a link on another site comes without the cookie, and is perhaps in: the page
        # asks once more from here.
        return pages.render(request, "entry/onward.html", onward=onward)
    return _form(door, pages, request, onward)


@router.post(ENTER)
def enter(
    request: Request,
    door: Door,
    pages: Shown,
    *,
    name: Field = "",
    password: Field = "",
    next: Field = "/",  # noqa: A002  (the form says it so)
) -> Response:
    """In, with a name and a password."""
    onward, address = path_here(next), door.address(request)
    name = name.strip().lower()[:64]
    wait = door.attempts.begin(account=name, address=address)
    if wait:
        message = "Too many wrong passwords. Wait a moment, then try again."
        answer = _form(door, pages, request, onward, message=message, status=429)
        answer.headers["Retry-After"] = str(wait)
        return answer
    identity = door.accounts.verify(name, password)
    if identity is None:
        door.note_refused(name, address=address)
        message = "The name or the password is not right."
        return _form(door, pages, request, onward, message=message, status=403)
    door.attempts.succeeded(account=name, address=address)
    return _come_in(door, request, identity, onward)


@router.post(LEAVE)
def leave(request: Request, door: Door, session: Entered) -> Response:
    """Out: the session ends here and in the browser."""
    door.note_left(session)
    door.sessions.end(door.token(request))
    answer = _go(ENTER)
    answer.delete_cookie(door.site.cookie, **_flags(door))
    return answer


@router.get(PURPOSE)
def show_purposes(
    request: Request,
    door: Door,
    pages: Shown,
    session: Entered,
    *,
    next: str = "/",  # noqa: A002  (the address says it so)
) -> Response:
    """What may be read for."""
    return _choice(door, pages, request, session, path_here(next))


@router.post(PURPOSE)
def choose_purpose(
    request: Request,
    door: Door,
    pages: Shown,
    session: Entered,
    *,
    purpose: Field = "",
    next: Field = "/",  # noqa: A002  (the form says it so)
) -> Response:
    """Go on with this purpose."""
    onward = path_here(next)
    chosen = door.purposes.get(purpose)
    if chosen is None:
        message = "Choose one of these purposes."
        return _choice(door, pages, request, session, onward, message=message, status=403)
    return _go_on_for(door, door.token(request), session, chosen, onward)


@router.post(LANGUAGE)
def choose_language(
    door: Door,
    *,
    language: Field = "",
    next: Field = "/",  # noqa: A002  (the form says it so)
) -> Response:
    """Pages in this language from now on."""
    answer = _go(path_here(next))
    if language in ("nl", "en"):
        answer.set_cookie(LANGUAGE_COOKIE, language, max_age=YEAR_SECONDS, **_flags(door))
    return answer


def _come_in(door: Entrance, request: Request, identity: Identity, onward: str) -> Response:
    """A session of its own for whoever is known now; what the browser had before is closed."""
    before = door.token(request)
    if before:
        door.sessions.end(before)
    door.note_entered(identity)
    token = door.sessions.begin(identity)
    purposes = door.purposes.open()
    if identity.way == "link" and len(purposes) == 1:
        # On one's own machine, where peil.toml says it once for the command line too.
        session = door.sessions.find(token)
        if session is not None:
            return _go_on_for(door, token, session, purposes[0], onward)
    answer = _go(f"{PURPOSE}?{urlencode({'next': onward})}")
    _give(door, answer, token)
    return answer


def _go_on_for(
    door: Entrance, token: str, session: Session, purpose: Purpose, onward: str
) -> Response:
    door.note_purpose(session, purpose.id)
    fresh = door.sessions.choose(token, purpose.id)
    if fresh is None:
        raise EnterFirst
    answer = _go(onward)
    _give(door, answer, fresh)
    return answer


def _form(
    door: Entrance,
    pages: Pages,
    request: Request,
    onward: str,
    *,
    message: str = "",
    status: int = 200,
) -> Response:
    # Its token belongs to no session yet: it only shows that the form came from here.
    token = door.token(request)
    fresh = token or new_token()
    answer = pages.render(
        request,
        "entry/enter.html",
        status=status,
        csrf=csrf_of(fresh),
        onward=onward,
        message=message,
        is_local=door.site.is_local,
    )
    if not token:
        _give(door, answer, fresh)
    return answer


def _choice(
    door: Entrance,
    pages: Pages,
    request: Request,
    session: Session,
    onward: str,
    *,
    message: str = "",
    status: int = 200,
) -> Response:
    language = door.language(request)
    purposes = [
        {
            "id": each.id,
            "title": each.named(language),
            "basis": each.basis,
            "owner": each.owner,
            "until": each.until,
            "chosen": each.id == session.purpose,
        }
        for each in door.purposes.open()
    ]
    return pages.render(
        request,
        "entry/purpose.html",
        status=status,
        csrf=csrf_of(door.token(request)),
        account=session.account,
        purposes=purposes,
        onward=onward,
        message=message,
    )


def _give(door: Entrance, answer: Response, token: str) -> None:
    answer.set_cookie(door.site.cookie, token, max_age=door.cookie_seconds, **_flags(door))


def _flags(door: Entrance) -> dict[str, Any]:
    """No script reads it, no other site's request carries it, and it never goes in the open."""
    return {"path": "/", "httponly": True, "samesite": "strict", "secure": door.site.is_secure}


def _go(path: str) -> Response:
    return RedirectResponse(path, SEE_OTHER)


# What the pages and the API answer to whoever may not read.


def _lead_to(door: str, request: Request, *, status: int, detail: str) -> Response:
    """A page leads to `door` and from there back; a part of a page makes the whole page go; the
    API says what is missing.
    """
    if request.url.path.startswith(API):
        headers = {"WWW-Authenticate": f'Session location="{ENTER}"'} if status == 401 else {}  # noqa: PLR2004
        return JSONResponse({"detail": detail}, status, headers=headers)
    if "hx-request" in request.headers:
        back = urlsplit(request.headers.get("hx-current-url", "/"))
        onward = path_here(f"{back.path}?{back.query}" if back.query else back.path)
        return Response(
            status_code=status,
            headers={"HX-Redirect": f"{door}?{urlencode({'next': onward})}"},
        )
    url = request.url
    onward = path_here(f"{url.path}?{url.query}" if url.query else url.path)
    if request.method not in ("GET", "HEAD"):
        onward = "/"
    return _go(f"{door}?{urlencode({'next': onward})}")


async def _enter_first(request: Request, _error: Exception) -> Response:
    detail = f"log in first: {ENTER}"
    return _lead_to(ENTER, request, status=401, detail=detail)


async def _choose_first(request: Request, _error: Exception) -> Response:
    detail = f"choose a purpose first: {PURPOSE}"
    return _lead_to(PURPOSE, request, status=403, detail=detail)


async def _not_allowed(request: Request, error: Exception) -> Response:
    right = error.right if isinstance(error, NotAllowed) else "counts"
    if request.url.path.startswith(API):
        return JSONResponse({"detail": str(error)}, 403)
    message = "Your account may not see this page."
    return refused(the_pages(request), request, message, status=403, roles=who_has(right))


def install(app: FastAPI, entrance: Entrance, pages: Pages) -> None:
    """The doors of `app`, and what stands before every page. Called after every other middleware
    was added, so that this one is the outermost.
    """
    app.state.entrance = entrance
    app.state.pages = pages
    app.include_router(router)
    app.add_exception_handler(EnterFirst, _enter_first)
    app.add_exception_handler(ChooseFirst, _choose_first)
    app.add_exception_handler(NotAllowed, _not_allowed)
    app.add_middleware(Security, entrance=entrance, pages=pages)
