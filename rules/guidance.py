"""Guidance: what a phenomenon is and what one can do, per rule and language, in Markdown files.

`config/guidance/<rule>.<language>.md` has a title (`# …`), then sections (`## …`). It is read by
whoever meets the phenomenon at work, so it stands beside the rule and is reviewed like one.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from rules.documents import Book
from stream.errors import Stop

FILE = re.compile(r"(?P<rule>[a-z0-9]+(?:-[a-z0-9]+)*)\.(?P<language>[a-z]{2})\.md")
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


class Coverage(msgspec.Struct, frozen=True):
    """Rules without guidance, and guidance of which there is no rule."""

    missing: tuple[str, ...]
    orphaned: tuple[str, ...]


def load_guidance(config: Path) -> Mapping[str, Guidance]:
    """All of `config/guidance` by rule; Stop names every file that is wrong and what to do."""
    problems: list[str] = []
    pages: dict[str, dict[str, Page]] = {}
    for path in sorted((config / "guidance").glob("*.md")):
        named = FILE.fullmatch(path.name)
        if named is None:
            problems.append(
                f"guidance/{path.name}: name it after its rule and language, such as "
                "woningnood.nl.md"
            )
            continue
        try:
            page = read_page(path.read_text("utf-8"), language=named["language"])
        except (ValueError, OSError) as error:
            problems.append(f"guidance/{path.name}: {error}")
            continue
        pages.setdefault(named["rule"], {})[page.language] = page
    if problems:
        raise Stop("guidance files are wrong:\n" + "\n".join(f"  {line}" for line in problems))
    return {rule: Guidance(rule=rule, pages=each) for rule, each in pages.items()}


def coverage(book: Book, guidance: Mapping[str, Guidance]) -> Coverage:
    """Which rules of `book` have no guidance, and the other way round."""
    there = {*book.rules, *(each.name for each in book.unread)}
    return Coverage(
        missing=tuple(sorted(book.rules.keys() - guidance.keys())),
        orphaned=tuple(sorted(guidance.keys() - there)),
    )


def read_page(text: str, *, language: str) -> Page:
    """The page in `text`; ValueError says on which line it is not one, and what to do."""
    title = ""
    sections: list[tuple[str, list[str]]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if HTML.search(line):
            raise ValueError(f"line {number}: HTML is not shown; write it in Markdown")
        if line.startswith("## "):
            sections.append((line[3:].strip(), []))
        elif line.startswith("#") and line.lstrip("#").startswith(" "):
            if title or not line.startswith("# "):
                raise ValueError(f"line {number}: it has one title (#) and sections (##) only")
            title = line[2:].strip()
        elif sections:
            sections[-1][1].append(line)
        elif line.strip():
            raise ValueError(f"line {number}: put a title (#) and a section (##) above the text")
    if not title:
        raise ValueError("it has no title; begin with a line such as '# Loneliness'")
    if not sections:
        raise ValueError("it has no sections; begin each with a line such as '## What is it?'")
    found = tuple(Section(head, "\n".join(lines).strip()) for head, lines in sections)
    for section in found:
        if not section.title or not section.text:
            raise ValueError(f"section {section.title!r} is empty; fill it or take it out")
    return Page(language=language, title=title, sections=found)
