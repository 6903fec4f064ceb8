"""A rule's tree as two queries of an engine: one that finds too much, one that finds too little.

When both are the same the query is exact and counts come straight from the engine; else what
lies between is verified with the naive evaluator.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, Protocol, TypeVar, assert_never

from index.contract import Question
from index.document import CASED, LEMMA, PART, QUERY_FIELDS, SPECIAL
from index.values import EPOCH, LONGEST, UNKNOWN, fitting
from rules.tree import (
    And,
    Cased,
    Dates,
    Field,
    Keywords,
    Lemma,
    Near,
    Node,
    Not,
    Of,
    Or,
    Part,
    Phrase,
    Prefix,
    Term,
    Together,
    children,
)  # fmt: skip

Q = TypeVar("Q")


@dataclass(frozen=True, slots=True)
class Compiled(Generic[Q]):
    """`upper` matches every post that the tree does, `lower` (when there is one) only such."""

    upper: Q
    lower: Q | None

    @property
    def exact(self) -> bool:
        return self.upper is self.lower


def exactly(query: Q) -> Compiled[Q]:
    """The compilation of what an engine decides alone."""
    return Compiled(query, query)


class Engine(Protocol[Q]):
    """The queries that an engine has for `index.document`; Q is its type of one.

    `deepest` is how many operators may stand in one another; what is deeper is verified.
    """

    deepest: int

    def everything(self) -> Q:
        """Every post."""
        ...

    def every(self, queries: Sequence[Q]) -> Q:
        """What all of `queries` match."""
        ...

    def at_least(self, least: int, queries: Sequence[Q]) -> Q:
        """What so many of `queries` match."""
        ...

    def without(self, query: Q) -> Q:
        """What `query` does not match."""
        ...

    def words(self, forms: Sequence[str]) -> Q:
        """Consecutive tokens with these forms."""
        ...

    def prefix(self, stem: str) -> Q:
        """A token with a form that begins with `stem`."""
        ...

    def among(self, field: str, values: Sequence[str]) -> Q:
        """Posts that have one of `values` in a field of `index.document.WORDS`."""
        ...

    def posts(self, ids: Sequence[str]) -> Q:
        """The posts with these ids."""
        ...

    def between(self, field: str, first: int | None, end: int | None) -> Q:
        """Posts whose number `field` lies from `first` (inclusive) to `end` (exclusive)."""
        ...

    def sloppy(self, phrase: Phrase) -> Q | None:
        """Exactly what a phrase with slop matches; None when the engine cannot tell."""
        ...

    def near(self, near: Near) -> Compiled[Q] | None:
        """What NEAR matches; None when the engine can only tell that both sides do."""
        ...


class Compiler(Generic[Q]):
    """Compiles for one engine. A `rough` one leaves order and distance of words to the evaluator,
    for trees that would have too many clauses.
    """

    def __init__(self, engine: Engine[Q], *, rough: bool = False) -> None:
        self._engine = engine
        self._rough = rough

    def ask(self, question: Question) -> Compiled[Q]:
        """The queries for all of `question` but its scope."""
        engine, tree = self._engine, question.query
        compiled = exactly(engine.everything()) if tree is None else self.compile(tree)
        limits: list[Q] = []
        if question.since is not None or question.until is not None:
            limits.append(engine.between("ms", question.since, question.until))
        if question.seen_since is not None:
            limits.append(engine.between("first_observed", question.seen_since, None))
        if question.readable:
            limits.append(engine.without(engine.among("special", [SPECIAL])))
        if question.shadow:
            limits.append(engine.among("shadow", [question.shadow]))
        if not limits:
            return compiled
        upper = engine.every([compiled.upper, *limits])
        if compiled.exact:
            return exactly(upper)
        lower = None if compiled.lower is None else engine.every([compiled.lower, *limits])
        return Compiled(upper, lower)

    def open(self, compiled: Compiled[Q]) -> Q:
        """What may match and is not known to."""
        if compiled.lower is None:
            return compiled.upper
        return self._engine.every([compiled.upper, self._engine.without(compiled.lower)])

    def closed(self, compiled: Compiled[Q], ids: Sequence[str]) -> Q:
        """What is known to match, and of what may match the posts with these ids."""
        engine = self._engine
        known = engine.without(engine.everything()) if compiled.lower is None else compiled.lower
        if not ids:
            return known
        return engine.at_least(1, [known, engine.every([compiled.upper, engine.posts(ids)])])

    def compile(self, node: Node, depth: int = 0) -> Compiled[Q]:
        """The queries for `node`, which stands within `depth` operators."""
        engine = self._engine
        if depth > engine.deepest:
            return Compiled(engine.everything(), None)
        match node:
            case Term():
                return self._words([node.form])
            case Phrase():
                return self._phrase(node)
            case Prefix():
                return self._fits([node.stem], engine.prefix(fitting(node.stem)))
            case Cased():
                return self._words([CASED + word for word in node.words])
            case Lemma():
                return self._either(LEMMA + node.word, node.word)
            case Part():
                return self._either(PART + node.word, node.word)
            case And():
                return self._some(node.children, len(node.children), depth)
            case Or():
                return self._some(node.children, 1, depth)
            case Keywords():
                return self._some(node.entries, 1, depth)
            case Of():
                return self._some(node.members, node.least, depth)
            case Not():
                child = self.compile(node.child, depth + 1)
                lower = engine.without(child.upper)
                if child.exact:
                    return exactly(lower)
                upper = engine.everything() if child.lower is None else engine.without(child.lower)
                return Compiled(upper, lower)
            case Near():
                whole = not self._rough and _uncut(PART + form for form in forms_of(node))
                return (engine.near(node) if whole else None) or self._both(node, depth)
            case Together():
                return self._both(node, depth)
            case Field():
                known = [value for value in node.values if value != UNKNOWN]
                if not known:
                    return exactly(engine.without(engine.everything()))
                return exactly(engine.among(QUERY_FIELDS.get(node.name, node.name), known))
            case Dates():
                first, end = (node.first - EPOCH).days, (node.end - EPOCH).days
                return exactly(engine.between("day", first, end))
            case _:
                assert_never(node)

    def _words(self, forms: Sequence[str]) -> Compiled[Q]:
        if self._rough and len(forms) > 1:
            return Compiled(self._words([max(forms, key=len)]).upper, None)
        return self._fits(forms, self._engine.words([fitting(form) for form in forms]))

    def _fits(self, forms: Sequence[str], query: Q) -> Compiled[Q]:
        return exactly(query) if _uncut(forms) else Compiled(query, None)

    def _either(self, one: str, other: str) -> Compiled[Q]:
        words = [self._engine.words([fitting(form)]) for form in (one, other)]
        query = self._engine.at_least(1, words)
        return self._fits([one, other], query)

    def _phrase(self, node: Phrase) -> Compiled[Q]:
        strict = self._words(node.forms)
        if node.slop == 0 or self._rough:
            return strict
        decided = self._engine.sloppy(node) if _uncut(node.forms) else None
        if decided is not None:
            return exactly(decided)
        words = [self._engine.words([fitting(form)]) for form in dict.fromkeys(node.forms)]
        return Compiled(self._engine.every(words), strict.lower)

    def _both(self, node: Near | Together, depth: int) -> Compiled[Q]:
        sides = [self.compile(side, depth + 1).upper for side in (node.left, node.right)]
        return Compiled(self._engine.every(sides), None)

    def _some(self, nodes: Sequence[Node], least: int, depth: int) -> Compiled[Q]:
        """What so many of `nodes` match."""
        every, at_least = self._engine.every, self._engine.at_least
        parts = [self.compile(node, depth + 1) for node in nodes]
        join = every if least == len(parts) else partial(at_least, least)
        upper = join([part.upper for part in parts])
        if all(part.exact for part in parts):
            return exactly(upper)
        known = [part.lower for part in parts if part.lower is not None]
        return Compiled(upper, join(known) if len(known) >= least else None)


def _uncut(forms: Iterable[str]) -> bool:
    """Whether these forms are in the index as they are."""
    return all(len(form.encode()) < LONGEST for form in forms)


def forms_of(node: Node) -> Iterator[str]:
    """Every word that a tree asks for."""
    match node:
        case Term():
            yield node.form
        case Phrase():
            yield from node.forms
        case Prefix():
            yield node.stem
        case Cased():
            yield from (CASED + word for word in node.words)
        case Lemma() | Part():
            yield node.word
        case _:
            for child in children(node):
                yield from forms_of(child)
