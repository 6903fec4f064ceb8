"""A real PostgreSQL on this machine, from the binaries that it has."""

import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from bench.servers.certificates import Authority
from bench.servers.server import HOST, Server
from bench.servers.user import as_user
from stream.errors import Stop

SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    # The machine does not fall over in a test; what a killed server wrote is in the page cache.
    "fsync": "off",
}


def installed() -> Path:
    """The folder of its binaries, of the newest version there is."""
    found = shutil.which("postgres")
    if found:
        return Path(found).resolve().parent
    versions = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/postgres"),  # where Debian keeps several
        key=lambda path: int(path.parts[-3]),
    )
    if not versions:
        raise Stop(
            "PostgreSQL is missing, and a real server needs it; on Debian or Ubuntu: "
            "apt-get install postgresql"
        )
    return versions[-1].parent


class Postgres(Server):
    """One server with the database `postgres` of the user `postgres`.

    `secure` makes clients use TLS and log in with `password`; `authority` is the file of the
    certificate authority that they must trust. `expired` gives the server a certificate of the
    past. `settings` come last on its command line.
    """

    ending: ClassVar[signal.Signals] = signal.SIGINT
    discarding: ClassVar[signal.Signals] = signal.SIGQUIT

    def __init__(
        self,
        *,
        secure: bool = False,
        password: str = "postgres-password",  # noqa: S107 - of a server for tests
        expired: bool = False,
        settings: Mapping[str, str] | None = None,
        data: Path | None = None,
        port: int | None = None,
    ) -> None:
        super().__init__(data=data, port=port)
        self.user = "postgres"
        self.password = password
        self._expired = expired
        self._settings = dict(settings or {})
        self._authority = Authority(self.data / "certificates") if secure else None

    @property
    def url(self) -> str:
        """The database as the settings take it: without the password."""
        url = f"postgresql+psycopg://{self.user}@{self.address}/postgres"
        if self._authority is None:
            return url
        return f"{url}?sslmode=verify-full&sslrootcert={self._authority.file}"

    @property
    def authority(self) -> Path:
        """The certificate of the authority that signed the server's, as PEM."""
        if self._authority is None:
            raise Stop("this PostgreSQL has no certificate; make it with secure=True")
        return self._authority.file

    def _command(self) -> Sequence[str]:
        home = installed()
        folder = self.data / "data"
        if not (folder / "PG_VERSION").exists():
            self._initialise(home, folder)
        found = SETTINGS | {"port": str(self.port)}
        if self._authority:
            issued = self._authority.issue("postgres", expired=self._expired)
            found |= {
                "ssl": "on",
                "ssl_cert_file": str(issued.certificate),
                "ssl_key_file": str(issued.key),
            }
        words = [*as_user(self.data, home), str(home / "postgres"), "-D", str(folder)]
        for name, value in (found | self._settings).items():
            words += ["-c", f"{name}={value}"]
        return words

    def _answers(self) -> bool:
        status = self.data / "data" / "postmaster.pid"
        lines = status.read_text().splitlines() if status.exists() else []
        # The file of a killed server stays until the next one writes its own.
        return lines[:1] == [str(self.pid)] and lines[-1].strip() == "ready"

    def _initialise(self, home: Path, folder: Path) -> None:
        secret = self.data / "password"
        secret.write_text(self.password)
        words = [
            *as_user(self.data, home), str(home / "initdb"), "-D", str(folder), "-U", self.user,
            "--auth=scram-sha-256" if self._authority else "--auth=trust", f"--pwfile={secret}",
            "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync",
        ]  # fmt: skip
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        secret.unlink()
        if done.returncode:
            raise Stop(
                f"PostgreSQL could not make its folder {folder}; it said:\n"
                f"{(done.stdout + done.stderr)[-2000:]}"
            )
        if self._authority:
            access = f"hostssl all all {HOST}/32 scram-sha-256\n"
            (folder / "pg_hba.conf").write_text(access)
