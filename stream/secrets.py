"""Secrets: they come from a file or from the environment, never from the settings file."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, SecretStr
from pydantic_core import PydanticCustomError

from stream.errors import Stop

NO_SECRET = SecretStr("")

REVEALING = "revealing"
"""The type of a validation error whose input must not be shown."""


def _without_secret(url: str) -> str:
    if re.search(r"//[^/]*:[^/]*@", url) or "password=" in url:
        raise PydanticCustomError(
            REVEALING, "a password must not stand in the address; use the settings for it"
        )
    return url


Address = Annotated[str, AfterValidator(_without_secret)]
"""An address of a server, which is shown in messages and so must hold no password."""


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
