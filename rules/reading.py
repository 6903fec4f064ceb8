"""A query as the parser goes through it: the next lexeme, and what is said on the way."""

import re
from bisect import bisect_right
from collections.abc import Sequence

from rules.errors import Note, Problem
from rules.lexer import Lexeme, lex
from rules.tree import At

MAX_LENGTH = 20_000
"""Characters; what comes after is not read."""

MOST_PROBLEMS = 100
"""After so many mistakes it is only said that there are more."""

_LONE = re.compile("[\ud800-\udfff]+")
"""Half of a character, or what a terminal sent that is no UTF-8: no store or log takes it."""


class Reading:
    """Lexemes one after the other, and the `problems` and `notes` so far with their places."""

    def __init__(self, query: str) -> None:
        self.query = query
        self._lines = line_starts(query)
        self._lexemes = list(lex(query[:MAX_LENGTH]))
        self._next = 0
        self.problems: list[Problem] = []
        self.notes: list[Note] = []
        for lone in _LONE.finditer(query[:MAX_LENGTH]):
            self.wrong_at(At(*lone.span()), "UTF-8 text", "Type this again, or remove it.")

    def peek(self) -> Lexeme:
        """The next lexeme, which stays that."""
        return self._lexemes[self._next]

    def take(self) -> Lexeme:
        """The next lexeme; the end comes again and again."""
        lexeme = self.peek()
        if lexeme.kind != "end":
            self._next += 1
        return lexeme

    def put_back(self) -> None:
        """Let the lexeme that was taken last be the next one."""
        self._next -= 1

    def leave(self) -> None:
        """Go on at the end."""
        self._next = len(self._lexemes) - 1

    def end(self) -> int:
        """Where the lexeme ends that was taken last."""
        return self._lexemes[max(0, self._next - 1)].end

    def wrong(self, lexeme: Lexeme, expected: str, hint: str) -> None:
        """Say that something else was expected where `lexeme` stands. Of too many mistakes the
        first ones are told, and at the end that there are more.
        """
        if len(self.problems) < MOST_PROBLEMS:
            self._say(lexeme, expected, hint)
        elif len(self.problems) == MOST_PROBLEMS:
            end = self._lexemes[-1]
            self._say(end, f"at most {MOST_PROBLEMS} mistakes", "Mend those first; there are more.")

    def wrong_at(self, at: At, expected: str, hint: str) -> None:
        """The same of all that stands at `at`."""
        text = self.query[at.start : at.end]
        self.wrong(Lexeme("bad", text, at.start, at.end), expected, hint)

    def note(self, lexeme: Lexeme, message: str) -> None:
        """Say how something was read."""
        self.notes.append(Note(*self._place(lexeme.start), message))

    def _say(self, lexeme: Lexeme, expected: str, hint: str) -> None:
        line, column = self._place(lexeme.start)
        self.problems.append(Problem(line, column, lexeme.text, expected, hint))

    def _place(self, start: int) -> tuple[int, int]:
        line = bisect_right(self._lines, start)
        return line, start - self._lines[line - 1] + 1


def line_starts(query: str) -> Sequence[int]:
    """At which character each line of `query` begins."""
    return [0, *(match.end() for match in re.finditer("\n", query))]
