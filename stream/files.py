"""Small files that are whole, or not there: what a kill or a power cut leaves is never a half."""

import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

PRIVATE = 0o600


def replace(path: Path, data: bytes, *, mode: int = PRIVATE) -> None:
    """Make `data` the content of `path`, on disk when it returns. After a kill it is the old file
    or the new one. Several processes may do it at once; one of them is the last. By default only
    its owner reads it.
    """
    with _draft(path, data, mode) as draft:
        draft.replace(path)


def create(path: Path, data: bytes) -> bool:
    """The same for a file that is not there yet; False when another process was first, whose
    content stays.
    """
    with _draft(path, data) as draft:
        try:
            os.link(draft, path)
        except FileExistsError:
            return False
    return True


@contextmanager
def _draft(path: Path, data: bytes, mode: int = PRIVATE) -> Generator[Path]:
    """`data` in a file beside `path`, for those whom `mode` and the umask let; what was done with
    it within the block is on disk after it. An OSError names a file.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield draft
    except OSError as error:
        error.filename = error.filename or str(path)  # that of a full disk names none
        raise
    finally:
        draft.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
