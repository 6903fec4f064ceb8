"""Which members of consumer groups are alive: each holds the lock of a file of its own.

The operating system lets go of the lock when a process dies, so the others can take over at
once. A member that lives but hangs is not told apart here: its lease ends.
"""

import fcntl
import itertools
import os
from pathlib import Path

_numbers = itertools.count()


class Members:
    """The members on one machine, in a folder of lock files."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._held: dict[str, int] = {}

    def join(self) -> str:
        """A new member, alive until it leaves or this process ends; returns its name. The files
        of the dead are removed.
        """
        for path in self._folder.iterdir():
            self.alive(path.name)
        while True:
            name = f"{os.getpid()}-{next(_numbers)}-{os.urandom(4).hex()}"
            handle = os.open(self._folder / name, os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(handle, fcntl.LOCK_EX)
            if os.fstat(handle).st_nlink:
                self._held[name] = handle
                return name
            os.close(handle)  # taken for dead by another process before it was locked

    def leave(self, name: str) -> None:
        """`name`, which joined here, is a member no longer."""
        handle = self._held.pop(name, None)
        if handle is not None:
            (self._folder / name).unlink(missing_ok=True)
            os.close(handle)

    def alive(self, name: str) -> bool:
        """Whether `name` is a member of a process that lives."""
        path = self._folder / name
        try:
            handle = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            path.unlink(missing_ok=True)
            return False
        finally:
            os.close(handle)
