import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bench.servers.secured import Secured
from bench.servers.server import free_port
from index.contract import Question
from peil.folder import WorkingFolder
from peil.pipeline import Pipeline
from peil.settings import load_settings
from rules.parser import parse
from stream.clock import SystemClock
from tests.peil.commands import Done, Peil, called, started

OPEN = (
    "sources", "open", "upload", "--owner", "team", "--purpose", "trial", "--basis", "public task",
    "--dpia", "D-1", "--obtained", "written for a test",
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "city"


@pytest.fixture
def opened_folder(folder: Path) -> Path:
    """A working folder with a purpose, whose uploads are open in the register."""
    assert called("init", str(folder)).returncode == 0
    settings = folder / "config" / "peil.toml"
    written = settings.read_text().replace('purpose = ""', 'purpose = "a test"')
    # Of the runs of several tests at once each has a dashboard.
    listen = f'[dashboard]\nlisten = "127.0.0.1:{free_port()}"\n'
    settings.write_text(f"{written}\n{listen}")
    until = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 300 * 86_400))
    assert called("-C", str(folder), *OPEN, "--until", until).returncode == 0
    return folder


@pytest.fixture
def peil(opened_folder: Path) -> Peil:
    """A command on that folder, in this process."""
    return _on(opened_folder, called)


@pytest.fixture
def peil_process(opened_folder: Path) -> Peil:
    """The same in a process of its own, for what is promised of one."""
    return _on(opened_folder, started)


def _on(folder: Path, command: Callable[..., Done]) -> Peil:
    def call(*words: str, text: str = "", code: int | None = 0) -> Done:
        done = command("-C", str(folder), *words, text=text)
        assert code is None or done.returncode == code, done.stdout + done.stderr
        return done

    return call


@pytest.fixture
def held(folder: Path) -> Callable[..., int]:
    """How many posts the store has, before anything is suppressed or left out."""

    def count(query: str = "") -> int:
        settings = load_settings(folder / "config" / "peil.toml", environ=os.environ)
        pipeline = Pipeline(WorkingFolder.open(folder), settings, clock=SystemClock())
        with closing(pipeline):
            tree = parse(query).tree if query else None
            return pipeline.store.count(Question(query=tree)).posts

    return count


@pytest.fixture
def cluster(kafka_server: str, elastic_server: str, postgres_url: str) -> dict[str, Any]:
    """The settings of a cluster of its own, without logins."""
    name = f"t{secrets.token_hex(4)}"
    return {
        "engine": "cluster",
        "database": {"url": postgres_url},
        "stream": {"kafka": {"servers": [kafka_server], "prefix": f"{name}."}},
        "index": {"elastic": {"servers": [elastic_server], "prefix": name}},
    }


@pytest.fixture
def cluster_environ(cluster: dict[str, Any]) -> dict[str, str]:
    """The same as the environment says it."""
    return dict(_variables("PEIL", cluster))


def _variables(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _variables(f"{name}{'_' if name == 'PEIL' else '__'}{key.upper()}", inner)
    else:
        yield name, value if isinstance(value, str) else json.dumps(value)


@pytest.fixture(scope="session")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """Servers with TLS, logins and rights, for all tests of those."""
    with Secured(tmp_path_factory.mktemp("passwords")) as servers:
        yield servers


@pytest.fixture(scope="session")
def secured_city(tmp_path_factory: pytest.TempPathFactory) -> WorkingFolder:
    """The working folder on those servers: its keys are marked in their database."""
    return WorkingFolder.init(tmp_path_factory.mktemp("secured") / "city")
