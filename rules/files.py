"""The files of a folder's rules and lists, read one by one: what is wrong with one is told with its
place, and costs no other.
"""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time
from pathlib import Path

import msgspec

from rules.documents import Book, Document, Example, KeywordList, RuleDocument, Unread, activate
from rules.errors import QueryError
from rules.parser import parse
from stream import toml
from stream.errors import Stop

ID = re.compile(r"[a-z0-9][a-z0-9-]*")
"""What a rule or a list may be called: `@` and `$` have a meaning beside an id."""

AS_READ = (date, datetime, time)
"""What TOML has as it is."""

ENDING = ".toml"
"""What the name of a file of rules or lists ends in, in small letters."""

_TEXT = re.compile(r"\.te?xt$", re.IGNORECASE)
"""What an editor writes behind the name of a text, mostly where endings are not shown."""

_UNKNOWN = re.compile(r"unknown field `(\w+)`")
_WAY = re.compile(r" - at `\$(.*)`$")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")

Wrong = tuple[str, toml.Path]
"""What is wrong with a document, and with what in it."""


def load_book(config: Path) -> Book:
    """Every rule in `config/rules` and list in `config/lists`, and what of them is `unread`. Stop
    when a folder cannot be looked into.

    An older version of list `wijken` is kept beside it as `wijken@3.toml`.
    """
    unread: list[Unread] = []
    rules = _load(config / "rules", RuleDocument, unread)
    lists = _load(config / "lists", KeywordList, unread)
    for stem, why in _twice(lists).items():
        del lists[stem]
        unread.append(Unread(file=f"lists/{stem}.toml", name=f"${stem}", why=why))
    return Book(
        rules=rules,
        lists={name: document for name, document in lists.items() if name == document.id},
        older=tuple(document for name, document in lists.items() if name != document.id),
        unread=tuple(unread),
    )


def sound(book: Book) -> Book:
    """`book` with what has mistakes in its query or its entries among the `unread`."""
    lookup = book.lookup()
    unread: list[Unread] = []
    for name, rule in book.rules.items():
        try:
            activate(rule, lookup)
        except Stop as error:
            unread.append(Unread(file=f"rules/{name}.toml", name=name, why=str(error)))
    for name, words in book.lists.items():
        if words.lint:
            continue  # no query may use it
        try:
            parse(f"${name}", lists=lookup)
        except QueryError as error:
            unread.append(Unread(file=f"lists/{name}.toml", name=f"${name}", why=str(error)))
    names = {each.name for each in unread}
    return msgspec.structs.replace(
        book,
        rules={name: each for name, each in book.rules.items() if name not in names},
        lists={name: each for name, each in book.lists.items() if f"${name}" not in names},
        unread=(*book.unread, *unread),
    )


def _load(folder: Path, kind: type[Document], unread: list[Unread]) -> dict[str, Document]:
    """The documents by the names of their files."""
    documents: dict[str, Document] = {}
    paths = _paths(folder)
    for path in paths:
        if path.name.endswith(ENDING):
            found = _read(path, kind)
            if isinstance(found, Unread):
                unread.append(found)
            else:
                documents[path.stem] = found
        elif right := _right_name(path):
            unread.append(_misnamed(path, kind, right=right, taken=folder / right in paths))
    return documents


def _paths(folder: Path) -> Sequence[Path]:
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise Stop(f"{folder} cannot be looked into ({error.strerror}); mend that first") from error


def _right_name(path: Path) -> str:
    """What a file that somebody meant to be read is called, in right: its ending is in capitals,
    has slipped (`.tml`, `.tolm`), or has another one of a text behind it (`.toml.txt`). Empty for
    all else: what editors leave beside a file (`.toml~`, `.toml.bak`) ends otherwise.
    """
    name = _TEXT.sub("", path.name.rstrip(". "))
    stem, _, ending = name.rpartition(".")
    letters = ending.strip().casefold()
    meant = len(letters) > 2 and set(letters) <= set(ENDING)  # noqa: PLR2004  (of four, one may lack)
    return f"{stem}{ENDING}" if stem and meant and not path.is_dir() else ""


def _misnamed(path: Path, kind: type[Document], *, right: str, taken: bool) -> Unread:
    """That nothing reads a file that is called so. Where its `right` name is taken, it is told
    under its own, and the other file is read.
    """
    does = f"there is {right} too: take one of them out" if taken else f"rename it to {right}"
    name = path.name if taken else right.removesuffix(ENDING)
    try:
        lint = b"lint" in path.read_bytes()
    except OSError:
        lint = True
    return Unread(
        file=f"{path.parent.name}/{path.name}",
        name=name if kind is RuleDocument else f"${name}",
        why=f"only what ends in {ENDING}, in small letters, is read; {does}",
        lint=lint,
    )


def _read(path: Path, kind: type[Document]) -> Document | Unread:
    """The document in a file, or why there is none."""
    text, where, lint = "", toml.Mark(0, 0), True
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig", errors="replace")
        lint = "lint" in text
        data.decode("utf-8-sig")
        told = toml.read(text)
        if not isinstance(told, toml.Broken):
            document, (why, at) = _document(told, kind, stem=path.stem)
            if document is not None:
                return document
            where = _mark(text, at)
        else:
            why, where = told.why, told.mark
    except UnicodeDecodeError as error:
        why = "it is not UTF-8 text here; save it as UTF-8"
        where = toml.mark_of(text, len(error.object[: error.start].decode()))
    except OSError as error:
        why = f"it cannot be opened ({error.strerror})"
    except ValueError as error:  # a number of thousands of digits
        why = str(error)
    lines = text.split("\n")
    return Unread(
        file=f"{path.parent.name}/{path.name}",
        name=path.stem if kind is RuleDocument else f"${path.stem}",
        why=why,
        line=where.line,
        column=where.column,
        text=lines[where.line - 1] if where.line else "",
        lint=lint,
    )


def _document(
    told: Mapping[str, object], kind: type[Document], *, stem: str
) -> tuple[Document | None, Wrong]:
    """What a file says as a document; None, and what is wrong, when it is none."""
    try:
        document = msgspec.convert(told, kind, builtin_types=AS_READ, str_keys=True)
    except msgspec.ValidationError as error:
        return None, _misfit(str(error), kind)
    wrong = next(_mistakes(stem, document), None)
    return (document, ("", ())) if wrong is None else (None, wrong)


def _misfit(message: str, kind: type[msgspec.Struct]) -> Wrong:
    """What a document has that none may have, with the way to it."""
    way = _WAY.search(message)
    at: list[str | int] = [
        int(number) if number else key for key, number in _STEP.findall(way[1] if way else "")
    ]
    unknown = _UNKNOWN.search(message)
    if unknown is None:
        return message, tuple(at)
    known = Example if at else kind
    close = difflib.get_close_matches(unknown[1], known.__struct_fields__, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return f"{message}{hint}", (*at, unknown[1])


def _mark(text: str, at: toml.Path) -> toml.Mark:
    """Where `at` is written, or else what it is in; of the whole text, no place."""
    marks = toml.marks(text)
    ways = (at[:length] for length in range(len(at), 0, -1))
    return next((marks[way] for way in ways if way in marks), toml.Mark(0, 0))


def _mistakes(stem: str, document: RuleDocument | KeywordList) -> Iterator[Wrong]:
    """What is wrong with `document` in the file called `stem`."""
    if ID.fullmatch(document.id) is None:
        why = (
            f"{document.id!r} cannot be an id; use small letters a-z, digits and hyphens, and "
            "begin with a letter or a digit"
        )
        yield why, ("id",)
    elif stem not in _names(document):
        yield f"its id is {document.id!r}; name both the same", ("id",)
    if isinstance(document, RuleDocument) and _lacks_approval(document):
        why = (
            "a rule with special_category needs `ground` (of GDPR, article 9) and `approved_by`, "
            "somebody else than its owner"
        )
        yield why, ("special_category",)


def _twice(lists: Mapping[str, KeywordList]) -> Mapping[str, str]:
    """Files that say what a version of a list is that another one says already, and why that
    cannot be.
    """
    files: dict[tuple[str, int], str] = {}
    return {
        stem: f"lists/{other}.toml is also version {each.version} of list {each.id}; take one out, "
        f"or raise the version in {each.id}.toml"
        for stem, each in lists.items()
        if (other := files.setdefault((each.id, each.version), stem)) != stem
    }


def _names(document: RuleDocument | KeywordList) -> tuple[str, ...]:
    """What the file of `document` may be called."""
    if isinstance(document, RuleDocument):
        return (document.id,)
    return (document.id, f"{document.id}@{document.version}")


def _lacks_approval(document: RuleDocument) -> bool:
    approver = document.approved_by.strip().casefold()
    approved = approver not in ("", document.owner.strip().casefold())
    return document.special_category and not (approved and document.ground.strip())
