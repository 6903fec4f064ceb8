"""What can be wrong with a query or a rule document, always with its place and a hint."""

from collections.abc import Sequence

import msgspec

from stream.errors import PeilError

AROUND = 60
"""So many characters of a long line are shown before a mistake, and twice as many from it on."""


class Problem(msgspec.Struct, frozen=True):
    """One mistake in a query: where (from 1), what stands there, what was expected, what to do."""

    line: int
    column: int
    text: str
    expected: str
    hint: str

    @property
    def shown(self) -> str:
        """What stands there, in quotes; a long text is cut."""
        return repr(self.text if len(self.text) <= AROUND else f"{self.text[:AROUND]}…")

    def __str__(self) -> str:
        found = f" instead of {self.shown}" if self.text else ""
        return (
            f"line {self.line}, column {self.column}: {self.expected}{found}. {self.hint}".strip()
        )


class Note(msgspec.Struct, frozen=True):
    """Something that was read as meant, and how."""

    line: int
    column: int
    message: str


class QueryError(PeilError):
    """A query with mistakes: all of them, in the order of the text."""

    def __init__(self, query: str, problems: Sequence[Problem]) -> None:
        self.query = query
        self.problems = tuple(problems)
        super().__init__("\n".join(_pointed(query, problem) for problem in self.problems))


def _pointed(query: str, problem: Problem) -> str:
    lines = query.split("\n")
    line = lines[problem.line - 1] if problem.line <= len(lines) else ""
    start = max(0, problem.column - 1 - AROUND)
    width = max(1, min(AROUND, len(problem.text.split("\n")[0])))
    caret = " " * (problem.column - 1 - start) + "^" * width
    return f"{problem}\n    {line[start : problem.column - 1 + 2 * AROUND]}\n    {caret}"
