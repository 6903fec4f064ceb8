"""Errors of a source that has several parts: one that fails costs that one."""

from collections.abc import Sequence

from stream.errors import PeilError, Retry, Stop


def together(errors: Sequence[PeilError], *, what: str, parts: int) -> PeilError:
    """One error for those of `parts` that failed: a Stop when a person must look at one of them,
    else a Retry. It asks for time only where every part does, and then for the shortest: else the
    wait is that part's, and its collector remembers it. `what` says what they failed at.
    """
    message = f"{what}: " + "; ".join(map(str, errors))
    if any(isinstance(error, Stop) for error in errors):
        return Stop(message)
    waits = [error.after for error in errors if isinstance(error, Retry) and error.after]
    return Retry(message, after=min(waits) if waits and len(waits) == parts else None)
