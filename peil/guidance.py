"""What is wrong with the guidance of a folder: what lacks, and what would name a person.

The scrubber and the rules do not know each other, so they meet here.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from privacy.register import is_never
from privacy.scrubbing import PERSONAL_HOST, scrub
from rules.documents import Book
from rules.guidance import coverage, load_guidance
from rules.lint.findings import Finding, finding, unread

SERVICE_NUMBER = re.compile(r"\b(?:0800|0900|088)[ -]?\d(?:[ -]?\d){3,6}\b")
"""Numbers that the Dutch numbering plan gives to organisations only."""

HOST = re.compile(r"https?://(?:www\.)?([\w.-]+)", re.IGNORECASE)
PERSONAL = ("handle", "email", "phone", "iban", "citizen_number")


def read_over(config: Path, book: Book) -> Sequence[Finding]:
    """Rules without guidance, guidance without a rule and pages that cannot be read are warnings;
    what names a person is an error.
    """
    guides = load_guidance(config)
    if not guides.rules and not guides.unread:
        return ()  # a folder that keeps none
    covered = coverage(book, guides)
    findings = [unread("R704", each) for each in guides.unread]
    findings += [
        finding("R701", rule, f"it has no guidance; write config/guidance/{rule}.en.md")
        for rule in covered.missing
    ]
    findings += [
        finding("R702", rule, f"no rule has this guidance; take out config/guidance/{rule}.*.md")
        for rule in covered.orphaned
    ]
    for rule, each in guides.rules.items():
        for language, page in each.pages.items():
            text = "\n".join(
                [page.title, *(f"{part.title}\n{part.text}" for part in page.sections)]
            )
            findings += [
                finding("R703", rule, f"guidance/{rule}.{language}.md holds {kind}; take it out")
                for kind in personal(text)
            ]
    return findings


def personal(text: str) -> Sequence[str]:
    """What in `text` leads to a person, by kind; the numbers and pages of organisations do not."""
    hosts = [host.casefold() for host in HOST.findall(text)]
    platforms = [name for host in hosts for name in host.split(".")[-2:-1] if is_never(name)]
    profiles = platforms or any(PERSONAL_HOST.search(host) for host in hosts)
    counts = scrub(SERVICE_NUMBER.sub("", text)).counts
    found = [f"a person's {kind.replace('_', ' ')}" for kind in PERSONAL if counts[kind]]
    return [*found, "a link to a platform of persons"] if profiles else found
