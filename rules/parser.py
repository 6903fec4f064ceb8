"""The parser: a query's text to a tree, or all that is wrong with it in one pass."""

from typing import Literal

import msgspec
import regex

from rules.errors import Note, Problem, QueryError
from rules.fields import ACCOUNT, PERSONS, is_of_person, parse_field
from rules.lexer import Lexeme, lex
from rules.lists import Lists, no_lists
from rules.tokens import tokenise
from rules.tree import (
    And,
    At,
    Keywords,
    Near,
    Node,
    Not,
    Of,
    Or,
    Phrase,
    Prefix,
    Term,
    Together,
    children,
    is_positional,
)  # fmt: skip

Use = Literal["stream", "search"]
"""A stream rule sees a post before topic, sentiment and other rules are known."""

MAX_LENGTH = 20_000
MAX_DEPTH = 40
MAX_DISTANCE = 50
MAX_DIGITS = 9
MIN_PREFIX = 4
START = frozenset({"word", "string", "open", "not", "of", "list", "field", "bad", "slop"})


class Parsed(msgspec.Struct, frozen=True):
    """A query's tree, and what was read as meant."""

    tree: Node
    notes: tuple[Note, ...]


def parse(query: str, *, lists: Lists = no_lists, use: Use = "search") -> Parsed:
    """The tree of `query`; QueryError with every mistake in it."""
    parser = _Parser(query, lists, use)
    tree = parser.parse()
    if parser.problems or tree is None:
        raise QueryError(query, sorted(parser.problems, key=lambda p: (p.line, p.column)))
    return Parsed(tree, tuple(parser.notes))


class _Parser:
    """Recursive descent. A mistake is noted, stands for nothing (None), and reading goes on."""

    _use: Use

    def __init__(self, query: str, lists: Lists, use: Use, *, inside: str = "") -> None:
        self._query = query
        self._lists = lists
        self._use = use
        self._inside = inside
        self._lexemes = list(lex(query[:MAX_LENGTH]))
        self._next = 0
        self._depth = 0
        self.problems: list[Problem] = []
        self.notes: list[Note] = []

    # Reading and reporting.

    def _peek(self) -> Lexeme:
        return self._lexemes[self._next]

    def _take(self) -> Lexeme:
        lexeme = self._peek()
        if lexeme.kind != "end":
            self._next += 1
        return lexeme

    def _place(self, start: int) -> tuple[int, int]:
        before = self._query[:start]
        return before.count("\n") + 1, start - (before.rfind("\n") + 1) + 1

    def _wrong(self, lexeme: Lexeme, expected: str, hint: str) -> None:
        line, column = self._place(lexeme.start)
        self.problems.append(Problem(line, column, lexeme.text, expected, hint))

    def _wrong_at(self, at: At, expected: str, hint: str) -> None:
        text = self._query[at.start : at.end]
        self._wrong(Lexeme("bad", text, at.start, at.end), expected, hint)

    def _note(self, lexeme: Lexeme, message: str) -> None:
        self.notes.append(Note(*self._place(lexeme.start), message))

    # The grammar, loosest first.

    def parse(self) -> Node | None:
        if len(self._query) > MAX_LENGTH:
            self._wrong(
                Lexeme("bad", "", MAX_LENGTH, MAX_LENGTH),
                f"at most {MAX_LENGTH} characters",
                "Move words to a keyword list.",
            )
            return None
        if self._peek().kind == "end":
            self._wrong(self._peek(), "a query", "Write a word, for example: fatbike")
            return None
        tree = self._or()
        while self._peek().kind != "end":
            self._wrong(self._take(), "the end of the query or an operator", "Remove this.")
            self._or()
        if tree is not None and not self.problems and _only_negative(tree):
            self._wrong_at(
                tree.at,
                "something that must be there",
                "A query of only NOT would match nearly everything; add what you look for.",
            )
        return tree

    def _or(self) -> Node | None:
        first = self._peek()
        found = [self._and()]
        while self._peek().kind == "or":
            self._operator("OR")
            found.append(self._and())
        tree = self._join(Or, found, first)
        while self._peek().kind == "exclude":
            tree = self._exclude(tree, first)
        return tree

    def _exclude(self, kept: Node | None, first: Lexeme) -> Node | None:
        """`… EXCLUDE x` drops the post, whatever stood before it in these brackets."""
        mark = self._peek()
        self._operator("EXCLUDE")
        dropped = self._not()
        if kept is None or dropped is None:
            return None
        at = At(mark.start, self._end())
        before = kept.children if isinstance(kept, And) else (kept,)
        return And((*before, Not(dropped, exclude=True, at=at)), at=At(first.start, self._end()))

    def _and(self) -> Node | None:
        first = self._peek()
        found = [self._near()]
        while self._peek().kind == "and" or self._peek().kind in START:
            if self._peek().kind == "and":
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
        return kind(tuple(flat), at=At(first.start, self._end()))

    def _end(self) -> int:
        return self._lexemes[max(0, self._next - 1)].end

    def _operator(self, name: str) -> None:
        lexeme = self._take()
        if lexeme.text != name:
            self._note(
                lexeme, f"{lexeme.text!r} is read as {name}; put the word in quotes if meant"
            )

    def _near(self) -> Node | None:
        first = self._peek()
        left = self._not()
        if self._peek().kind != "near":
            return left
        operator = self._take()
        right = self._not()
        if self._peek().kind == "near":
            self._wrong(
                self._peek(),
                "brackets around one of the two NEARs",
                "For example: (a NEAR/5 b) NEAR/5 c",
            )
            self._take()
            self._not()
            return None
        if operator.text != operator.text.upper():
            self._note(operator, f"{operator.text!r} is read as {operator.text.upper()}")
        for side in (left, right):
            if side is not None and not is_positional(side):
                self._wrong_at(
                    side.at,
                    "words, phrases, prefixes, lists, or an OR of those beside NEAR",
                    "Move AND, NOT, OF and fields outside of NEAR.",
                )
                return None
        return self._distance(operator, left, right, At(first.start, self._end()))

    def _distance(
        self, operator: Lexeme, left: Node | None, right: Node | None, at: At
    ) -> Node | None:
        ordered = operator.name.upper() == "ONEAR"
        if operator.value.upper() == "S" and not ordered:
            return None if left is None or right is None else Together(left, right, at=at)
        distance = _number(operator.value)
        if distance is None or distance > MAX_DISTANCE:
            self._wrong(
                operator,
                f"a distance from 0 to {MAX_DISTANCE} tokens, or S for one sentence",
                "For example: fatbike NEAR/5 overlast",
            )
            return None
        if left is None or right is None:
            return None
        return Near(left, right, distance, ordered, at=at)

    def _not(self) -> Node | None:
        lexeme = self._peek()
        if lexeme.kind != "not":
            return self._primary()
        self._operator("NOT")
        if not self._deeper(lexeme):
            return None
        child = self._not()
        self._depth -= 1
        return None if child is None else Not(child, at=At(lexeme.start, self._end()))

    def _deeper(self, lexeme: Lexeme) -> bool:
        self._depth += 1
        if self._depth <= MAX_DEPTH:
            return True
        self._wrong(lexeme, f"at most {MAX_DEPTH} levels", "Take the query apart in two rules.")
        self._next = len(self._lexemes) - 1
        return False

    def _primary(self) -> Node | None:
        lexeme = self._take()
        match lexeme.kind:
            case "open":
                return self._brackets(lexeme)
            case "of":
                return self._of(lexeme)
            case "word":
                return self._word(lexeme)
            case "string":
                return self._string(lexeme)
            case "list":
                return self._list(lexeme)
            case "field":
                return parse_field(lexeme, stream=self._use == "stream", wrong=self._wrong)
            case "bad":
                hint = "Close the quote on the same line." if lexeme.name else "Remove this."
                self._wrong(lexeme, "a word or an operator", hint)
                return None
            case _:
                self._wrong(lexeme, "a word, a phrase or a bracket", "Something is missing here.")
                if lexeme.kind in ("and", "or", "near", "comma", "exclude") or (
                    lexeme.kind == "close" and self._depth
                ):
                    self._next -= 1  # it means something to whoever asked for an operand
                return None

    def _brackets(self, opening: Lexeme) -> Node | None:
        if not self._deeper(opening):
            return None
        inner = self._or()
        self._depth -= 1
        if self._peek().kind != "close":
            self._wrong(opening, "a closing bracket for this one", "Add ) at its end.")
            return None
        self._take()
        return inner

    def _of(self, operator: Lexeme) -> Node | None:
        opening = self._take()
        if not self._deeper(opening):
            return None
        members = [self._or()]
        while self._peek().kind == "comma":
            self._take()
            members.append(self._or())
        self._depth -= 1
        if self._peek().kind != "close":
            self._wrong(opening, "a closing bracket for this one", "Add ) after the last member.")
            return None
        self._take()
        nodes = tuple(node for node in members if node is not None)
        if len(nodes) < len(members):
            return None
        least = _number(operator.value)
        if len(set(nodes)) < len(nodes):
            self._wrong(operator, "different members", "Remove the one that comes twice.")
            return None
        if least is None or not 1 <= least <= len(nodes):
            self._wrong(
                operator, f"a number from 1 to {len(nodes)}", "There are not so many members."
            )
            return None
        return Of(least, nodes, at=At(operator.start, self._end()))

    # What stands alone.

    def _word(self, lexeme: Lexeme) -> Node | None:
        text = lexeme.text
        at = At(lexeme.start, lexeme.end)
        name, colon, _ = text.replace("：", ":").partition(":")
        if colon and is_of_person(name):
            self._wrong(lexeme, "a field of the post, not of a person", PERSONS)
            return None
        is_keycap = regex.fullmatch(r"\*\ufe0f?\u20e3", text)
        if "*" in text and not is_keycap and not ACCOUNT.search(text):
            return self._prefix(lexeme, at)
        return self._terms(lexeme, text, 0, at)

    def _prefix(self, lexeme: Lexeme, at: At) -> Node | None:
        stem = lexeme.text[:-1]
        tokens = [token for token in tokenise(stem) if token.forms]
        if (
            not lexeme.text.endswith("*")
            or "*" in stem
            or len(tokens) != 1
            or len(tokens[0].forms[0].lstrip("#")) < MIN_PREFIX
        ):
            self._wrong(
                lexeme,
                f"a prefix: at least {MIN_PREFIX} letters of one word and * at its end",
                "For example: woningn*",
            )
            return None
        return Prefix(tokens[0].forms[0], at=at)

    def _string(self, lexeme: Lexeme) -> Node | None:
        slop, end = 0, lexeme.end
        if self._peek().kind == "slop" and self._peek().start == lexeme.end:
            mark = self._take()
            number = _number(mark.value)
            if number is None or number > MAX_DISTANCE:
                self._wrong(
                    mark, f"a number from 0 to {MAX_DISTANCE} after ~", 'For example: "a b"~3'
                )
                return None
            slop, end = number, mark.end
        if lexeme.text[0] != '"':
            self._note(lexeme, "curly quotes are read as straight ones")
        return self._terms(lexeme, lexeme.value, slop, At(lexeme.start, end))

    def _terms(self, lexeme: Lexeme, text: str, slop: int, at: At) -> Node | None:
        if ACCOUNT.search(text):
            self._wrong(lexeme, "a word, not an account", PERSONS)
            return None
        forms = tuple(token.forms[0] for token in tokenise(text) if token.forms)
        if text.startswith("#") and forms and not forms[0].startswith("#"):
            self._wrong(lexeme, "a hashtag with a letter in it", "A number is no hashtag.")
            return None
        if not forms:
            self._wrong(
                lexeme, "something that a text can be searched for", "Links and marks are no words."
            )
            return None
        if len(forms) == 1:
            return Term(forms[0], at=at)
        if lexeme.kind == "word":
            self._note(lexeme, f'{text!r} is read as the phrase "{" ".join(forms)}"')
        return Phrase(forms, slop, at=at)

    def _list(self, lexeme: Lexeme) -> Node | None:
        version = _number(lexeme.value)
        if self._inside or not lexeme.name or ("@" in lexeme.text and version is None):
            self._wrong(lexeme, "the name of a keyword list", "For example: $wijken or $wijken@3")
            return None
        found = self._lists(lexeme.name, version)
        if found is None:
            self._wrong(lexeme, "a list that exists", "`peil rules list` shows which there are.")
            return None
        nodes: list[Node] = []
        for entry in found.entries:
            inner = _Parser(entry, self._lists, self._use, inside=found.name)
            node = inner.parse()
            if inner.problems or node is None or not is_positional(node):
                why = "; ".join(map(str, inner.problems)) or "words, phrases and prefixes only"
                self._wrong(lexeme, f"a sound list; entry {entry!r} is not", why)
                return None
            nodes.append(node)
        return Keywords(found.name, found.version, tuple(nodes), at=At(lexeme.start, lexeme.end))


def _number(text: str) -> int | None:
    """The number that `text` writes; None when it is none, or too long to be meant."""
    return int(text) if text.isdecimal() and len(text) <= MAX_DIGITS else None


def _only_negative(node: Node) -> bool:
    """Whether `node` can be true of a post in which nothing that it names occurs."""
    match node:
        case Not():
            return not _only_negative(node.child)
        case And():
            return all(_only_negative(child) for child in node.children)
        case Or():
            return any(_only_negative(child) for child in node.children)
        case Of():
            return sum(map(_only_negative, children(node))) >= node.least
        case _:
            return False
