"""The keys behind pseudonyms: files that only their owner may read, destroyed when their time
has come, never escrowed and never in a backup of posts.
"""

import hashlib
import hmac
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path

from stream.clock import DAY_MS, Clock
from stream.errors import Stop
from stream.files import create

EPOCH_DAYS = 90
"""For so long an author keeps one pseudonym; after that nobody can link old and new."""

KEY_BYTES = 32
PSEUDONYM_DIGITS = 32
LASTING = ("id", "objection", "noise")
"""The keys that do not rotate. `noise` makes no posts; a second one would be a second draw of the
noise of every count, so it is held to its mark like the others."""

NOBODY = "\x00unknown"
"""Stands for a missing author: all of them count as one."""


class KeyRing:
    """The keys in one folder. Safe when several processes open it at once.

    `longest_retention_days` is how long after its epoch a key may still be needed to erase.
    `on_new` is called after a key that posts are made with was made, before it is used.
    """

    def __init__(
        self,
        folder: Path,
        *,
        clock: Clock,
        longest_retention_days: int,
        on_new: Callable[["KeyRing"], None] = lambda _keys: None,
    ) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._clock = clock
        self._retention_ms = longest_retention_days * DAY_MS
        _check_mode(folder, 0o700)
        self._known: dict[str, bytes] = {}
        self._on_new = on_new

    def post_id(self, platform: str, native_id: str) -> str:
        """The post's id everywhere after the gate. Its key never rotates, so an edit or a
        delete finds the post again.
        """
        return self._digest("id", platform, native_id)

    def content_hash(self, *parts: str) -> str:
        """A keyed hash of a post's content: tells an edit from the same thing seen again."""
        return self._digest("id", "content", *parts)

    def author(self, platform: str, author: str | None, *, at: int) -> str:
        """The pseudonym of `author` in the key epoch of `at` (Unix ms)."""
        epoch = epoch_of(at)
        return self._pseudonym(epoch, platform, author)

    def objection(self, platform: str, author: str) -> str:
        """How an account that objected is remembered. Its key never rotates and is used for
        nothing else, so it links no posts.
        """
        return self._digest("objection", platform, author)

    def authors(self, platform: str, author: str) -> tuple[str, ...]:
        """The pseudonyms of `author` in every epoch whose key still exists, newest first."""
        self.author(platform, author, at=self._clock.now())
        return tuple(self._pseudonym(epoch, platform, author) for epoch in self.epochs())

    def epochs(self) -> tuple[int, ...]:
        """The epochs whose keys exist, newest first."""
        names = (path.stem for path in self._folder.glob("epoch-*.key"))
        return tuple(sorted((int(name.removeprefix("epoch-")) for name in names), reverse=True))

    def names(self) -> tuple[str, ...]:
        """The keys there are that posts were made with, by name."""
        lasting = [name for name in LASTING if (self._folder / f"{name}.key").exists()]
        return (*lasting, *(f"epoch-{epoch}" for epoch in self.epochs()))

    def mark(self, name: str) -> str:
        """What tells this key from another one without giving it away."""
        return hmac.new(self.key(name), b"mark", hashlib.sha256).hexdigest()[:PSEUDONYM_DIGITS]

    def is_over(self, name: str, *, now: int) -> bool:
        """Whether no stored post can belong to this key any more."""
        epoch = name.removeprefix("epoch-")
        end = (int(epoch) + 1) * EPOCH_DAYS * DAY_MS if epoch.isdecimal() else now
        return end + self._retention_ms <= now

    def destroy_expired(self, now: int) -> int:
        """Overwrite and remove the keys of epochs that no stored post can belong to any more."""
        destroyed = 0
        for epoch in self.epochs():
            if self.is_over(f"epoch-{epoch}", now=now):
                destroy_file(self._folder / f"epoch-{epoch}.key")
                self._known.pop(f"epoch-{epoch}", None)
                destroyed += 1
        return destroyed

    def key(self, name: str) -> bytes:
        """The key of that name, made when it does not exist yet."""
        if name not in self._known:
            path = self._folder / f"{name}.key"
            new = not path.exists() and (name in LASTING or name.startswith("epoch-"))
            self._known[name] = _read_or_make(path)
            if new:
                self._on_new(self)
        return self._known[name]

    def _pseudonym(self, epoch: int, platform: str, author: str | None) -> str:
        who = NOBODY if author is None else author
        return f"{epoch}-{self._digest(f'epoch-{epoch}', platform, who)}"

    def _digest(self, key: str, *parts: str) -> str:
        # Lengths go in front, so that ("ab", "c") and ("a", "bc") differ.
        message = b"".join(
            len(data).to_bytes(4, "big") + data
            for data in (part.encode("utf-8", "surrogatepass") for part in parts)
        )
        return hmac.new(self.key(key), message, hashlib.sha256).hexdigest()[:PSEUDONYM_DIGITS]


def epoch_of(at: int) -> int:
    """The number of the key epoch that `at` (Unix ms) lies in."""
    return at // (EPOCH_DAYS * DAY_MS)


def destroy_file(path: Path) -> None:
    """Overwrite a key's file with noise, then remove it."""
    with path.open("r+b") as file:
        file.write(secrets.token_bytes(path.stat().st_size))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()


def _read_or_make(path: Path) -> bytes:
    if not path.exists():
        # Another process that makes the same key at this moment sees a whole key, and both end up
        # with the first one.
        create(path, secrets.token_bytes(KEY_BYTES))
    _check_mode(path, 0o600)
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise Stop(f"{path} is damaged: {len(key)} bytes instead of {KEY_BYTES}; restore the key")
    return key


def _check_mode(path: Path, allowed: int) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & ~allowed:
        raise Stop(f"{path} may be read by others (mode {mode:o}); run: chmod {allowed:o} {path}")
