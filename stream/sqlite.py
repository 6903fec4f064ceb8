"""What SQLite cannot do, as errors of peil: in the log's files and in the operational database."""

import sqlite3

from stream.errors import Retry, Stop


def named(error: sqlite3.OperationalError, what: str, *, waited: float) -> Retry | Stop:
    """The error to raise for `error` of the database `what`; `waited` is how many seconds a lock
    was waited for.
    """
    text = str(error)
    if "locked" in text or "busy" in text:
        return Retry(f"{what} was locked by another process for {waited:.0f} s")
    return Stop(f"{what} cannot be used: {text}; check free space and rights, then start again")
