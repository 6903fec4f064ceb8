"""Whether the database that the dashboard writes in is still the one that lies in its folder.

An open file lives on after it was moved away or replaced: what is read would be written down where
nobody looks. So nothing is answered then.
"""

import logging
from pathlib import Path

from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from dashboard.entrance import Renderer
from dashboard.languages import said
from dashboard.refusals import API, refused

logger = logging.getLogger(__name__)

UNWRITTEN = said(
    "Nothing can be written down now, so nothing is shown. Whoever looks after peil finds in its "
    "log what is missing."
)
"""What a reader is told when a file is gone; its name and what to do are in the log."""

Inode = tuple[int, int]


class DatabaseFile:
    """The file of an engine as it was when this was made; a server is always the same."""

    def __init__(self, engine: Engine) -> None:
        is_file = engine.dialect.name == "sqlite" and engine.url.database
        self.path = Path(engine.url.database or "") if is_file else None
        self._was = self._inode()

    def _inode(self) -> Inode | None:
        if self.path is None:
            return None
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    @property
    def stands(self) -> bool:
        """Whether it lies where it lay. One look at the disk."""
        return self._inode() == self._was


class DatabaseGuard:
    """The middleware that answers nothing while `database` does not stand."""

    def __init__(self, app: ASGIApp, *, database: DatabaseFile, pages: Renderer) -> None:
        self._app = app
        self._database = database
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._database.stands:
            await self._app(scope, receive, send)
            return
        logger.error(
            "%s was moved away or replaced while the dashboard runs: put it back, or start the "
            "dashboard anew; until then nothing is answered",
            self._database.path,
        )
        await self._answer(Request(scope))(scope, receive, send)

    def _answer(self, request: Request) -> Response:
        if request.url.path.startswith(API):
            return JSONResponse({"detail": UNWRITTEN}, 503)
        return refused(self._pages, request, UNWRITTEN, status=503)
