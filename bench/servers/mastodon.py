"""A server on this machine that speaks Mastodon's API: mastodon-mock, with people who write.

It keeps what it is given and fails on command (`fail`). What a real Mastodon does and this one
does not: `timelines_access`; `local`, `any`, `all` and `none` of a tag; statuses of the past, late
ones, the same one on two servers; `noindex`, which is always null; a link to older pages on the
last page. Accounts that moderators hide it leaves out, a real one marks some of them; the reset of
its rate limit is a number, a real one's a date.

It lives in an environment of its own in the cache folder, made from `mastodon.txt` beside.
"""

import hashlib
import json
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
import venv
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from bench.servers.cache import cached
from bench.servers.server import HOST, Server
from stream.errors import Stop

REQUIREMENTS = Path(__file__).with_suffix(".txt")
SECONDS = 20.0


def installed() -> Path:
    """The folder of its environment, made at the first call."""
    digest = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()
    return cached(f"mastodon-mock-{digest[:12]}", _install)


class Mastodon(Server):
    """One server. Each of `people` has an account, and writes with the token `token-of-NAME`;
    the first is its administrator. A name with a host is an account of another server.

    `limit` requests are allowed in `window` seconds; without it there is no rate limit.
    """

    def __init__(
        self,
        *,
        people: Sequence[str] = ("anna",),
        limit: int | None = None,
        window: int = 300,
        data: Path | None = None,
        port: int | None = None,
    ) -> None:
        super().__init__(data=data, port=port)
        self._people = people
        self._limit = limit
        self._window = window

    @property
    def _database(self) -> Path:
        return self.data / "mastodon.db"

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def ask(self, method: str, path: str, *, by: str = "", **values: Any) -> Any:
        """The answer in JSON to a request of somebody with `values`; an error is a Stop."""
        headers = {"Content-Type": "application/json"}
        if by:
            headers["Authorization"] = f"Bearer token-of-{by}"
        request = urllib.request.Request(
            f"{self.url}{path}", json.dumps(values).encode(), headers, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            said = error.read().decode("utf-8", "replace")
            raise Stop(f"{method} {path} answers {error.code}: {said}") from error

    def write(self, text: str, *, by: str, **values: Any) -> Mapping[str, Any]:
        """A new status."""
        status: Mapping[str, Any] = self.ask(
            "POST", "/api/v1/statuses", by=by, status=text, **values
        )
        return status

    def let_find(self, person: str, *, allowed: bool = True) -> None:
        """Whether a person's posts may be found by search (`indexable`), as at first nobody's may.
        There is no request for it, so it is written where the server keeps it.
        """
        with closing(sqlite3.connect(self._database, timeout=SECONDS)) as database, database:
            name, _, host = person.partition("@")
            database.execute(
                "UPDATE accounts SET indexable = ? WHERE username = ? AND coalesce(domain, '') = ?",
                (allowed, name, host),
            )

    def fail(self, path: str, *, count: int = 1, **effect: Any) -> None:
        """Let the next `count` requests for `path` (`*` stands for anything) have `effect`:
        `type` is status, ratelimit, latency, malformed or timeout.
        """
        match = {"methods": ["GET"], "path": path}
        self.ask("POST", "/api/v1/_mock/faults", match=match, effect=effect, count=count)

    def calm(self) -> None:
        """Forget the faults that were not used up."""
        self.ask("DELETE", "/api/v1/_mock/faults")

    def _command(self) -> Sequence[str]:
        settings = self.data / "settings.toml"
        settings.write_text(self._settings(), "utf-8")
        return [
            str(installed() / "bin" / "python"), "-I", "-m", "mastodon_mock", "serve",
            "--config", str(settings), "--host", HOST, "--port", str(self.port),
            "--log-level", "warning",
        ]  # fmt: skip

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=1) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    def _settings(self) -> str:
        lines = [f'[database]\npath = "{self._database}"']
        if self._limit is not None:
            limit, window = self._limit, self._window
            lines.append(f"[ratelimit]\nenabled = true\nlimit = {limit}\nwindow_seconds = {window}")
        for number, person in enumerate(self._people):
            name, _, host = person.partition("@")
            lines.append(f'[[seed.accounts]]\nusername = "{name}"')
            lines.append(f'access_token = "token-of-{person}"')
            lines.append(f'domain = "{host}"' if host else "")
            lines.append('role = "owner"' if number == 0 else "")
        return "\n".join(lines)


def _install(work: Path) -> Path:
    folder = work / "environment"
    venv.create(folder, with_pip=True, symlinks=True)
    words = [str(folder / "bin" / "python"), "-I", "-m", "pip", "install", "--quiet", "--no-deps"]
    words += ["--disable-pip-version-check", "--only-binary", ":all:", "--require-hashes"]
    done = subprocess.run(
        [*words, "-r", str(REQUIREMENTS)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Stop(
            "pip could not fetch what the Mastodon server is made of; is its registry within "
            f"reach? It said:\n{(done.stdout + done.stderr)[-2000:]}"
        )
    return folder
