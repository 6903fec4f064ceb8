"""The files in `config/sources`, each read by itself: a wrong one costs its own source."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from pydantic import ValidationError

from ingest.files.lines import opened
from ingest.problems import Located, Problem
from ingest.sources import Source
from stream.errors import Stop
from stream.toml import Broken, marks, read

LARGEST = 1_000_000

Timetable = Callable[[Source], str | None]
"""What is wrong with when a source is to run; None when nothing is."""


class Declaration(msgspec.Struct, frozen=True, kw_only=True):
    """What one file says. `source` is None when that cannot be used; `document` is what could be
    read of it, so that all mistakes can be told at once.
    """

    place: Located
    document: Mapping[str, Any]
    source: Source | None
    problems: tuple[Problem, ...] = ()


def read_folder(folder: Path, *, timetable: Timetable) -> Mapping[str, Declaration]:
    """Every file of `folder` by its name without `.toml`. Raises nothing for what is in them."""
    found = (_read(path, timetable) for path in sorted(folder.glob("*.toml")))
    return {each.place.source: each for each in found}


def sound(declarations: Mapping[str, Declaration]) -> Mapping[str, Source]:
    """The sources that can be collected from as far as their files go, by id."""
    return {name: each.source for name, each in declarations.items() if each.source is not None}


def _read(path: Path, timetable: Timetable) -> Declaration:
    place = Located(source=path.stem, file="/".join(path.parts[-3:]), marks={})
    try:
        with opened(path) as file:
            data = file.read(LARGEST + 1)
    except Stop as error:
        return _unread(place.problem(str(error)))
    except OSError as error:
        return _unread(place.problem(f"it cannot be read: {error.strerror}; look at its disk"))
    if len(data) > LARGEST:
        return _unread(place.problem(f"it is larger than {LARGEST} bytes; is it a source's file?"))
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        return _unread(place.problem(f"byte {error.start} is no UTF-8; save it as UTF-8"))
    document = read(text)
    if isinstance(document, Broken):
        place = msgspec.structs.replace(place, marks={("",): document.mark})
        return _unread(place.problem(f"it is no TOML: {document.why}", ""))
    place = msgspec.structs.replace(place, marks=marks(text))
    try:
        source = Source.model_validate(document)
    except ValidationError as error:
        problems = tuple(sorted(place.of(error, Source), key=lambda each: (each.line, each.column)))
        return Declaration(place=place, document=document, source=None, problems=problems)
    problems = tuple(_mistakes(place, source, timetable))
    return Declaration(
        place=place, document=document, source=None if problems else source, problems=problems
    )


def _unread(problem: Problem) -> Declaration:
    place = Located(source=problem.source, file=problem.file, marks={})
    return Declaration(place=place, document={}, source=None, problems=(problem,))


def _mistakes(place: Located, source: Source, timetable: Timetable) -> Iterator[Problem]:
    if source.id != place.source:
        yield place.problem(f"its id is {source.id!r}; name the file and the source the same", "id")
    if (wrong := timetable(source)) is not None:
        yield place.problem(wrong, "cron" if source.cron is not None else "every")
