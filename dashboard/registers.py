"""What is written in files of the config and shown in each language: events, purposes.

Such a file is a list of tables of one name, each with an id. All that is wrong with it is said at
once.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from stream import toml
from stream.errors import Stop

LANGUAGES = ("nl", "en")
EXAMPLE = 'title = { nl = "Oud en nieuw", en = "New Year" }'


def named(title: Mapping[str, str], language: str) -> str:
    """The title in `language`, else in the first language that has one."""
    return title.get(language) or next(title[each] for each in LANGUAGES if each in title)


def read_register(
    path: Path, table: str, problems: list[str], *, hint: str
) -> Sequence[Mapping[str, Any]]:
    """The tables `[[table]]` of the file; what else stands there is added to `problems`. Stop with
    the `hint` when it cannot be read.
    """
    try:
        written = toml.read(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise Stop(f"{path} cannot be read: {error}; {hint}") from error
    if isinstance(written, toml.Broken):
        raise Stop(f"{path} cannot be read: {written}; {hint}")
    problems += [f"there is no such table: [{name}]" for name in written if name != table]
    found = written.get(table, [])
    if isinstance(found, list) and all(isinstance(item, dict) for item in found):
        return found
    problems.append(f"begin each {table} with a line [[{table}]]")
    return ()


def wrong_keys(item: Mapping[str, Any], known: set[str]) -> Iterator[str]:
    """The keys that there are not."""
    yield from (f"there is no such key: {key}" for key in sorted(item.keys() - known))


def wrong_title(title: object) -> Iterator[str]:
    """What is wrong with a title."""
    if not isinstance(title, dict) or not title:
        yield f"it has no title; write {EXAMPLE}"
    elif unknown := sorted(title.keys() - set(LANGUAGES)):
        yield f"title has {', '.join(unknown)}; the languages are {' and '.join(LANGUAGES)}"
    elif not all(isinstance(each, str) and each.strip() for each in title.values()):
        yield "a title is empty; write it, or leave its language out"


def refuse(path: Path, problems: Sequence[str]) -> None:
    """Stop with all `problems`, when there are some."""
    if problems:
        raise Stop(f"{path} is wrong:\n" + "\n".join(f"  {line}" for line in problems))
