"""What the doors of one dashboard have in common: who is in, and what is written down of coming
and going.
"""

import json
from typing import Any, Literal, Protocol, Self

from sqlalchemy import Engine
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from dashboard.accounts import Accounts, Identity
from dashboard.languages import preferred
from dashboard.limits import Attempts
from dashboard.purposes import Purposes
from dashboard.rights import ChooseFirst, EnterFirst, Reader
from dashboard.sessions import Session, Sessions, csrf_of, open_sessions
from dashboard.settings import DashboardSettings
from dashboard.site import Site
from privacy.access import AccessLog
from stream.clock import Clock

NOBODY = "(unknown)"
"""Who tried a name that there is not. It cannot be a name, and no such name is written down."""

NO_PURPOSE = "(none)"
"""The purpose in the access log while none is chosen."""

LANGUAGE_COOKIE = "language"


class Renderer(Protocol):
    """How a page is made of its template."""

    def render(
        self,
        request: Request,
        template: str,
        /,
        *,
        status: int = 200,
        csrf: str = "",
        **values: Any,
    ) -> Response:
        """The page for whoever may not read yet: in the language that `Entrance.language` says,
        with `csrf` for its forms and `values` beside the frame.
        """
        ...


class Entrance:
    """The parts that let readers in, as `app.state.entrance`. Threads share it."""

    def __init__(
        self,
        settings: DashboardSettings,
        *,
        site: Site,
        accounts: Accounts,
        sessions: Sessions,
        purposes: Purposes,
        log: AccessLog,
        clock: Clock,
    ) -> None:
        self.settings = settings
        self.site = site
        self.accounts = accounts
        self.sessions = sessions
        self.purposes = purposes
        self.clock = clock
        self.attempts = Attempts(clock=clock)
        self._log = log

    @classmethod
    def of(
        cls,
        settings: DashboardSettings,
        *,
        engine: Engine,
        purposes: Purposes,
        log: AccessLog,
        clock: Clock,
    ) -> Self:
        """The entrance over the operational database; Stop when its settings are not safe."""
        site = Site.of(settings)
        return cls(
            settings,
            site=site,
            accounts=Accounts(engine, clock=clock),
            sessions=open_sessions(settings, engine=engine, clock=clock),
            purposes=purposes,
            log=log,
            clock=clock,
        )

    def token(self, connection: HTTPConnection) -> str:
        """What the browser's cookie holds; empty without one. It need not be of a session."""
        return connection.cookies.get(self.site.cookie, "")

    def language(self, connection: HTTPConnection) -> Literal["nl", "en"]:
        """What the reader chose, else what the browser prefers, else that of the settings."""
        wanted = connection.cookies.get(LANGUAGE_COOKIE) or preferred(
            connection.headers.get("accept-language", "")
        )
        return "nl" if wanted == "nl" else "en" if wanted == "en" else self.settings.language

    def session(self, connection: HTTPConnection, *, touch: bool = True) -> Session:
        """The open session of whoever asks; EnterFirst without one."""
        token = self.token(connection)
        found = self.sessions.find(token, touch=touch) if token else None
        if found is None:
            raise EnterFirst
        return found

    def reader(self, connection: HTTPConnection, *, touch: bool = True) -> Reader:
        """Whoever asks, who has chosen a purpose; EnterFirst or ChooseFirst."""
        session = self.session(connection, touch=touch)
        purpose = self.purposes.get(session.purpose) if session.purpose else None
        if purpose is None:
            raise ChooseFirst
        language = self.language(connection)
        return Reader(
            account=session.account,
            roles=session.roles,
            purpose=purpose.id,
            purpose_title=purpose.named(language),
            language=language,
            csrf=csrf_of(self.token(connection)),
        )

    def address(self, connection: HTTPConnection) -> str:
        """Where the request comes from."""
        return self.site.client(connection.scope)

    # What is written down. An error means that the step is not taken.

    def note_entered(self, identity: Identity) -> None:
        """Somebody came in."""
        self._note(identity.account, "enter", way=identity.way)

    def note_refused(self, name: str, *, address: str) -> None:
        """A password was wrong. With each doubling one entry is written, so that whoever guesses
        cannot fill the log; where the name is nobody's, the name is not written.
        """
        failures = self.attempts.failures(name)
        if failures.bit_count() != 1:  # not 1, 2, 4, 8, …
            return
        actor = name if self.accounts.exists(name) else NOBODY
        self._note(actor, "enter", outcome="refused", failures=failures, address=address)

    def note_left(self, session: Session) -> None:
        """Somebody went."""
        self._note(session.account, "leave", purpose=session.purpose or NO_PURPOSE)

    def note_purpose(self, session: Session, purpose: str) -> None:
        """Somebody said what for."""
        self._note(session.account, "purpose", purpose=purpose, before=session.purpose)

    def _note(
        self,
        actor: str,
        action: str,
        *,
        purpose: str = NO_PURPOSE,
        outcome: str = "answered",
        **said: object,
    ) -> None:
        self._log.append(
            actor=actor,
            purpose=purpose,
            action=action,
            outcome=outcome,
            payload=json.dumps(said, ensure_ascii=False),
        )
