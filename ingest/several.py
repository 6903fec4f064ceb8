"""Errors of a source that has several parts: one that fails costs that one."""

from collections.abc import Sequence

from stream.errors import PeilError, Retry, Stop


def together(errors: Sequence[PeilError], *, what: str) -> PeilError:
    """One error for all that failed: a Stop when a person must look at one of them, else a Retry
    after the longest wait. `what` says what they failed at.
    """
    message = f"{what}: " + "; ".join(map(str, errors))
    if any(isinstance(error, Stop) for error in errors):
        return Stop(message)
    waits = [error.after for error in errors if isinstance(error, Retry) and error.after]
    return Retry(message, after=max(waits, default=None))
