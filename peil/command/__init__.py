"""The command line."""

import io
import sys

from peil.command.application import application
from peil.display import console
from rules.errors import QueryError
from stream.errors import PeilError, Stop

FAILED = 1
STOPPED = 3


def main() -> None:
    """Entry point `peil`. Exit codes: 0 done, 1 failed for now or not all well, 2 wrong usage,
    3 a person must act.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a letter
    try:
        application()
    except QueryError as error:
        console(error=True).print(f"The query has mistakes:\n{error}", markup=False)
        sys.exit(2)
    except Stop as error:
        console(error=True).print(f"peil stopped: {error}", markup=False)
        sys.exit(STOPPED)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        console(error=True).print(
            f"peil stopped: {where}{error.strerror or error}; check the path, its rights and the "
            "free space",
            markup=False,
        )
        sys.exit(STOPPED)
    except PeilError as error:
        console(error=True).print(f"peil failed: {error}", markup=False)
        sys.exit(FAILED)
