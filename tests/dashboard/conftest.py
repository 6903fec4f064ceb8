"""A dashboard with demo pages of its own behind the real doors."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

import pytest
from argon2 import PasswordHasher
from fastapi import Depends, FastAPI
from jinja2 import ChoiceLoader, DictLoader, Environment, FileSystemLoader, StrictUndefined
from playwright.sync_api import Browser
from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.testclient import TestClient

import dashboard
from bench.chromium import EXECUTABLE
from bench.chromium import chromium as launched
from dashboard.accounts import Accounts
from dashboard.application import create
from dashboard.entrance import Entrance
from dashboard.entry import install
from dashboard.purposes import Purpose, Purposes
from dashboard.rights import Reader, allow
from dashboard.roles import Role
from dashboard.sessions import csrf_of, open_sessions
from dashboard.settings import DashboardSettings
from dashboard.site import Site
from dashboard.testing import PASSWORD
from peil.database import open_database
from peil.folder import WorkingFolder
from peil.pipeline import Pipeline
from peil.settings import load_settings
from peil.showing import city_of, entrance_of
from privacy.access import AccessLog
from privacy.keys import KeyRing
from stream.clock import ManualClock, SystemClock
from stream.testing import START

HERE = "http://127.0.0.1:8300"
FOLDERS_PURPOSE = "prevention: nuisance around New Year"
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
FRAME = """<title>{% block title %}{% endblock %}</title>{% block scripts %}{% endblock %}
{% block content %}{% endblock %}"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A real browser. On a machine of one's own it may be missing; where CI is set it may not."""
    if EXECUTABLE is None and "CI" not in os.environ:
        pytest.skip("there is no Chromium")
    with launched() as browser:
        yield browser


class DemoPages:
    """The real templates of the doors in the barest frame."""

    def __init__(self) -> None:
        templates = FileSystemLoader(Path(dashboard.__file__).parent / "templates")
        self._environment = Environment(
            loader=ChoiceLoader([DictLoader({"base.html": FRAME}), templates]),
            autoescape=True,
            undefined=StrictUndefined,
            extensions=["jinja2.ext.i18n"],
        )
        self._environment.filters["day"] = str
        self._environment.filters["said"] = str
        self._environment.install_null_translations(newstyle=True)

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
        frame = SimpleNamespace(csrf=csrf)
        page = self._environment.get_template(template).render(frame=frame, **values)
        return HTMLResponse(page, status)


def demo_app() -> FastAPI:
    app = FastAPI(openapi_url="/api/v1/openapi.json", docs_url=None, redoc_url=None)
    counts = Annotated[Reader, Depends(allow("counts"))]
    texts = Annotated[Reader, Depends(allow("texts"))]

    @app.get("/", include_in_schema=False)
    def page(reader: counts) -> dict[str, str]:
        return {"account": reader.account, "purpose": reader.purpose, "title": reader.purpose_title}

    @app.get("/broken", include_in_schema=False)
    def broken(reader: counts) -> None:
        raise RuntimeError("a secret of the inside")

    @app.post("/queries", include_in_schema=False)
    def change(reader: counts) -> dict[str, str]:
        return {"account": reader.account}

    @app.get("/api/v1/count/{rule}")
    def count(rule: str, reader: counts) -> dict[str, str]:
        return {"rule": rule}

    @app.get("/api/v1/texts")
    def read(reader: texts) -> dict[str, str]:
        return {"text": "een tekst"}

    @app.post("/api/v1/check")
    def check(reader: counts, said: dict[str, str]) -> dict[str, str]:
        return said

    @app.get("/api/v1/log")
    def log(reader: Annotated[Reader, Depends(allow("log"))]) -> dict[str, str]:
        return {}

    @app.get("/api/v1/accounts")
    def accounts(reader: Annotated[Reader, Depends(allow("accounts"))]) -> dict[str, str]:
        return {}

    @app.get("/api/v1/live")
    def live(
        reader: Annotated[Reader, Depends(allow("counts", background=True))],
    ) -> dict[str, str]:
        return {}

    return app


class Doors:
    """An application behind its doors, and browsers that come to it."""

    def __init__(self, app: FastAPI, entrance: Entrance, log: AccessLog) -> None:
        self.app = app
        self.entrance = entrance
        self.log = log

    def browser(self, *, base: str = HERE, client: str = "127.0.0.1", **headers: str) -> TestClient:
        return TestClient(
            self.app,
            base_url=base,
            client=(client, 50_000),
            headers=headers,
            raise_server_exceptions=False,
            follow_redirects=False,
        )

    def account(self, name: str, *roles: Role) -> None:
        self.entrance.accounts.add(name, PASSWORD, roles or (Role.VIEWER,))

    def token(self, browser: TestClient) -> str:
        return browser.cookies.get(self.entrance.site.cookie) or ""

    def csrf(self, browser: TestClient) -> str:
        return csrf_of(self.token(browser))

    def send(self, browser: TestClient, path: str, **fields: str) -> Any:
        return browser.post(path, data={"csrf": self.csrf(browser), **fields})

    def enter(
        self, name: str, *, password: str = PASSWORD, browser: TestClient | None = None
    ) -> TestClient:
        """A browser that logged in as `name`, without a purpose."""
        browser = browser or self.browser()
        browser.get("/enter")
        self.send(browser, "/enter", name=name, password=password)
        return browser

    def reader(self, name: str, purpose: str = FOLDERS_PURPOSE) -> TestClient:
        """A browser that logged in as `name` and chose a purpose."""
        browser = self.enter(name)
        assert self.send(browser, "/purpose", purpose=purpose).status_code == 303
        return browser

    def client(self, role: Role | None, *, purposed: bool = True) -> TestClient:
        """One for the suites of `dashboard.testing`."""
        browser = self.browser()
        if role is None:
            browser.get("/enter")
        else:
            name = f"a-{role.value}"
            if not self.entrance.accounts.exists(name):
                self.account(name, role)
            browser = self.reader(name) if purposed else self.enter(name)
        browser.headers["x-csrf-token"] = self.csrf(browser)
        return browser

    def logged(self, action: str) -> list[tuple[str, str, str]]:
        return [
            (each.actor, each.purpose, each.outcome)
            for each in self.log.entries()
            if each.action == action
        ]


class House(Doors):
    """Demo pages behind the real doors."""

    def __init__(
        self,
        engine: Engine,
        folder: Path,
        clock: ManualClock,
        *,
        register: Sequence[Purpose] = (),
        purpose: str = FOLDERS_PURPOSE,
        **settings: Any,
    ) -> None:
        self.clock = clock
        self.engine = engine
        self.settings = DashboardSettings(**settings)
        keys = KeyRing(folder / "keys", clock=clock, longest_retention_days=90)
        log = AccessLog(engine, keys=keys, folder=folder / "keys", clock=clock)
        entrance = Entrance(
            self.settings,
            site=Site.of(self.settings),
            accounts=Accounts(engine, clock=clock, hasher=QUICK),
            sessions=open_sessions(self.settings, engine=engine, clock=clock),
            purposes=Purposes(register, folder=purpose, clock=clock, timezone="Europe/Amsterdam"),
            log=log,
            clock=clock,
        )
        app = demo_app()
        install(app, entrance, DemoPages())
        super().__init__(app, entrance, log)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = open_database(tmp_path / "peil.db")
    yield made
    made.dispose()


@pytest.fixture
def build(tmp_path: Path, engine: Engine, clock: ManualClock) -> Callable[..., House]:
    def made(**given: Any) -> House:
        return House(engine, tmp_path, clock, **given)

    return made


@pytest.fixture
def house(build: Callable[..., House]) -> House:
    return build()


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Doors]:
    """The whole application over a working folder in which nothing was collected yet."""
    folder = WorkingFolder.init(tmp_path / "city")
    purpose = f"purpose={FOLDERS_PURPOSE}"
    settings = load_settings(folder.settings, environ={}, overrides=[purpose])
    with Pipeline(folder, settings, clock=SystemClock()) as pipeline:
        entrance = entrance_of(pipeline)
        entrance.accounts = Accounts(pipeline.database, clock=pipeline.clock, hasher=QUICK)
        yield Doors(create(city_of(pipeline), entrance), entrance, pipeline.access)
