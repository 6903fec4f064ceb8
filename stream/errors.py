"""What can go wrong, named by what happens next.

Every error carries a message of three parts: what is wrong, where, and what to do.
"""


class PeilError(Exception):
    """The root of all errors that peil raises on purpose."""


class Retry(PeilError):
    """The world failed for a moment: the same call may succeed later.

    `after` is the number of seconds to wait before the next attempt, or None when the
    caller's own back-off decides.
    """

    def __init__(self, message: str, *, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class Reject(PeilError):
    """One item is bad and stays bad: it goes to quarantine, the rest goes on."""


class Stop(PeilError):
    """Going on would lose or spoil something: the process ends and a person must act."""
