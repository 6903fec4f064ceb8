"""What is wrong with the sources' files, their entries in the register, and between the two."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, timedelta
from typing import Any

import msgspec
from pydantic import BaseModel, ValidationError

from ingest.catalogue import kind_of
from ingest.declarations import Declaration
from ingest.files.collector import FileSettings
from ingest.files.folder import due_for_removal
from ingest.problems import Problem
from ingest.sources import Declared, Source
from peil.pipeline import Pipeline
from privacy.register import LONGEST_TERM, Entry, is_never
from stream.clock import to_datetime
from stream.errors import Stop

SOON = timedelta(days=30)
"""An entry that ends earlier is to be looked at again."""

FIELDS = ("owner", "purpose", "basis", "dpia", "obtained", "until")
"""What the register cannot do without."""


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """One file with what it stands beside. `settings` and `declared` are None when they cannot
    be read.
    """

    declaration: Declaration
    entry: Entry | None
    settings: BaseModel | None
    declared: Declared | None
    problems: tuple[Problem, ...]
    """Of the file alone."""


def check_sources(pipeline: Pipeline, *, only: str | None = None) -> list[Problem]:
    """Every problem of every source, or of one; in the order of the files and their lines. Stop
    when there is no file of `only`.
    """
    declarations = pipeline.declarations
    if only is not None and only not in declarations:
        raise Stop(unknown(only, declarations))
    entries = {entry.source: entry for entry in pipeline.register.entries()}
    all_checked = [_checked(each, entries.get(name)) for name, each in declarations.items()]
    today = to_datetime(pipeline.clock.now()).date()
    problems: list[Problem] = []
    for each in all_checked:
        problems += [
            *each.problems,
            *_platforms(each),
            *_declared(each, today),
            *_entry(each, today),
            *_differences(each),
            *_schedule(each),
            *_leftovers(pipeline, each, today),
        ]
    problems += _the_same(all_checked)
    wanted = [each for each in problems if only in (None, each.source)]
    return sorted(wanted, key=lambda each: (each.file, each.line, each.column))


def unknown(source: str, declarations: Mapping[str, Declaration]) -> str:
    """That there is no such source, and which there are."""
    there = ", ".join(declarations) or "none"
    return f"there is no source {source!r} in config/sources; there are {there}"


def known(pipeline: Pipeline, source: str) -> Source:
    """The source of that id; Stop when there is none, or its file is wrong."""
    declaration = pipeline.declarations.get(source)
    if declaration is None:
        raise Stop(unknown(source, pipeline.declarations))
    if declaration.source is None:
        raise Stop("\n".join(map(str, declaration.problems)))
    return declaration.source


def _checked(declaration: Declaration, entry: Entry | None) -> Checked:
    settings, wrong = read_settings(declaration)
    declared = None
    if declaration.document:  # of a file that cannot be read, nothing is known to lack
        with suppress(ValidationError):  # told with the rest of the file
            declared = Declared.model_validate(declaration.document.get("register", {}))
    return Checked(declaration=declaration, entry=entry, settings=settings, declared=declared,
                   problems=(*declaration.problems, *wrong))  # fmt: skip


def read_settings(declaration: Declaration) -> tuple[BaseModel | None, Sequence[Problem]]:
    """The settings of a file in its collector's model, and what is wrong with them; None when
    they cannot be read.
    """
    document, place = declaration.document, declaration.place
    collector, written = document.get("collector"), document.get("settings", {})
    if not isinstance(collector, str) or not isinstance(written, dict):
        return None, ()
    try:
        model = kind_of(collector).settings
    except Stop as error:
        return None, [place.problem(str(error), "collector")]
    try:
        return model.model_validate(written), ()
    except ValidationError as error:
        return None, list(place.of(error, model, under=("settings",)))
    except Exception as error:  # noqa: BLE001  (a model of others may raise what it likes)
        wrong = f"its collector cannot read them: {type(error).__name__}: {error}"
        return None, [place.problem(wrong, "settings")]


def _platforms(checked: Checked) -> Iterator[Problem]:
    """Platforms of the never-list need the privacy officer."""
    approved = checked.declared is not None and checked.declared.officer.strip()
    if approved or (checked.entry is not None and checked.entry.officer.strip()):
        return
    for path, platform in _named(checked.declaration.document):
        if is_never(platform):
            yield checked.declaration.place.problem(
                f"{platform} is on the never-list (docs/sources.md): write the privacy officer "
                "who approved it as `officer` in [register], or take it out",
                *path,
            )


def _named(document: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """The platforms that a file names, and where."""
    settings = document.get("settings")
    if not isinstance(settings, dict):
        return
    if isinstance(platform := settings.get("platform"), str):
        yield ("settings", "platform"), platform
    if isinstance(platforms := settings.get("platforms"), list):
        for number, each in enumerate(platforms):
            if isinstance(each, str):
                yield ("settings", "platforms", number), each


def _declared(checked: Checked, today: date) -> Iterator[Problem]:
    """What the file says for the register, by itself."""
    declared, place = checked.declared, checked.declaration.place
    if declared is None:
        return
    lacking = [name for name in FIELDS if not str(getattr(declared, name) or "").strip()]
    if lacking and checked.entry is None:
        yield place.problem(
            f"[register] lacks {', '.join(lacking)}: `peil sources open` will ask for them",
            "register",
            severity="hint",
        )
    if declared.until is not None and declared.until <= today:
        yield place.problem(
            f"register.until: {declared.until} is over; look at the source again and write a day "
            "to come",
            *("register", "until"),
        )
    elif declared.until is not None and declared.until - today > LONGEST_TERM:
        yield place.problem(
            f"register.until: {declared.until} is more than a year away: look at it again by then",
            *("register", "until"),
        )


def _entry(checked: Checked, today: date) -> Iterator[Problem]:
    """Whether the source is open, and for how long."""
    entry, place = checked.entry, checked.declaration.place
    again = f"peil sources open {place.source}"
    if entry is None:
        yield place.problem(
            f"it is not open in the register, so nothing is collected: {again}", "register"
        )
        return
    until = to_datetime(entry.until).date()
    if until <= today:
        yield place.problem(
            f"its entry in the register ended on {until}: look at it again and renew it with: "
            f"{again}",
            *("register", "until"),
        )
    elif until - today <= SOON:
        yield place.problem(
            f"its entry in the register ends on {until}: look at it again and renew it with: "
            f"{again}",
            *("register", "until"),
            severity="warning",
        )


def _differences(checked: Checked) -> Iterator[Problem]:
    """What the file declares otherwise than the entry that is open: the entry is what holds."""
    entry, declared, place = checked.entry, checked.declared, checked.declaration.place
    if entry is None or declared is None:
        return
    opened = {**msgspec.structs.asdict(entry), "until": to_datetime(entry.until).date()}
    for name in Declared.model_fields:
        stated = getattr(declared, name)
        if name in declared.model_fields_set and stated != opened[name]:
            yield place.problem(
                f"register.{name}: declared otherwise than opened ({_shown(opened[name])}): open "
                f"it again with: peil sources open {place.source}",
                *("register", name),
                severity="warning",
            )
    for path, platform in _named(checked.declaration.document):
        if entry.platforms is not None and platform not in entry.platforms:
            yield place.problem(
                f"{platform} is no platform that it was opened for: open it again with: peil "
                f"sources open {place.source}",
                *path,
                severity="warning",
            )


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) or "empty"


def _schedule(checked: Checked) -> Iterator[Problem]:
    """A schedule that nothing can run on."""
    settings, document = checked.settings, checked.declaration.document
    if isinstance(settings, FileSettings) and not settings.folder:
        for name in ("every", "cron"):
            if name in document:
                yield checked.declaration.place.problem(
                    f"{name}: nothing comes by itself without a `folder` in [settings]; write "
                    "one, or import files by hand and leave the schedule out",
                    name,
                )


def _leftovers(pipeline: Pipeline, checked: Checked, today: date) -> Iterator[Problem]:
    """Files that are over their term: in the folder for too long, or of a source that ended."""
    settings, place = checked.settings, checked.declaration.place
    if not isinstance(settings, FileSettings) or not settings.folder:
        return
    folder = pipeline.folder.root / settings.folder
    ended = checked.entry is None or to_datetime(checked.entry.until).date() <= today
    names = due_for_removal(
        folder,
        pipeline.ingestion.memory.cursor(place.source),
        days=0 if ended else settings.remove_after_days,
        now=pipeline.clock.now(),
    )
    if names:
        why = "the source is closed" if ended else f"after {settings.remove_after_days} days"
        yield place.problem(
            f"{len(names)} files in {settings.folder} are due for removal ({why}; the first is "
            f"{names[0]}): take them away, peil leaves them where they are",
            *("settings", "folder"),
            severity="warning",
        )


def _the_same(all_checked: list[Checked]) -> Iterator[Problem]:
    """Sources that read the same: their posts come once, and would be counted as of either. And
    what one source names twice.
    """
    readers: dict[tuple[str, str], list[Checked]] = defaultdict(list)
    for each in all_checked:
        collector = each.declaration.document.get("collector")
        if each.settings is not None and isinstance(collector, str):
            reads = Counter(kind_of(collector).reads(each.settings))
            for read, times in sorted(reads.items()):
                readers[collector, read].append(each)
                if times > 1:
                    yield each.declaration.place.problem(
                        f"{read} is named {times} times: leave it out but once",
                        "settings",
                        severity="warning",
                    )
    for (_, read), found in readers.items():
        for each in found[1:]:
            first = found[0].declaration.place.file
            yield each.declaration.place.problem(
                f"{read} is read by {first} too: leave it out of one of them",
                "settings",
                severity="warning",
            )
