"""What a check found: where, how bad, and in words."""

import msgspec

from rules.documents import Unread
from rules.errors import AROUND
from rules.lint.catalogue import CHECKS, Severity
from rules.tree import At


class Spot(msgspec.Struct, frozen=True):
    """A place in a query: line and column from 1, how many characters of that line, and the line
    itself.
    """

    line: int
    column: int
    length: int
    text: str

    @property
    def pointed(self) -> str:
        """The line, and below it carets under what is meant; a long line is cut."""
        start = max(0, self.column - 1 - AROUND)
        shown = self.text[start : self.column - 1 + 2 * AROUND]
        width = max(1, min(self.length, start + len(shown) - self.column + 1))
        return f"{shown}\n{' ' * (self.column - 1 - start)}{'^' * width}"


class Finding(msgspec.Struct, frozen=True):
    """Something that an author should look at; an error keeps a rule from running. `spot` is
    None when it is not about words of a query.
    """

    code: str
    severity: Severity
    document: str
    message: str
    spot: Spot | None = None


def finding(code: str, document: str, message: str, spot: Spot | None = None) -> Finding:
    """A finding of the check `code`."""
    return Finding(code, CHECKS[code].severity, document, message, spot)


def unread(code: str, each: Unread) -> Finding:
    """That a file cannot be read, where and why."""
    spot = Spot(each.line, each.column, 1, each.text) if each.line else None
    return finding(code, each.name, f"{each.file} cannot be read: {each.why}", spot)


def spot_of(query: str, at: At) -> Spot:
    """Where `at` is in `query`; of what runs over several lines the first."""
    before = query[: at.start]
    line, begin = before.count("\n") + 1, before.rfind("\n") + 1
    text = query[begin:].split("\n", 1)[0]
    length = min(at.end, begin + len(text)) - at.start
    return Spot(line, at.start - begin + 1, max(1, length), text)
