"""The doors: in by password or by a one-time link, the choice of a purpose, and out.

Every page here reads and works without JavaScript.
"""

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, FastAPI, Form
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response

from dashboard.accounts import Identity
from dashboard.entrance import LANGUAGE_COOKIE, Entrance, Renderer
from dashboard.languages import said
from dashboard.purposes import Purpose
from dashboard.refusals import (
    ENTER,
    LANGUAGE,
    LEAVE,
    PURPOSE,
    answer_refusals,
    path_here,
    refused,
    the_pages,
)
from dashboard.rights import EnterFirst
from dashboard.security import Security
from dashboard.sessions import Session, csrf_of, new_token

SEE_OTHER = 303
YEAR_SECONDS = 365 * 86_400

router = APIRouter(include_in_schema=False)


def the_entrance(connection: HTTPConnection) -> Entrance:
    """The entrance of the application that is asked."""
    entrance: Entrance = connection.app.state.entrance
    return entrance


def entered(connection: HTTPConnection) -> Session:
    """Whoever is in, with or without a purpose."""
    return the_entrance(connection).session(connection)


Door = Annotated[Entrance, Depends(the_entrance)]
Shown = Annotated[Renderer, Depends(the_pages)]
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
            return refused(pages, request, said("Open the link itself."), status=403)
        identity = door.sessions.redeem(link)
        if identity is not None:
            return _come_in(door, request, identity, onward)
        if _is_in(door, request):  # the same browser loads it anew, or goes back
            return _go(onward)
        message = said("This link was used before, or its ten minutes are over.")
        return _form(door, pages, request, onward, message=message, status=403)
    if _is_in(door, request):
        return _go(onward)
    if not door.token(request) and request.headers.get("sec-fetch-site") == "cross-site":
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
        message = said("Too many wrong passwords. Wait a moment, then try again.")
        answer = _form(door, pages, request, onward, message=message, name=name, status=429)
        answer.headers["Retry-After"] = str(wait)
        return answer
    identity = door.accounts.verify(name, password)
    if identity is None:
        door.note_refused(name, address=address)
        message = said("The name or the password is not right.")
        return _form(door, pages, request, onward, message=message, name=name, status=403)
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
        message = said("Choose one of these purposes.")
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


def _is_in(door: Entrance, request: Request) -> bool:
    if not door.token(request):
        return False
    try:
        door.session(request)
    except EnterFirst:
        return False
    return True


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
    pages: Renderer,
    request: Request,
    onward: str,
    *,
    message: str = "",
    name: str = "",
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
        name=name,
        is_local=door.site.is_local,
    )
    if not token:
        _give(door, answer, fresh)
    return answer


def _choice(
    door: Entrance,
    pages: Renderer,
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
    # Without an age: it goes with the browser, however long the session could last.
    answer.set_cookie(door.site.cookie, token, **_flags(door))


def _flags(door: Entrance) -> dict[str, Any]:
    """No script reads it, no other site's request carries it, and it never goes in the open."""
    return {"path": "/", "httponly": True, "samesite": "strict", "secure": door.site.is_secure}


def _go(path: str) -> Response:
    return RedirectResponse(path, SEE_OTHER)


def install(app: FastAPI, entrance: Entrance, pages: Renderer) -> None:
    """The doors of `app`, and what stands before every page. Called after every other middleware
    was added, so that this one is the outermost.
    """
    app.state.entrance = entrance
    app.state.pages = pages
    app.include_router(router)
    answer_refusals(app)
    app.add_middleware(Security, entrance=entrance, pages=pages)
