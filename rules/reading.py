"""A query as the parser goes through it: the next lexeme, and what is said on the way."""

import re

from rules.errors import Note, Problem
from rules.lexer import Lexeme, lex
from rules.tree import At

MAX_LENGTH = 20_000
"""Characters; what comes after is not read."""

_LONE = re.compile("[\ud800-\udfff]+")
"""Half of a character, or what a terminal sent that is no UTF-8: no store or log takes it."""


class Reading:
    """Lexemes one after the other, and the `problems` and `notes` so far with their places."""

    def __init__(self, query: str) -> None:
        self.query = query
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
        """Say that something else was expected where `lexeme` stands."""
        line, column = self._place(lexeme.start)
        self.problems.append(Problem(line, column, lexeme.text, expected, hint))

    def wrong_at(self, at: At, expected: str, hint: str) -> None:
        """The same of all that stands at `at`."""
        text = self.query[at.start : at.end]
        self.wrong(Lexeme("bad", text, at.start, at.end), expected, hint)

    def note(self, lexeme: Lexeme, message: str) -> None:
        """Say how something was read."""
        self.notes.append(Note(*self._place(lexeme.start), message))

    def _place(self, start: int) -> tuple[int, int]:
        before = self.query[:start]
        return before.count("\n") + 1, start - (before.rfind("\n") + 1) + 1
