"""What every request passes before any page: for this site, not too often, not too large, from a
page of ours when it changes something. And what every answer carries.
"""

import hmac
import logging
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.entrance import Entrance, Renderer
from dashboard.languages import said
from dashboard.limits import Rates
from dashboard.refusals import API, ENTER, reader_if_in, refused
from dashboard.rights import Reader
from dashboard.sessions import csrf_of

logger = logging.getLogger(__name__)

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing. All others need the token of the session."""

STATIC = "/static/"
FORM = "application/x-www-form-urlencoded"
NUL_IN_JSON = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""What follows another backslash is a text about one."""

MOST_FIELDS = 1_000
MOST_DIGITS = 19
SHARING = 10
"""An address may ask so many times as often as a session."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not `no-referrer`: browsers then hide the origin of a form that was sent from here, too.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
TRANSPORT = "max-age=31536000"
NO_STORE = "no-store"


class Refusal(Exception):
    """Why a request goes no further."""

    def __init__(self, status: int, message: str, *, after: int = 0, framed: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.after = after
        self.framed = framed
        """Whether the page keeps the frame of a reader who is in."""


class Security:
    """The outermost middleware of the dashboard; all it needs is `entrance` and how pages look."""

    def __init__(self, app: ASGIApp, *, entrance: Entrance, pages: Renderer) -> None:
        self._app = app
        self._entrance = entrance
        self._pages = pages
        a_minute, clock = entrance.settings.requests_a_minute, entrance.clock
        self._by_session = Rates(a_minute=a_minute, clock=clock)
        self._by_address = Rates(a_minute=a_minute * SHARING, clock=clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})  # there are none
            return
        request = Request(scope)
        started = False

        async def guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                self._add_headers(scope, message)
            await send(message)

        try:
            self._check(request)
            if request.method not in SAFE:
                receive = await self._checked_body(request, receive)
            await self._app(*_without_body(scope, receive, guarded))
        except Refusal as refusal:
            reader = None
            if refusal.framed:
                reader = await run_in_threadpool(reader_if_in, request)
            await self._refused(request, refusal, reader)(scope, receive, guarded)
        except Exception:
            # The error goes on to the server's log; whoever asked learns nothing of its inside.
            if not started:
                told = Refusal(500, said("Something went wrong here, and it is in the log."))
                await self._refused(request, told)(scope, receive, guarded)
            raise

    def _check(self, request: Request) -> None:
        site, headers = self._entrance.site, request.headers
        if not site.is_answered(request.scope):
            raise Refusal(403, said("This dashboard is only reached through its proxy, over TLS."))
        if len(headers.getlist("host")) != 1 or not site.is_named(headers["host"]):
            raise Refusal(421, said("This is not the site that the request is for."))
        wait = self._by_address.wait(site.client(request.scope))
        token = self._entrance.token(request)
        if token and not wait:
            wait = self._by_session.wait(csrf_of(token))
        if wait:
            raise Refusal(
                429, said("Too many requests. Wait a moment, then try again."), after=wait
            )
        length = headers.get("content-length", "0")
        most = self._entrance.settings.body_bytes
        if not length.isdecimal() or len(length) > MOST_DIGITS or int(length) > most:
            raise Refusal(413, said("The request is too large."))
        if "\0" in request.scope["path"] or b"%00" in request.scope["query_string"]:
            raise _with_nul()

    async def _checked_body(self, request: Request, receive: Receive) -> Receive:
        """The body once more for the application, after it was seen that a page of this site
        sent it.
        """
        headers, site = request.headers, self._entrance.site
        fetched = headers.get("sec-fetch-site", "same-origin")
        origin = headers.get("origin")
        if fetched != "same-origin" or (
            origin is not None and origin.lower() != site.origin(headers["host"])
        ):
            raise Refusal(403, said("The request comes from another site."))
        body = await self._body(receive)
        given = headers.get("x-csrf-token") or _field(headers, body)
        token = self._entrance.token(request)
        if not token or not hmac.compare_digest(given.encode(), csrf_of(token).encode()):
            raise Refusal(
                403,
                said("The page was out of date. Go back, load it anew, and try again."),
                framed=True,
            )
        _check_text(headers, body)
        handed = False

        async def again() -> Message:
            nonlocal handed
            if handed:
                return await receive()
            handed = True
            return {"type": "http.request", "body": body, "more_body": False}

        return again

    async def _body(self, receive: Receive) -> bytes:
        parts: list[bytes] = []
        left = self._entrance.settings.body_bytes
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Refusal(400, said("The request ended too early."))
            part = message.get("body", b"")
            left -= len(part)
            if left < 0:
                raise Refusal(413, said("The request is too large."))
            parts.append(part)
            if not message.get("more_body", False):
                return b"".join(parts)

    def _refused(
        self, request: Request, refusal: Refusal, reader: Reader | None = None
    ) -> Response:
        if request.url.path.startswith(API):
            answer: Response = JSONResponse({"detail": str(refusal)}, refusal.status)
        else:
            answer = refused(
                self._pages, request, str(refusal), status=refusal.status, reader=reader
            )
        if refusal.after:
            answer.headers["Retry-After"] = str(refusal.after)
        return answer

    def _add_headers(self, scope: Scope, message: Message) -> None:
        headers = MutableHeaders(scope=message)
        headers.update(HEADERS)
        if self._entrance.site.is_secure:
            headers["Strict-Transport-Security"] = TRANSPORT
        if not scope["path"].startswith(STATIC):
            headers["Cache-Control"] = NO_STORE


def _without_body(scope: Scope, receive: Receive, send: Send) -> tuple[Scope, Receive, Send]:
    """A HEAD of a page is its GET without the body; it comes in by no link."""
    path: str = scope["path"]
    if scope["method"] != "HEAD" or path.startswith((API, STATIC)):
        return scope, receive, send

    async def bodiless(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    query = b"" if path == ENTER else scope["query_string"]
    return {**scope, "method": "GET", "query_string": query}, receive, bodiless


def _with_nul() -> Refusal:
    """PostgreSQL stores no text with a NUL, and no name, word or note has one."""
    return Refusal(
        400, said("There is a character in it that no text has (NUL). Take it out."), framed=True
    )


def _check_text(headers: Headers, body: bytes) -> None:
    """Refuse a body with a NUL, however it is written in a form or in JSON; and a form in parts,
    which no page sends and whose sender says how it is encoded.
    """
    media = _media(headers)
    if media.startswith("multipart/"):
        raise Refusal(
            400, said("The form is not written as pages of this site write it."), framed=True
        )
    written = NUL_IN_JSON.search(body) if "json" in media else b"%00" in body
    if written or b"\0" in body:
        raise _with_nul()


def _media(headers: Headers) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _field(headers: Headers, body: bytes) -> str:
    """What the form says in its field `csrf`; empty when it is no form of a page."""
    if _media(headers) != FORM:
        return ""
    try:
        fields = parse_qsl(body.decode("latin-1"), max_num_fields=MOST_FIELDS)
    except ValueError:
        raise Refusal(413, said("The form has too many fields.")) from None
    return next((value for name, value in fields if name == "csrf"), "")
