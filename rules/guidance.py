"""Guidance: what a phenomenon is and what one can do, per rule and language, in Markdown files.

`config/guidance/<rule>.<language>.md` has a title (`# …`), then sections (`## …`). It is read by
whoever meets the phenomenon at work, so it stands beside the rule and is reviewed like one.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from rules.documents import Book, Unread
from stream.errors import Stop

FILE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\.(?P<language>[a-z]{2})\.md")
ENDINGS = (".md", ".markdown")
"""What ends so in whatever letters was meant to be a page, and is told where it is called wrong."""

HTML = re.compile(r"<[a-z/!?]", re.IGNORECASE)


class Section(msgspec.Struct, frozen=True):
    """A heading, and the Markdown below it (no headings, no HTML)."""

    title: str
    text: str


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One rule's guidance in one language; `language` is what it is really written in."""

    language: str
    title: str
    sections: tuple[Section, ...]


class Guidance(msgspec.Struct, frozen=True, kw_only=True):
    """One rule's guidance in every language that it is written in."""

    rule: str
    pages: Mapping[str, Page]

    def page(self, language: str) -> Page:
        """The page in `language`, else the English one, else the first there is: advice in
        another language is better than none.
        """
        for each in (language, "en", *sorted(self.pages)):
            if each in self.pages:
                return self.pages[each]
        raise Stop(f"config/guidance has no page for rule {self.rule}; write {self.rule}.en.md")


class Guides(msgspec.Struct, frozen=True, kw_only=True):
    """The guidance of a folder by rule, and its files that are `unread`: each costs only itself."""

    rules: Mapping[str, Guidance]
    unread: tuple[Unread, ...] = ()


class Coverage(msgspec.Struct, frozen=True):
    """Rules without guidance, and guidance of which there is no rule."""

    missing: tuple[str, ...]
    orphaned: tuple[str, ...]


class NoPage(Exception):
    """Why a text is no page, and where (from 1; 0: as a whole)."""

    def __init__(self, why: str, *, line: int = 0, column: int = 1) -> None:
        super().__init__(why)
        self.line = line
        self.column = column if line else 0


def load_guidance(config: Path) -> Guides:
    """All of `config/guidance`, and what of it cannot be read."""
    unread: list[Unread] = []
    pages: dict[str, dict[str, Page]] = {}
    for path in sorted((config / "guidance").glob("*")):
        if path.suffix.casefold() not in ENDINGS:
            continue
        found = _read(path)
        if isinstance(found, Unread):
            unread.append(found)
        else:
            pages.setdefault(path.name.split(".")[0], {})[found.language] = found
    rules = {rule: Guidance(rule=rule, pages=each) for rule, each in pages.items()}
    return Guides(rules=rules, unread=tuple(unread))


def _read(path: Path) -> Page | Unread:
    """The page in a file, or why there is none."""
    text = ""
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig", errors="replace")
        _check_encoding(data)
        return read_page(text, language=_language(path))
    except OSError as error:
        why, line, column = f"it cannot be opened ({error.strerror})", 0, 0
    except NoPage as error:
        why, line, column = str(error), error.line, error.column
    return Unread(
        file=f"guidance/{path.name}",
        name=path.name.split(".")[0],
        why=why,
        line=line,
        column=column,
        text=text.splitlines()[line - 1] if line else "",
    )


def _language(path: Path) -> str:
    named = FILE.fullmatch(path.name)
    if named is None:
        raise NoPage("name it after its rule and language, such as woningnood.nl.md")
    return named["language"]


def _check_encoding(data: bytes) -> None:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start].decode()
        raise NoPage(
            "it is not UTF-8 text here; save it as UTF-8",
            line=before.count("\n") + 1,
            column=len(before) - before.rfind("\n"),
        ) from error


def coverage(book: Book, guides: Guides) -> Coverage:
    """Which rules of `book` have no guidance, and the other way round; a file that cannot be read
    is there.
    """
    there = {*book.rules, *(each.name for each in book.unread)}
    written = {*guides.rules, *(each.name for each in guides.unread)}
    return Coverage(
        missing=tuple(sorted(book.rules.keys() - written)),
        orphaned=tuple(sorted(guides.rules.keys() - there)),
    )


def read_page(text: str, *, language: str) -> Page:
    """The page in `text`; NoPage says where it is not one, and what to do."""
    title = ""
    sections: list[tuple[str, int, list[str]]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if html := HTML.search(line):
            why = "HTML is not shown; write it in Markdown"
            raise NoPage(why, line=number, column=html.start() + 1)
        if line.startswith("## "):
            sections.append((line[3:].strip(), number, []))
        elif line.startswith("#") and line.lstrip("#").startswith(" "):
            if title or not line.startswith("# "):
                raise NoPage("it has one title (#) and sections (##) only", line=number)
            title = line[2:].strip()
        elif sections:
            sections[-1][2].append(line)
        elif line.strip():
            raise NoPage("put a title (#) and a section (##) above the text", line=number)
    if not title:
        raise NoPage("it has no title; begin with a line such as '# Loneliness'")
    if not sections:
        raise NoPage("it has no sections; begin each with a line such as '## What is it?'")
    found = [(Section(head, "\n".join(lines).strip()), number) for head, number, lines in sections]
    for section, number in found:
        if not section.title or not section.text:
            why = f"section {section.title!r} is empty; fill it or take it out"
            raise NoPage(why, line=number)
    return Page(language=language, title=title, sections=tuple(each for each, _ in found))
