"""What is collected: one TOML file a source in `config/sources`."""

import difflib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from stream.errors import Stop
from stream.post import Keep

SHORTEST_SECONDS = 600
SECONDS = {"m": 60, "h": 3_600, "d": 86_400}
CRON = re.compile(r"[\d*,/a-z-]+(?: [\d*,/a-z-]+){4}", re.IGNORECASE)


class Source(BaseModel):
    """A source's file. `every` ("30m", "6h", "1d") or `cron` (five fields, in the settings'
    time zone) put it on a schedule; without either it runs only when it is told to.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: str
    titles: Mapping[str, str] = Field(default_factory=dict)
    """The title in other languages, by their code."""

    collector: str
    keep: Keep = "matched"
    retention_days: int = Field(default=90, ge=1, le=90)
    every: str | None = Field(default=None, pattern=r"^[1-9][0-9]{0,3} ?[mhd]$")
    cron: str | None = None
    settings: Mapping[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_schedule(self) -> Self:
        if self.every is not None and self.cron is not None:
            raise ValueError("it has `every` and `cron`; leave one of them out")
        if self.every is not None and self.every_seconds < SHORTEST_SECONDS:
            raise ValueError(f"every = {self.every!r}: ten minutes (10m) is the shortest")
        if self.cron is not None and not CRON.fullmatch(self.cron):
            raise ValueError(f"cron = {self.cron!r}: write it as five fields, such as '30 6 * * *'")
        return self

    @property
    def every_seconds(self) -> int:
        """The seconds of `every`, 0 without it."""
        return int(self.every[:-1]) * SECONDS[self.every[-1]] if self.every else 0


def load_sources(folder: Path) -> Mapping[str, Source]:
    """All sources by id; Stop with everything that is wrong in any of the files."""
    sources: dict[str, Source] = {}
    problems: list[str] = []
    for path in sorted(folder.glob("*.toml")):
        try:
            source = Source.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        except ValidationError as error:
            problems += [f"{path.name}: {_explain(problem)}" for problem in error.errors()]
            continue
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            problems.append(f"{path.name}: {error}")
            continue
        if source.id != path.stem:
            problems.append(f"{path.name}: its id is {source.id!r}; name both the same")
        sources[source.id] = source
    if problems:
        raise Stop("source files are wrong:\n" + "\n".join(f"  {line}" for line in problems))
    return sources


def _explain(problem: Any) -> str:
    if problem["type"] == "value_error" and not problem["loc"]:
        return str(problem["ctx"]["error"])
    name = ".".join(str(part) for part in problem["loc"])
    if problem["type"] != "extra_forbidden":
        return f"{name}: {problem['msg']}"
    close = difflib.get_close_matches(name, list(Source.model_fields), n=1)
    return f"{name}: there is no such key" + (f"; did you mean {close[0]!r}?" if close else "")
