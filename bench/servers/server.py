"""What every server of this folder can do, and how it is ended.

`TEST_SERVER_SECONDS` says how long a start may take, on a slow machine perhaps more than the four
minutes it may take without it.
"""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Self

import psutil

from stream.errors import Stop

HOST = "127.0.0.1"
PORTS = range(20_000, 32_000)
PATIENCE = 240.0

# Outlives whoever starts it: when its input ends, by whatever death, the server that it was
# told of last is killed with all its processes, and so are the files that nobody asked to keep.
GUARD = """
while read -r line; do server=$line; done
if [ "$server" ]; then
    kill -s KILL -- "-$server"
    for _ in 1 2 3 4 5 6 7 8 9 10; do kill -s 0 -- "-$server" || break; sleep 0.2; done
fi
[ $# = 0 ] || rm -rf -- "$@"
"""


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on.

    It lies below those that the kernel gives to outgoing connections, so that it stays free
    while a server is down.
    """
    while True:
        port = PORTS[secrets.randbelow(len(PORTS))]
        with socket.socket() as trial, contextlib.suppress(OSError):
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((HOST, port))
            return port


def _patience() -> float:
    given = os.environ.get("TEST_SERVER_SECONDS")
    try:
        return float(given) if given else PATIENCE
    except ValueError:
        raise Stop(f"TEST_SERVER_SECONDS is {given!r}: write a number of seconds") from None


class Server(ABC):
    """A real server on 127.0.0.1, which ends when the process that started it ends.

    As a context manager it is started on entry and closed on exit. Its port and its data stay
    the same from one start to the next. Options that every server takes:

    `data` is the folder of its files, which is kept; without it they lie in a temporary folder
    that is removed. `port` is the port to listen on; without it a free one is found.
    """

    ending: ClassVar[signal.Signals] = signal.SIGTERM
    discarding: ClassVar[signal.Signals] = signal.SIGKILL  # when its data is thrown away

    def __init__(self, *, data: Path | None, port: int | None) -> None:
        name = type(self).__name__.lower()
        self._temporary = data is None
        self.data = (data or Path(tempfile.mkdtemp(prefix=f"{name}-"))).resolve()
        self.data.mkdir(parents=True, exist_ok=True)
        self.log = self.data / "console.log"
        self.port = port or free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._guard = subprocess.Popen(
            ["sh", "-c", GUARD, "guard", *([str(self.data)] if self._temporary else [])],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def address(self) -> str:
        """Where it listens, as `127.0.0.1:port`, also while it is down."""
        return f"{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        """The process that does the work."""
        return self._running().pid

    @property
    def pids(self) -> Sequence[int]:
        """All its processes, the one that was started first comes first."""
        return [process.pid for process in self._family()]

    def start(self) -> None:
        """Start, and return once it answers."""
        if self._process is not None and self._process.poll() is None:
            raise Stop(f"{self.address} is running already; end it before another start")
        patience = _patience()
        with self.log.open("ab") as log:
            command = self._command()
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._tell_guard(str(self._process.pid))
        deadline = time.monotonic() + patience
        while not self._answers():
            dead = self._process.poll() is not None
            if dead or time.monotonic() > deadline:
                self.kill()
                raise Stop(
                    f"{type(self).__name__} at {self.address} "
                    f"{'ended at its start' if dead else f'gave no answer in {patience:g} s'}; "
                    f"its log {self.log} ends with:\n{self._log()[-2000:]}"
                )
            time.sleep(0.05)

    def stop(self) -> None:
        """End in order, as an operator would, and return once it is gone. The data stays."""
        self._end(self.ending)

    def kill(self) -> None:
        """End all its processes at once with `kill -9`."""
        process = self._process
        if process is None:
            return
        family = self._signal(signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):  # those whose parent was dead already
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        deadline = time.monotonic() + 10
        while not all(map(_gone, family)) and time.monotonic() < deadline:
            time.sleep(0.01)
        self._process = None
        self._tell_guard("")

    def restart(self) -> None:
        """Stop when it runs, then start on the same data and port."""
        self.stop()
        self.start()

    def suspend(self) -> None:
        """Freeze it: connections stay open, nothing is answered."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Go on after `suspend`."""
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """End for good, with the data when it lies in a temporary folder."""
        self._end(self.discarding if self._temporary else self.ending)
        self._guard.communicate()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    @abstractmethod
    def _command(self) -> Sequence[str]:
        """Write what the server needs before a start, and return the words that start it."""

    @abstractmethod
    def _answers(self) -> bool:
        """Whether the server just started is ready for clients."""

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise Stop(f"{type(self).__name__} at {self.address} is down; start it first")
        return self._process

    def _end(self, number: signal.Signals) -> None:
        process = self._process
        if process is None:
            return
        self._signal(signal.SIGCONT)  # a suspended one would not hear it
        process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)
        self.kill()

    def _family(self) -> list[psutil.Process]:
        process = self._running()
        if process.poll() is not None:
            return []
        main = psutil.Process(process.pid)
        return [main, *main.children(recursive=True)]

    def _signal(self, number: signal.Signals) -> list[psutil.Process]:
        family = self._family()
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        return family

    def _log(self) -> str:
        return self.log.read_text("utf-8", "replace")

    def _tell_guard(self, server: str) -> None:
        assert self._guard.stdin is not None
        self._guard.stdin.write(f"{server}\n".encode())
        self._guard.stdin.flush()


def _gone(process: psutil.Process) -> bool:
    try:
        # One whose parent died may stay a zombie for good where nobody adopts it, as in many
        # containers; it holds no file or port once its last thread has ended.
        return process.status() == psutil.STATUS_ZOMBIE and process.num_threads() == 1
    except psutil.NoSuchProcess:
        return True
