"""What is collected: one TOML file a source in `config/sources`."""

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stream.errors import Stop
from stream.post import Keep


class Source(BaseModel):
    """A source's file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: str
    collector: str
    keep: Keep = "matched"
    retention_days: int = Field(default=90, ge=1, le=90)
    settings: Mapping[str, Any] = Field(default_factory=dict)


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
    name = ".".join(str(part) for part in problem["loc"])
    if problem["type"] != "extra_forbidden":
        return f"{name}: {problem['msg']}"
    close = difflib.get_close_matches(name, list(Source.model_fields), n=1)
    return f"{name}: there is no such key" + (f"; did you mean {close[0]!r}?" if close else "")
