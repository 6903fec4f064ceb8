"""Errors of a source that has several parts: one that fails costs that one."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

import msgspec

from stream.clock import Clock, to_datetime
from stream.errors import PeilError, Retry, Stop


class Lasting(msgspec.Struct, frozen=True, kw_only=True):
    """How long parts of a source fail already: the worst of them `failures` times in a row, the
    first `since` then (Unix ms). Whether one of them was `asked` in this run: else they rest; and
    whether there are `others`, which do not fail.
    """

    failures: int
    since: int
    asked: bool
    others: bool = False


class PartsRetry(Retry):
    """Parts of a source fail, which time may mend."""

    def __init__(self, message: str, *, after: float | None, lasting: Lasting) -> None:
        super().__init__(message, after=after)
        self.lasting = lasting


class PartsStop(Stop):
    """Parts of a source fail, and a person must look at one of them."""

    def __init__(self, message: str, *, lasting: Lasting) -> None:
        super().__init__(message)
        self.lasting = lasting


class Failure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a part failed at: so many `times` in a row, the first one `since` then, the last one
    with `error`. It wants to be left alone `until` then. Times in Unix ms.
    """

    error: str
    recovery: Literal["retry", "stop"]
    times: int
    since: int
    until: int = 0


class Parts:
    """The parts of a source (feeds, servers, accounts) in the course of a run, and what each fails
    at until it answers. That a part may not be asked yet is no answer: its error stays.

    A collector keeps `held` in its cursor; parts that have no name any more are forgotten.
    """

    def __init__(self, names: Collection[str], held: Mapping[str, Any], *, clock: Clock) -> None:
        known = msgspec.convert(held, dict[str, Failure])
        self._failures = {name: known[name] for name in names if name in known}
        self._asked: set[str] = set()
        self._clock = clock

    def answered(self, name: str) -> None:
        """A part answered: what it failed at is over."""
        self._failures.pop(name, None)

    def failed(self, name: str, error: Exception) -> None:
        """A part was asked, and failed: its error names it. One that nobody foresaw is told by its
        kind alone, as its words may be a stranger's: a person must look.
        """
        if not isinstance(error, PeilError):
            error = Stop(
                f"{name} could not be read ({type(error).__name__}); look at what it answers, and "
                "see whether peil has a newer version"
            )
        said = str(error)
        now, before = self._clock.now(), self._failures.get(name)
        after = error.after if isinstance(error, Retry) else None
        self._failures[name] = Failure(
            error=said if name in said else f"{name}: {said}",
            recovery="retry" if isinstance(error, Retry) else "stop",
            times=before.times + 1 if before else 1,
            since=before.since if before else now,
            until=now + int(after * 1000) if after else 0,
        )
        self._asked.add(name)

    def fails(self, name: str) -> bool:
        """Whether a part failed when it was asked last."""
        return name in self._failures

    def held(self) -> dict[str, Any]:
        """What is to be remembered, as JSON values; what comes later does not change it."""
        return {name: msgspec.to_builtins(each) for name, each in self._failures.items()}

    def check(self, what: str, *, after: float | None = None, others: bool = False) -> None:
        """At the end of a run: raise what the parts fail at, if any does, also those that were not
        asked this time: PartsStop when a person must look at one of them, else PartsRetry.

        `what` says what they failed at, `after` for how many seconds no part of the source may be
        asked; None where another one may. `others` that do not fail wait for nobody.
        """
        if not self._failures:
            return
        failures = self._failures.values()
        message = f"{what}: " + "; ".join(self._said(name) for name in self._failures)
        lasting = Lasting(
            failures=max(each.times for each in failures),
            since=min(each.since for each in failures),
            asked=bool(self._asked),
            others=others,
        )
        if any(each.recovery == "stop" for each in failures):
            raise PartsStop(message, lasting=lasting)
        raise PartsRetry(message, after=after, lasting=lasting)

    def __len__(self) -> int:
        """How many fail."""
        return len(self._failures)

    def _said(self, name: str) -> str:
        failure = self._failures[name]
        if name in self._asked or failure.until <= self._clock.now():
            return failure.error
        return f"{failure.error} (left alone until {to_datetime(failure.until):%Y-%m-%d %H:%M} UTC)"


def together(errors: Sequence[PeilError], *, what: str, parts: int) -> PeilError:
    """One error for those of `parts` that failed: a Stop when a person must look at one of them,
    else a Retry. It asks for time only where every part does, and then for the shortest. `what`
    says what they failed at. For parts that are asked at every run; `Parts` is for others.
    """
    message = f"{what}: " + "; ".join(map(str, errors))
    if any(isinstance(error, Stop) for error in errors):
        return Stop(message)
    waits = [error.after for error in errors if isinstance(error, Retry) and error.after]
    return Retry(message, after=min(waits) if waits and len(waits) == parts else None)
