"""From versions back to files that a sync reads as the same."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path

import msgspec
import tomlkit
from tomlkit.items import Item, String, StringType, Trivia

from rules.documents import Document, Example, KeywordList, RuleDocument
from rules.life.history import State
from rules.life.library import Library, Standing, Standings
from stream import files
from stream.errors import Stop

EXPORTED: frozenset[State] = frozenset({"draft", "reviewed", "shadow", "active"})


def export(library: Library, folder: Path) -> Sequence[Path]:
    """Write the version of each rule that something became of last, and the lists, below
    `folder`; returns the files that were written. A file that says the same already is left as
    it is, and each is written whole or not at all. Stop, and nothing is written, when one has
    changes that were never brought in.
    """
    with library.turn() as turn:  # between two reads somebody could bring in both
        standings, lists = turn.standings(), turn.described()
    documents = [each.version.document for found in standings.values() for each in found]
    rules = {
        folder / "rules" / f"{each.version.document.id}.toml": each.version.document
        for each in _newest(standings)
    }
    words = {folder / "lists" / name: each for name, each in _lists(standings, lists).items()}
    changed: dict[Path, str] = {}
    lost: list[Path] = []
    for path, rule in rules.items():
        _compare(path, rule, documents, changed, lost)
    for path, each in words.items():
        _compare(path, each, lists, changed, lost)
    if lost:
        raise Stop(
            "files have changes that were not brought in; `peil rules sync` does that, or move "
            "them away:\n" + "\n".join(f"  {path}" for path in lost)
        )
    for path, text in changed.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        files.replace(path, text.encode(), mode=0o666)
    return list(changed)


def written(document: RuleDocument | KeywordList) -> str:
    """`document` as a file says it."""
    file = tomlkit.document()
    for name, value in _told(document).items():
        if name not in {"match", "no_match"}:
            file.add(name, _item(value))
    for name, examples in (("match", document.match), ("no_match", document.no_match)):
        if examples:
            file.add(name, _tables(examples))
    return tomlkit.dumps(file)


def _told(part: msgspec.Struct) -> Mapping[str, object]:
    """What must be written of `part`: what is as it would be without being written is left out."""
    values = msgspec.to_builtins(part, builtin_types=(date,))
    return {
        field.name: values[field.name]
        for field in msgspec.structs.fields(part)
        if field.required or values[field.name] != field.default
    }


def _compare(
    path: Path,
    document: Document,
    known: Sequence[Document],
    changed: dict[Path, str],
    lost: list[Path],
) -> None:
    """Put `path` among the files that are to be written, or among those that would be lost."""
    held = _held(path, type(document))
    if held == document:
        return
    if path.exists() and held not in known:
        lost.append(path)
    changed[path] = written(document)


def _held(path: Path, kind: type[Document]) -> Document | None:
    """What the file says now; None when it says nothing that can be read."""
    try:
        # Begun with a byte order mark or not: as a sync reads it.
        return msgspec.toml.decode(path.read_bytes().decode("utf-8-sig"), type=kind)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def _newest(standings: Standings) -> Sequence[Standing]:
    """Of each rule that did not end, the version that something became of last."""
    living = [
        [each for each in found if each.state in EXPORTED] for found in standings.values()
    ]  # fmt: skip
    return [max(reversed(found), key=lambda each: each.change.at) for found in living if found]


def _lists(standings: Standings, lists: Iterable[KeywordList]) -> Mapping[str, KeywordList]:
    """By file: the newest version of each list, and the older ones that exported rules name."""
    latest = {each.id: each for each in lists}
    pinned = {
        (each.name, each.version)
        for standing in _newest(standings)
        for each in standing.version.lists
    }
    older = {
        f"{each.id}@{each.version}.toml": each
        for each in lists
        if (each.id, each.version) in pinned and latest[each.id] != each
    }
    return {f"{name}.toml": each for name, each in latest.items()} | older


def _item(value: object) -> Item:
    if isinstance(value, str) and "\n" in value and _is_plain(value):
        # A line break after the opening quotes is none of the text's.
        return String(StringType.MLL, value, f"\n{value}", Trivia())
    if isinstance(value, list):
        lines = tomlkit.array()
        lines.extend(value)
        return lines.multiline(multiline=True)
    return tomlkit.item(value)


def _is_plain(text: str) -> bool:
    """Whether `text` can stand between quotes that know no escapes."""
    return all(each in "\n\t" or each.isprintable() for each in text) and "'''" not in f"{text}'"


def _tables(examples: Sequence[Example]) -> Item:
    tables = tomlkit.aot()
    for each in examples:
        table = tomlkit.table()
        for name, text in _told(each).items():
            table.add(name, _item(text))
        tables.append(table)
    return tables
