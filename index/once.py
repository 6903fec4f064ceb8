"""What many ask for at once is made once: the first makes it, the others wait for that."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any, TypeVar, cast

T = TypeVar("T")


class Once:
    """Values by key, until they are forgotten together. Threads share it.

    An error is raised for all who wait, and is not remembered.
    """

    def __init__(self, *, most: int) -> None:
        """Of more than `most` values the ones not asked for longest go."""
        self._most = most
        self._values: OrderedDict[Hashable, Future[Any]] = OrderedDict()
        self._lock = threading.Lock()

    def forget(self) -> None:
        """Make everything anew from now on."""
        with self._lock:
            self._values.clear()

    def __call__(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of `key`, by `make` when there is none yet."""
        mine: Future[T] = Future()
        with self._lock:
            known = self._values.get(key)
            if known is None:
                self._values[key] = mine
                while len(self._values) > self._most:
                    self._values.popitem(last=False)
            else:
                self._values.move_to_end(key)
        if known is not None:
            return cast("T", known.result())
        try:
            mine.set_result(make())
        except BaseException as error:  # noqa: BLE001  (it is raised again for all who wait)
            with self._lock:
                if self._values.get(key) is mine:
                    del self._values[key]
            mine.set_exception(error)
        return mine.result()
