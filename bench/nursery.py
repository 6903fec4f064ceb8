"""Processes that are there at once: they are forked from one that has loaded all of peil.

For drivers that start and kill many. What a process does and how it dies is that of any other; only
the seconds are gone in which each would read the same modules and dictionaries.
"""

import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

_forking = multiprocessing.get_context("forkserver")
_forking.set_forkserver_preload(["bench.loaded"])


def load_dictionaries() -> None:
    """Have them loaded as well, for those that enrich; before the first process is started."""
    _forking.set_forkserver_preload(["bench.loaded", "bench.dictionaries"])


class Process:
    """One that runs `what(*words)`, with `environ` as its environment where that is given. What it
    prints goes to the end of the file `out` and its errors to that of `err`; without them where
    the driver's go.
    """

    def __init__(
        self,
        what: Callable[..., object],
        *words: object,
        environ: Mapping[str, str] | None = None,
        out: str | Path | None = None,
        err: str | Path | None = None,
    ) -> None:
        self._process = _forking.Process(target=_begin, args=(what, words, environ, (out, err)))
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """What it ended with, below zero the signal; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """The same, once it has ended."""
        self._process.join(timeout)
        ended = self.poll()
        if ended is None:
            raise TimeoutError(f"process {self.pid} still runs after {timeout} s")
        return ended

    def kill(self) -> None:
        self._process.kill()

    def terminate(self) -> None:
        self._process.terminate()


def pipe() -> tuple[Connection, Connection]:
    """Two ends: what a process sends into the second, which is one of its words, the first gets."""
    return _forking.Pipe(duplex=False)


def peil(*words: str) -> None:
    """The command `peil` with these words, for a process."""
    from peil.command import main  # noqa: PLC0415  (it is loaded there, and not in the driver)

    sys.argv = ["peil", *words]
    main()


def _begin(
    what: Callable[..., object],
    words: Sequence[object],
    environ: Mapping[str, str] | None,
    places: Sequence[str | Path | None],
) -> None:
    if environ is not None:
        os.environ.clear()
        os.environ.update(environ)
    for number, place in enumerate(places, start=1):
        if place is not None:
            file = os.open(place, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            os.dup2(file, number)
            os.close(file)
    what(*words)
