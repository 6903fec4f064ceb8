"""What is wrong with an address on the web, in words that repeat no password."""

import re
from collections.abc import Collection
from urllib.parse import urlsplit

import httpx2

LONGEST = 4_000
LAST_PORT = 65_535
SHOWN = 200
"""So many characters of an address that is none stand in an error."""

WEB = ("http", "https")
NO_HOST = re.compile(r"[\s%\\]")
LONGEST_HOST = 253
LABELS = re.compile(r"(?!xn--(?:\.|$))[^.]{1,63}(?:\.(?!xn--(?:\.|$))[^.]{1,63})*")
"""What a name of a host is made of (RFC 1035, 2.3.4; `xn--` begins one in another script)."""

LOGIN = re.compile(r"^(\w+://)?.*@", re.DOTALL)


def mistake(address: str, *, schemes: Collection[str] = WEB) -> str | None:
    """What is wrong with `address` as somebody wrote it, to stand after it; None when nothing is.
    The last one of `schemes` is the one to write.
    """
    *_, scheme = schemes
    if len(address) > LONGEST:
        return f"is longer than {LONGEST} characters; look for a shorter one"
    try:
        parts = urlsplit(address)
        written = httpx2.URL(address).raw_host.decode("ascii")
    except (ValueError, httpx2.InvalidURL):  # brackets or letters that stand in none
        return f"is not an address on the web; write it as {scheme}://…"
    if "@" in parts.netloc:
        return (
            "has a user or a password in it, which would be shown wherever the address is; take "
            "out what stands before the @"
        )
    host = parts.hostname
    if parts.scheme not in schemes or not host or NO_HOST.search(host) or not _is_host(written):
        return f"is not an address on the web; write it as {scheme}://…"
    try:
        is_port = parts.port != 0
    except ValueError:  # a larger one than there are
        is_port = False
    if is_port:
        return None
    return f"names a port that is none; write one from 1 to {LAST_PORT}, or leave it out"


def _is_host(written: str) -> bool:
    """Whether a host, in the letters that names are looked up in, can be one at all."""
    name = written.removesuffix(".")
    return len(name) <= LONGEST_HOST and LABELS.fullmatch(name) is not None


def shown(address: str) -> str:
    """As it may stand in an error: without what could be a password, and not at any length."""
    hidden = LOGIN.sub(r"\1…@", address[:LONGEST])[:SHOWN]
    return hidden if hidden.isprintable() else ascii(hidden)


def checked_address(address: str, *, schemes: Collection[str] = WEB) -> str:
    """`address`, for a setting; ValueError with what is wrong with it."""
    if wrong := mistake(address, schemes=schemes):
        raise ValueError(f"{shown(address)!r} {wrong}")
    return address
