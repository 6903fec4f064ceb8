"""Secrets: they come from a file or from the environment, never from the settings file."""

import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_core import PydanticCustomError

from stream.errors import Stop

NO_SECRET = SecretStr("")

UNSHOWN: Final = "unshown"
"""Marks a setting whose value an error must not repeat: somebody may have put a secret in it."""

HOST = r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)"
BROKER = re.compile(rf"{HOST}:([0-9]{{1,5}})")
NODE = re.compile(rf"https?://{HOST}:([0-9]{{1,5}})(?:/[A-Za-z0-9._/-]*)?")

LABEL = r"[A-Za-z0-9_-]{1,63}"
NAME = re.compile(rf"(?=.{{1,254}}$){LABEL}(?:\.{LABEL})*\.?")
"""The name of a host, or its address of IPv4: labels of 63 letters at most, RFC 1035, 2.3.4."""


LAST_PORT = 65_535


def refusal(message: str) -> PydanticCustomError:
    """What a check of a setting raises. `message` must not repeat what was given."""
    return PydanticCustomError("address", "{message}", {"message": message})


def is_host(text: str) -> bool:
    """Whether a connection to that can be tried: a name, or an address, of IPv6 in brackets."""
    if not text.startswith("["):
        return NAME.fullmatch(text) is not None
    try:
        ipaddress.IPv6Address(text[1:-1])
    except ValueError:
        return False
    return True


def _like(pattern: re.Pattern[str], form: str) -> Callable[[str], str]:
    def check(address: str) -> str:
        if "@" in address:
            raise refusal(
                "a user or password must not stand in the address; there are settings for them"
            )
        found = pattern.fullmatch(address)
        if found is None or not is_host(found[1]) or not 1 <= int(found[2]) <= LAST_PORT:
            raise refusal(f"write each address as {form}, with a port from 1 to {LAST_PORT}")
        return address

    return check


def _listed(form: str) -> Callable[[object], object]:
    def check(given: object) -> object:
        if isinstance(given, str):
            raise refusal(f'it is a list; write it in brackets, as ["{form}"]')
        return given

    return check


Brokers = Annotated[
    tuple[Annotated[str, AfterValidator(_like(BROKER, "host:port"))], ...],
    BeforeValidator(_listed("host:port")),
    Field(min_length=1),
    UNSHOWN,
]
"""Addresses of Kafka. They are shown in messages and so must hold no password."""

Nodes = Annotated[
    tuple[Annotated[str, AfterValidator(_like(NODE, "https://host:port"))], ...],
    BeforeValidator(_listed("https://host:port")),
    Field(min_length=1),
    UNSHOWN,
]
"""Addresses of Elasticsearch, likewise."""


def secret(value: SecretStr, file: str, *, setting: str) -> str:
    """The secret that the environment gave in `value`, else what `file` holds; empty without
    both. `setting` names it in an error, which never repeats the secret.
    """
    if value.get_secret_value():
        return value.get_secret_value()
    if not file:
        return ""
    try:
        held = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise Stop(f"{setting}_file: {file} cannot be read ({reason}); check it") from None
    if not held:
        raise Stop(f"{setting}_file: {file} is empty; write the secret in it")
    return held
