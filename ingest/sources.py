"""What is collected: one TOML file a source in `config/sources`."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from stream.post import Keep

SHORTEST_SECONDS = 600
SECONDS = {"m": 60, "h": 3_600, "d": 86_400}
ID = re.compile(r"[a-z0-9][a-z0-9-]*")
EVERY = re.compile(r"[1-9][0-9]{0,3} ?[mhd]")
NUMBER = re.compile(r"(?<![/\d])\d")
CRON = re.compile(r"[\d*,/a-z-]+(?: [\d*,/a-z-]+){4}", re.IGNORECASE)


def checked_path(given: str) -> str:
    """A path in the settings of a source."""
    if "\0" in given:
        raise ValueError("no path has the character \\u0000 in it; take it out")
    return given


def checked_platform(given: str) -> str:
    """A platform in the settings of a source."""
    if given != given.casefold():
        raise ValueError(
            f"write the platform in small letters: {given.casefold()!r}; rules know no other"
        )
    return given


class Declared(BaseModel):
    """`[register]` of a source's file: what the register is to hold once the source is opened.
    Nothing of it counts before `peil sources open`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    owner: str = Field(default="", description="Who answers for it (a role).")
    purpose: str = Field(default="", description="What it is collected for.")
    basis: str = Field(default="", description="The legal basis.")
    dpia: str = Field(default="", description="The reference of the DPIA.")
    obtained: str = Field(default="", description="How the data are obtained.")
    until: date | None = Field(
        default=None, description="The first day on which it is closed again, in a year at most."
    )
    organisation: bool = Field(default=False, description="It is one verified organisation.")
    officer: str = Field(
        default="", description="The privacy officer who approved a platform of the never-list."
    )


class Source(BaseModel):
    """A source's file. `every` ("30m", "6h", "1d") or `cron` (five fields, in the settings'
    time zone) put it on a schedule; without either it runs only when it is told to.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    title: str
    titles: Mapping[str, str] = Field(default_factory=dict)
    """The title in other languages, by their code."""

    collector: str
    keep: Keep = "matched"
    retention_days: int = Field(default=90, ge=1, le=90)
    every: str | None = None
    cron: str | None = None
    settings: Mapping[str, Any] = Field(default_factory=dict)
    declared: Declared = Field(default_factory=Declared, alias="register")

    @field_validator("id")
    @classmethod
    def _plain(cls, name: str) -> str:
        if not ID.fullmatch(name):
            raise ValueError("write it in letters from a to z, digits and hyphens: 'city-news'")
        return name

    @field_validator("every")
    @classmethod
    def _not_too_often(cls, every: str | None) -> str | None:
        if every is not None and not EVERY.fullmatch(every):
            raise ValueError(f"every = {every!r}: write it as 30m, 6h or 1d")
        if every is not None and _seconds(every) < SHORTEST_SECONDS:
            raise ValueError(f"every = {every!r}: ten minutes (10m) is the shortest")
        return every

    @field_validator("cron")
    @classmethod
    def _five_fields(cls, cron: str | None, others: ValidationInfo) -> str | None:
        if cron is not None and not CRON.fullmatch(cron):
            raise ValueError(f"cron = {cron!r}: write it as five fields, such as '30 6 * * *'")
        if cron is not None and NUMBER.search(cron.split()[4]):
            raise ValueError(
                f"cron = {cron!r}: write the day of the week by its name (mon, mon-fri); a number "
                "is another day to each program"
            )
        if cron is not None and others.data.get("every") is not None:
            raise ValueError("it has `every` and `cron`; leave one of them out")
        return cron

    @property
    def every_seconds(self) -> int:
        """The seconds of `every`, 0 without it."""
        return _seconds(self.every) if self.every else 0

    @property
    def platforms(self) -> tuple[str, ...]:
        """The platforms that its settings name."""
        named = [self.settings.get("platform"), *_listed(self.settings.get("platforms"))]
        return tuple(dict.fromkeys(each for each in named if isinstance(each, str) and each))


def _seconds(every: str) -> int:
    return int(every[:-1]) * SECONDS[every[-1]]


def _listed(value: Any) -> list[Any] | tuple[Any, ...]:
    return value if isinstance(value, list | tuple) else ()
