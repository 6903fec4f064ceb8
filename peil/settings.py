"""The settings: one TOML file, the environment over it, flags over both.

Each package owns its section's model; this module only puts them together.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from dashboard.settings import DashboardSettings
from enrich.settings import EnrichSettings
from index.settings import IndexSettings
from ingest.problems import said
from ingest.settings import IngestSettings
from privacy.settings import PrivacySettings
from rules.settings import RulesSettings
from stream import toml
from stream.errors import Stop
from stream.secrets import NO_SECRET, UNSHOWN, refusal
from stream.settings import StreamSettings

PREFIX = "PEIL_"

IN_THE_FILE = ("rules", "single_author")
"""Who could set it for one command would do without the second person whom the others expect."""


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError("not a time zone; write one such as Europe/Amsterdam") from error
    return name


def _without_password(address: str) -> str:
    if not address:
        return address
    from sqlalchemy.engine import make_url  # noqa: PLC0415  (most commands need it not)
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415  (the same)

    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        raise refusal("it is no URL; write it as postgresql+psycopg://user@host/name") from None
    if url.password is not None or any("passw" in name.lower() for name in url.query):
        raise refusal("a password must not stand in the address; there are settings for it")
    return address


class DatabaseSettings(BaseModel):
    """Section `[database]`: the operational database."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Annotated[str, AfterValidator(_without_password), UNSHOWN] = Field(
        default="",
        description="PostgreSQL as `postgresql+psycopg://user@host/name?sslmode=verify-full`, "
        "without the password; empty: a file of SQLite in the working folder.",
    )
    password: SecretStr = Field(
        default=NO_SECRET, description="From the environment only; else `password_file`."
    )
    password_file: str = Field(default="", description="A file that holds the password.")


class ServiceSettings(BaseModel):
    """Section `[service]`: the processes of `peil run`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    listen: str = Field(
        default="",
        pattern=r"^$|^[^:]+:[0-9]{1,5}$",
        description="Where the first role tells of its health and its metrics over HTTP, as "
        "`127.0.0.1:9464`; further roles of the same `peil run` take the next ports.",
    )
    drain_seconds: float = Field(
        default=30.0,
        gt=0,
        le=3_600,
        description="A role that has not finished its batch so long after it was asked to end "
        "is killed; its batch comes again.",
    )


class Settings(BaseModel):
    """Everything that can be set, with its default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    timezone: Annotated[str, AfterValidator(_known_zone)] = Field(
        default="Europe/Amsterdam",
        description="Days and hours in answers are those of this time zone.",
    )
    engine: Literal["embedded", "cluster"] = Field(
        default="embedded",
        description="Where the log and the store live: `embedded` is this machine, `cluster` "
        "Kafka and Elasticsearch.",
    )
    purpose: str = Field(
        default="",
        description="What this working folder is used for, as it stands in the access log; "
        "texts and counts are refused while it is empty.",
    )
    service: ServiceSettings = ServiceSettings()
    database: DatabaseSettings = DatabaseSettings()
    stream: StreamSettings = StreamSettings()
    privacy: PrivacySettings = PrivacySettings()
    ingest: IngestSettings = IngestSettings()
    rules: RulesSettings = RulesSettings()
    enrich: EnrichSettings = EnrichSettings()
    index: IndexSettings = IndexSettings()
    dashboard: DashboardSettings = DashboardSettings()


def load_settings(
    path: Path, *, environ: Mapping[str, str], overrides: Iterable[str] = ()
) -> Settings:
    """The settings of the file at `path`, changed by `environ` and then by `overrides`.

    A variable `PEIL_STREAM__BATCH` and an override `stream.batch=200` both set `batch` in
    section `[stream]`; `rules.single_author` is the file's alone. Raises Stop with all that is
    wrong, and where each value came from.
    """
    values = _read(path)
    if secret := next(_secrets(values, ()), None):
        raise Stop(
            f"{path}: {secret} is a secret and must not stand in the settings; put it in a file "
            f"and name that with {secret}_file, or in the environment"
        )
    origins: dict[tuple[str, ...], str] = {}
    for name, text in sorted(environ.items()):
        if name.startswith(PREFIX):
            keys = tuple(name.removeprefix(PREFIX).lower().split("__"))
            _refuse_alone(keys, text, f"the environment variable {name}", path)
            _put(values, keys, text)
            _note(origins, keys, f"the environment variable {name}")
    for override in overrides:
        name, equals, text = override.partition("=")
        if not equals:
            raise Stop(f"--set {_name(override)}: write it as --set section.key=value")
        keys = tuple(name.strip().split("."))
        if secret := next(_secrets_at(keys, text), None):
            raise Stop(
                f"--set {secret}: everybody on this machine can read a command line; put the "
                f"secret in a file and name that with {secret}_file, or in the environment"
            )
        _refuse_alone(keys, text, f"--set {_name(name)}", path)
        _put(values, keys, text)
        _note(origins, keys, f"--set {_name(name)}")
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        lines = [_explain(problem, origins, path) for problem in error.errors()]
        raise Stop("the settings are wrong:\n" + "\n".join(f"  {line}" for line in lines)) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        found = toml.read(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise Stop(f"{path} cannot be read ({error}); mend or replace it") from error
    if isinstance(found, toml.Broken):
        raise Stop(f"{path} is not valid TOML: {found}; mend that line")
    return dict(found)


def _put(values: dict[str, Any], keys: tuple[str, ...], text: str) -> None:
    for key in keys[:-1]:
        inner = values.setdefault(key, {})
        if not isinstance(inner, dict):
            raise Stop(f"{'.'.join(keys)}: {key} is a value, not a section")
        values = inner
    values[keys[-1]] = text if _is_secret(keys) else _value(text)


def _refuse_alone(keys: tuple[str, ...], text: str, origin: str, path: Path) -> None:
    """Stop when `text` at `keys` says whether one person alone answers for the rules."""
    section, name = IN_THE_FILE
    value = _value(text)
    if keys[:2] == IN_THE_FILE or (
        keys == (section,) and isinstance(value, dict) and name in value
    ):
        raise Stop(
            f"{origin}: whether rules count without a review is said in the file alone, so that it "
            f"is the same for all who work on them; write {name} in section [{section}] of {path}"
        )


def _value(text: str) -> Any:
    """The text as TOML would read it (`5`, `true`, `["a"]`), else the text itself."""
    found = toml.read(f"value = {text}")
    return text if isinstance(found, toml.Broken) else found["value"]


def _name(override: str) -> str:
    """The name at the beginning: what comes after may be a secret."""
    found = re.match(r"[\w.]*", override.strip())
    return found[0] if found else ""


def _note(origins: dict[tuple[str, ...], str], keys: tuple[str, ...], origin: str) -> None:
    """That what `keys` lead to, with all that is below, is from `origin`."""
    for below in [each for each in origins if each[: len(keys)] == keys]:
        del origins[below]
    origins[keys] = origin


def _explain(problem: Any, origins: Mapping[tuple[str, ...], str], path: Path) -> str:
    keys = tuple(str(part) for part in problem["loc"])
    above = (keys[:length] for length in range(len(keys), 0, -1))
    origin = next((origins[each] for each in above if each in origins), str(path))
    if problem["type"] == "extra_forbidden":
        close = difflib.get_close_matches(keys[-1], _known(keys[:-1]), n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        return f"{'.'.join(keys)} ({origin}): there is no such setting{hint}"
    field, given = _field(keys), repr(problem["input"])
    what = said(problem, Settings)
    # A section is not repeated: it may hold a secret.
    hidden = field is None or field.annotation is SecretStr or UNSHOWN in field.metadata
    if hidden or "@" in given or "passw" in given.lower():
        return f"{'.'.join(keys)} ({origin}): {what}"
    return f"{'.'.join(keys)} ({origin}): {what}, got {given}"


def _field(keys: tuple[str, ...]) -> FieldInfo | None:
    """The setting that `keys` lead to, or into; None for a section and for what is unknown."""
    model: Any = Settings
    for key in keys:
        field: FieldInfo | None = model.model_fields.get(key)
        if field is None or not hasattr(field.annotation, "model_fields"):
            return field
        model = field.annotation
    return None


def _known(section: tuple[str, ...]) -> list[str]:
    model: Any = Settings
    for key in section:
        field = model.model_fields.get(key)
        if field is None or not hasattr(field.annotation, "model_fields"):
            return []
        model = field.annotation
    return list(model.model_fields)


def _is_secret(keys: tuple[str, ...]) -> bool:
    """Whether these keys lead to a secret."""
    field = _field(keys)
    return field is not None and field.annotation is SecretStr


def _secrets_at(keys: tuple[str, ...], text: str) -> Iterator[str]:
    """The secrets that `text` sets at `keys`, by name."""
    if _is_secret(keys):
        yield ".".join(keys)
    elif isinstance(value := _value(text), dict):
        yield from _secrets(value, keys)


def _secrets(values: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[str]:
    """The secrets that stand in `values`, by name."""
    for name, value in values.items():
        keys = (*above, name)
        if _is_secret(keys):
            yield ".".join(keys)
        elif isinstance(value, dict):
            yield from _secrets(value, keys)
