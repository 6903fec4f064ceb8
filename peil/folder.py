"""The working folder: `config/` is what a person writes, `data/` is what peil writes."""

import fcntl
import os
import shutil
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from peil.locks import Held, waiting
from peil.shipped import shipped_config
from stream.clock import Clock
from stream.errors import Stop

WAIT_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class WorkingFolder:
    """Every path below one working folder, and `peil.locks.Locks` between the processes that work
    in it. Nothing outside it is written.
    """

    root: Path

    @classmethod
    def open(cls, root: Path) -> "WorkingFolder":
        """The folder that `peil init` made; Stop when `root` is not one."""
        folder = cls(root.absolute())
        if not folder.settings.is_file():
            raise Stop(
                f"{folder.root} is not a working folder: it has no config/peil.toml. Make one with "
                "`peil init DIR`, then use `peil -C DIR …` or run peil inside it"
            )
        return folder

    @classmethod
    def init(cls, root: Path) -> "WorkingFolder":
        """Make `root` a working folder with a copy of the shipped config; never overwrites."""
        folder = cls(root.absolute())
        if folder.settings.exists():
            raise Stop(f"{folder.root} is a working folder already; its settings are left alone")
        if folder.config.exists() and any(folder.config.iterdir()):
            raise Stop(
                f"{folder.config} exists and is not peil's; choose another folder, or move it away"
            )
        shutil.copytree(
            shipped_config(),
            folder.config,
            dirs_exist_ok=True,
            ignore=shutil.ignore_patterns("demo", "__pycache__"),
        )
        folder.data.mkdir(mode=0o700, exist_ok=True)
        return folder

    @property
    def config(self) -> Path:
        return self.root / "config"

    @property
    def settings(self) -> Path:
        return self.config / "peil.toml"

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def log(self) -> Path:
        return self.data / "log"

    @property
    def keys(self) -> Path:
        return self.data / "keys"

    @property
    def index(self) -> Path:
        return self.data / "index"

    def places(self, engine: str) -> Path:
        """Where each record of the log of `engine` is found: made from that log."""
        return self.data / "places" / engine

    @property
    def models(self) -> Path:
        return self.data / "models"

    @property
    def metrics(self) -> Path:
        return self.data / "metrics"

    @property
    def database(self) -> Path:
        return self.data / "peil.db"

    @contextmanager
    def hold(self, role: str) -> Generator[bool]:
        handle = self._lock(role)  # the operating system lets go when a process dies
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True
        finally:
            os.close(handle)

    def wait_for(
        self, role: str, *, clock: Clock, give_up: Callable[[], bool] = lambda: False
    ) -> AbstractContextManager[Held]:
        return waiting(self.hold, role, clock=clock, give_up=give_up, pause=WAIT_SECONDS)

    def is_held(self, role: str) -> bool:
        handle = self._lock(role)
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            return False
        finally:
            os.close(handle)

    def _lock(self, role: str) -> int:
        locks = self.data / "locks"
        locks.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(locks / f"{role}.lock", os.O_RDWR | os.O_CREAT, 0o600)
