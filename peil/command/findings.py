"""How the findings of lint look in a terminal."""

from collections.abc import Mapping, Sequence
from itertools import groupby

from rich.console import Group
from rich.padding import Padding
from rich.text import Text

from rules.lint.catalogue import CHECKS, Severity, entry, page
from rules.lint.findings import Finding
from stream.errors import Stop

COLOURS: Mapping[Severity, str] = {"error": "bold red", "warning": "yellow", "hint": "cyan"}


def shown(findings: Sequence[Finding]) -> Group:
    """The findings by document, each with its place, and the line with carets under the words."""
    parts: list[Text | Padding] = []
    for document, found in groupby(_sorted(findings), key=lambda each: each.document):
        parts.append(Text(document, style="bold"))
        for each in found:
            parts.append(Padding(_line(each), (0, 0, 0, 2), expand=False))
            if each.spot:
                parts.append(
                    Padding(Text(each.spot.pointed, style="dim"), (0, 0, 0, 6), expand=False)
                )
    return Group(*parts)


def _sorted(findings: Sequence[Finding]) -> list[Finding]:
    """By document in the order given, and in one by place; what has none comes last."""
    order = {name: number for number, name in enumerate(dict.fromkeys(
        each.document for each in findings
    ))}  # fmt: skip
    return sorted(findings, key=lambda each: (order[each.document], _place(each)))


def _place(finding: Finding) -> tuple[bool, int, int]:
    spot = finding.spot
    return (spot is None, spot.line if spot else 0, spot.column if spot else 0)


def _line(finding: Finding) -> Text:
    spot = finding.spot
    place = f"line {spot.line}, column {spot.column}: " if spot else ""
    return Text.assemble(
        f"{finding.code} ", (finding.severity, COLOURS[finding.severity]), f" {place}"
        f"{finding.message}"
    )  # fmt: skip


def summary(findings: Sequence[Finding], *, of_rules: bool) -> str:
    """How many there are of each severity, and whether rules can run; where to read more."""
    severities = [each.severity for each in findings]
    said = [
        f"{count} {severity}{'' if count == 1 else 's'}"
        for severity in COLOURS
        if (count := severities.count(severity))
    ]
    parts = [f"{', '.join(said)}."] if said else []
    if of_rules:
        parts.append(f"The rules {'cannot' if 'error' in severities else 'can'} run.")
    elif not said:
        parts.append("There is nothing to say of the query.")
    if findings:
        worst = min(findings, key=lambda each: list(COLOURS).index(each.severity))
        parts.append(f"`peil rules check --explain {worst.code}` says more.")
    return " ".join(parts)


def explained(code: str) -> str:
    """The page of a check, or of all; Stop when there is no such check."""
    if code.lower() == "all":
        return page().rstrip("\n")
    found = CHECKS.get(code.upper())
    if found is None:
        raise Stop(f"there is no check {code!r}; write `all`, or one of: {', '.join(CHECKS)}")
    return entry(found).rstrip("\n")
