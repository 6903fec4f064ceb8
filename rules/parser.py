"""The parser: a query's text to a tree, or all that is wrong with it in one pass."""

from typing import Literal

import msgspec

from rules.errors import Note, QueryError
from rules.fields import parse_field
from rules.lexer import Lexeme
from rules.lists import ListEntries, Lists, no_lists
from rules.nears import parse_near
from rules.operands import number_of, parse_string, parse_word
from rules.reading import MAX_LENGTH, Reading
from rules.tree import (
    And,
    At,
    Keywords,
    Node,
    Not,
    Of,
    Or,
    is_only_negative,
    is_positional,
)  # fmt: skip

Use = Literal["stream", "search"]
"""A stream rule sees a post before topic, sentiment and other rules are known."""

MAX_DEPTH = 40
START = frozenset({"word", "string", "open", "not", "of", "list", "field", "bad", "slop"})


class Parsed(msgspec.Struct, frozen=True):
    """A query's tree, and what was read as meant."""

    tree: Node
    notes: tuple[Note, ...]


def parse(query: str, *, lists: Lists = no_lists, use: Use = "search") -> Parsed:
    """The tree of `query`; QueryError with every mistake in it."""
    reading = Reading(query)
    tree = _Parser(reading, lists, use).parse()
    if reading.problems or tree is None:
        raise QueryError(query, sorted(reading.problems, key=lambda p: (p.line, p.column)))
    return Parsed(tree, tuple(reading.notes))


class _Entries(msgspec.Struct, frozen=True):
    """The entries of a list, or the one that is `unsound` and why."""

    nodes: tuple[Node, ...] = ()
    unsound: str | None = None
    why: str = ""


class _Parser:
    """Recursive descent. A mistake is noted, stands for nothing (None), and reading goes on."""

    _use: Use

    def __init__(self, text: Reading, lists: Lists, use: Use, *, inside: str = "") -> None:
        self._text = text
        self._lists = lists
        self._use = use
        self._inside = inside
        self._depth = 0
        self._known: dict[tuple[str, int], _Entries] = {}

    def parse(self) -> Node | None:
        if len(self._text.query) > MAX_LENGTH:
            self._text.wrong(
                Lexeme("bad", "", MAX_LENGTH, MAX_LENGTH),
                f"at most {MAX_LENGTH} characters",
                "Move words to a keyword list.",
            )
            return None
        if self._text.peek().kind == "end":
            self._text.wrong(self._text.peek(), "a query", "Write a word, for example: fatbike")
            return None
        tree = self._or()
        while self._text.peek().kind != "end":
            self._text.wrong(
                self._text.take(), "the end of the query or an operator", "Remove this."
            )
            self._or()
        if tree is not None and not self._text.problems and is_only_negative(tree):
            self._text.wrong_at(
                tree.at,
                "something that must be there",
                "A query of only NOT would match nearly everything; add what you look for.",
            )
        return tree

    def _or(self) -> Node | None:
        first = self._text.peek()
        found = [self._and()]
        while self._text.peek().kind == "or":
            self._operator("OR")
            found.append(self._and())
        tree = self._join(Or, found, first)
        while self._text.peek().kind == "exclude":
            tree = self._exclude(tree, first)
        return tree

    def _exclude(self, kept: Node | None, first: Lexeme) -> Node | None:
        """`… EXCLUDE x` drops the post, whatever stood before it in these brackets."""
        mark = self._text.peek()
        self._operator("EXCLUDE")
        dropped = self._not()
        if kept is None or dropped is None:
            return None
        at = At(mark.start, self._text.end())
        before = kept.children if isinstance(kept, And) else (kept,)
        return And(
            (*before, Not(dropped, exclude=True, at=at)), at=At(first.start, self._text.end())
        )

    def _and(self) -> Node | None:
        first = self._text.peek()
        found = [self._near()]
        while self._text.peek().kind == "and" or self._text.peek().kind in START:
            if self._text.peek().kind == "and":
                self._operator("AND")
            found.append(self._near())
        return self._join(And, found, first)

    def _join(
        self, kind: type[And] | type[Or], found: list[Node | None], first: Lexeme
    ) -> Node | None:
        nodes = [node for node in found if node is not None]
        if len(nodes) < len(found):
            return nodes[0] if nodes else None
        if len(nodes) == 1:
            return nodes[0]
        flat = [
            each
            for node in nodes
            for each in (node.children if isinstance(node, kind) else (node,))
        ]
        return kind(tuple(flat), at=At(first.start, self._text.end()))

    def _operator(self, name: str) -> None:
        lexeme = self._text.take()
        if lexeme.text != name:
            self._text.note(
                lexeme, f"{lexeme.text!r} is read as {name}; put the word in quotes if meant"
            )

    def _near(self) -> Node | None:
        first = self._text.peek()
        left = self._not()
        if self._text.peek().kind != "near":
            return left
        operator = self._text.take()
        right = self._not()
        if self._text.peek().kind == "near":
            self._text.wrong(
                self._text.peek(),
                "brackets around one of the two NEARs",
                "For example: (a NEAR/5 b) NEAR/5 c",
            )
            self._text.take()
            self._not()
            return None
        if operator.text != operator.text.upper():
            self._text.note(operator, f"{operator.text!r} is read as {operator.text.upper()}")
        at = At(first.start, self._text.end())
        return parse_near(operator, left, right, at, self._text)

    def _not(self) -> Node | None:
        lexeme = self._text.peek()
        if lexeme.kind != "not":
            return self._primary()
        self._operator("NOT")
        if not self._deeper(lexeme):
            return None
        child = self._not()
        self._depth -= 1
        return None if child is None else Not(child, at=At(lexeme.start, self._text.end()))

    def _deeper(self, lexeme: Lexeme) -> bool:
        self._depth += 1
        if self._depth <= MAX_DEPTH:
            return True
        self._text.wrong(
            lexeme, f"at most {MAX_DEPTH} levels", "Take the query apart in two rules."
        )
        self._text.leave()
        return False

    def _primary(self) -> Node | None:
        lexeme = self._text.take()
        match lexeme.kind:
            case "open":
                return self._brackets(lexeme)
            case "of":
                return self._of(lexeme)
            case "word":
                return parse_word(lexeme, self._text)
            case "string":
                return parse_string(lexeme, self._text)
            case "list":
                return self._list(lexeme)
            case "field":
                return parse_field(lexeme, stream=self._use == "stream", wrong=self._text.wrong)
            case "bad":
                hint = "Close the quote on the same line." if lexeme.name else "Remove this."
                self._text.wrong(lexeme, "a word or an operator", hint)
                return None
            case _:
                self._text.wrong(
                    lexeme, "a word, a phrase or a bracket", "Something is missing here."
                )
                if lexeme.kind in ("and", "or", "near", "comma", "exclude") or (
                    lexeme.kind == "close" and self._depth
                ):
                    self._text.put_back()  # it means something to whoever asked for an operand
                return None

    def _brackets(self, opening: Lexeme) -> Node | None:
        if not self._deeper(opening):
            return None
        inner = self._or()
        self._depth -= 1
        if self._text.peek().kind != "close":
            self._text.wrong(opening, "a closing bracket for this one", "Add ) at its end.")
            return None
        self._text.take()
        return inner

    def _of(self, operator: Lexeme) -> Node | None:
        opening = self._text.take()
        if not self._deeper(opening):
            return None
        members = [self._or()]
        while self._text.peek().kind == "comma":
            self._text.take()
            members.append(self._or())
        self._depth -= 1
        if self._text.peek().kind != "close":
            self._text.wrong(
                opening, "a closing bracket for this one", "Add ) after the last member."
            )
            return None
        self._text.take()
        nodes = tuple(node for node in members if node is not None)
        if len(nodes) < len(members):
            return None
        least = number_of(operator.value)
        if len(set(nodes)) < len(nodes):
            self._text.wrong(operator, "different members", "Remove the one that comes twice.")
            return None
        if least is None or not 1 <= least <= len(nodes):
            self._text.wrong(
                operator, f"a number from 1 to {len(nodes)}", "There are not so many members."
            )
            return None
        return Of(least, nodes, at=At(operator.start, self._text.end()))

    def _list(self, lexeme: Lexeme) -> Node | None:
        version = number_of(lexeme.value)
        if self._inside or not lexeme.name or ("@" in lexeme.text and version is None):
            self._text.wrong(
                lexeme, "the name of a keyword list", "For example: $wijken or $wijken@3"
            )
            return None
        found = self._lists(lexeme.name, version)
        if found is None:
            self._text.wrong(
                lexeme, "a list that exists", "`peil rules list` shows which there are."
            )
            return None
        key = (found.name, found.version)
        entries = self._known.get(key)
        if entries is None:
            entries = self._known[key] = self._entries(found)
        if entries.unsound is not None:
            expected = f"a sound list; entry {entries.unsound!r} is not"
            self._text.wrong(lexeme, expected, entries.why)
            return None
        return Keywords(found.name, found.version, entries.nodes, at=At(lexeme.start, lexeme.end))

    def _entries(self, found: ListEntries) -> _Entries:
        nodes: list[Node] = []
        for entry in found.entries:
            inner = Reading(entry)
            node = _Parser(inner, self._lists, self._use, inside=found.name).parse()
            if inner.problems or node is None or not is_positional(node):
                why = "; ".join(map(str, inner.problems)) or "words, phrases and prefixes only"
                return _Entries(unsound=entry, why=why)
            nodes.append(node)
        return _Entries(tuple(nodes))
