"""What a question is before it is counted: the simplest one from which it differs by fewer than
k authors.

Noise hides a small difference between two counts, but not that there is one. So two questions
that somebody writes to differ in one post must be one question. Each operand of a query must
make a difference of at least k authors to its answer, or it is left out: a word rarer than k
authors is as if it did not exist, also where it stands beside others or in a NOT. A distance, a
slop, a prefix, a lemma likewise becomes the simplest that matches the same but for fewer than k
authors. (The low-effect detection of Diffix, Francis et al., "Diffix: High-Utility Database
Anonymization", 2017, taken further: the whole query is an operand too.) And a period begins and
ends where at least k authors are between one end and the next: so two periods differ in as many.

Keyword lists are left as they are: nobody changes them for one question.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from typing import TypeVar

import msgspec

from index.contract import Asked, Bin, Question, TooBroad
from index.values import bin_name, hours_to, start_of
from rules.errors import Problem, QueryError
from rules.folding import fold
from rules.parser import MIN_PREFIX
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
    is_positional,
    size,
    walk,
)  # fmt: skip

MOST_OPERANDS = 100

Differ = Callable[[Question, Question], bool]
"""Whether two questions differ by at least k authors."""

DAY = timedelta(days=1)

T = TypeVar("T")


def simplest(question: Question, differ: Differ) -> Question:
    """The question that is asked in place of `question`."""
    if question.query is not None and size(question.query) > MOST_OPERANDS:
        raise TooBroad(
            f"a question has at most {MOST_OPERANDS} words and operators: put the words into a "
            "keyword list, or the question into a rule"
        )
    tried = since = 0
    simpler = steps_from(question.query)
    while since < len(simpler):  # not all of them, since the last that made no difference
        other = msgspec.structs.replace(question, query=simpler[tried % len(simpler)])
        if differ(question, other):
            tried, since = tried + 1, since + 1
        else:
            question, since = other, 0
            simpler = steps_from(question.query)
    return question


def with_dates(question: Question, text: str, *, timezone: str) -> Question:
    """`question` (written as `text`) with its `date:` in the period. QueryError for one that is
    not a condition of the whole.
    """
    tree = question.query
    if tree is None:
        return question
    parts = tree.children if isinstance(tree, And) else (tree,)
    since, until = question.since, question.until
    for part in parts:
        if isinstance(part, Dates):
            first, end = (start_of(day, timezone) for day in (part.first, part.end))
            since = first if since is None else max(since, first)
            until = end if until is None else min(until, end)
    rest = tuple(part for part in parts if not isinstance(part, Dates))
    problems = [
        _misplaced(text, dates) for part in rest for dates in walk(part) if isinstance(dates, Dates)
    ]
    if problems:
        raise QueryError(text, problems)
    query = _together(And, rest) if rest else None
    return msgspec.structs.replace(question, query=query, since=since, until=until)


def settled(
    question: Question, store: Asked, *, least: int, today: date, timezone: str
) -> Question:
    """What is asked of `store` in place of `question`: the simplest, in whole days that are over,
    from the end of a block of `least` authors to another.
    """
    whole = msgspec.structs.replace(question, since=None, until=None)

    def differ(first: Question, second: Question) -> bool:
        return store.differ(first, second, least=least)

    while True:
        days = store.blocks(whole, least=least)
        asked = msgspec.structs.replace(whole, since=question.since, until=question.until)
        asked = _within(asked, days, today=today, timezone=timezone)
        if asked.until in (asked.since, 0):
            return asked  # there is nothing to compare in
        simple = simplest(asked, differ)
        if simple.query == whole.query:
            return asked
        whole = msgspec.structs.replace(whole, query=simple.query)


def _within(question: Question, days: Sequence[date], *, today: date, timezone: str) -> Question:
    """`question` with a period that begins and ends at the end of one of `days`, before `today`:
    both ends at the last such that is not later than what was asked for.
    """
    ends = [start_of(day + DAY, timezone) for day in days if day < today]
    since, until = question.since, question.until
    before = [end for end in ends if since is not None and end <= since]
    last = [end for end in ends if until is None or end <= until]
    return msgspec.structs.replace(
        question, since=before[-1] if before else None, until=last[-1] if last else 0
    )


def axis(
    question: Question, days: Sequence[date], name: Bin, *, today: date, timezone: str
) -> Sequence[str]:
    """The first and the last bin of `name` in the period of `question`, when `days` are the ends
    of the blocks of all posts; nothing when none of them is in it.
    """
    since, until = question.since, question.until
    within = [
        day
        for day in days
        if day < today
        and (since is None or start_of(day, timezone) >= since)
        and (until is None or start_of(day, timezone) < until)
    ]
    if not within:
        return []
    last = 23 if name == "hour" else 0
    return [
        bin_name(hours_to(within[0]), name),
        bin_name(hours_to(within[-1]) + last, name),
    ]


def _misplaced(text: str, dates: Dates) -> Problem:
    line = text.count("\n", 0, dates.at.start) + 1
    column = dates.at.start - (text.rfind("\n", 0, dates.at.start) + 1) + 1
    written = text[dates.at.start : dates.at.end]
    hint = "Put it beside the whole query, or choose the period."
    return Problem(line, column, written, "date: as a condition of the whole question", hint)


def steps_from(tree: Node | None) -> Sequence[Node | None]:
    """Every tree that is one step simpler; None is no condition at all."""
    return [] if tree is None else [None, *_simpler(tree, placed=False)]


def _simpler(node: Node, *, placed: bool) -> Iterator[Node]:
    """`node` with one operand less, or one of its parts made simpler, where it was written. What
    is `placed` stands beside NEAR and must keep a place in the text.
    """
    for each in itertools.chain(
        _simpler_itself(node, placed=placed), _simpler_below(node, placed=placed)
    ):
        yield each if each.at.end else dataclasses.replace(each, at=node.at)


def _simpler_itself(node: Node, *, placed: bool) -> Iterator[Node]:
    match node:
        case And() | Or():
            yield from (_together(type(node), rest) for rest in _without_one(node.children))
        case Of():
            for rest in _without_one(node.members):
                if node.least <= len(rest):
                    yield _of(node.least, rest)  # as if it never matched
                if node.least > 1:
                    yield _of(node.least - 1, rest)  # as if it always did
        case Near():
            if not placed:
                yield And((node.left, node.right))
            if node.distance > 0:
                yield Near(node.left, node.right, node.distance - 1, node.ordered)
            if node.ordered:
                yield Near(node.left, node.right, node.distance)
        case Together():
            if not placed:
                yield And((node.left, node.right))
        case Phrase():
            if node.slop:
                yield Phrase(node.forms, node.slop - 1)
            yield from (_phrase(forms) for forms in (node.forms[1:], node.forms[:-1]))
        case Prefix():
            yield Term(node.stem)
            if len(node.stem) > MIN_PREFIX:
                yield Prefix(node.stem[:-1])
        case Cased():
            yield _phrase(tuple(map(fold, node.words)))
        case Lemma() | Part():
            yield Term(node.word)
        case Field():
            if len(node.values) > 1:
                yield from (Field(node.name, rest) for rest in _without_one(node.values))
        case Not() | Term() | Keywords() | Dates():
            pass


def _simpler_below(node: Node, *, placed: bool) -> Iterator[Node]:
    match node:
        case And() | Or():
            for index, child in enumerate(node.children):
                for simpler in _simpler(child, placed=placed):
                    yield _together(type(node), _with(node.children, index, simpler))
        case Of():
            for index, member in enumerate(node.members):
                for simpler in _simpler(member, placed=False):
                    yield Of(node.least, _with(node.members, index, simpler))
        case Not():
            yield from (Not(simpler) for simpler in _simpler(node.child, placed=False))
        case Near() | Together():
            for simpler in _simpler(node.left, placed=True):
                if is_positional(simpler):
                    yield _beside(node, simpler, node.right)
            for simpler in _simpler(node.right, placed=True):
                if is_positional(simpler):
                    yield _beside(node, node.left, simpler)
        case _:
            pass


def _without_one(items: tuple[T, ...]) -> Iterator[tuple[T, ...]]:
    return (items[:index] + items[index + 1 :] for index in range(len(items)))


def _with(items: tuple[Node, ...], index: int, item: Node) -> tuple[Node, ...]:
    return (*items[:index], item, *items[index + 1 :])


def _together(kind: type[And] | type[Or], nodes: tuple[Node, ...]) -> Node:
    return nodes[0] if len(nodes) == 1 else kind(nodes)


def _of(least: int, members: tuple[Node, ...]) -> Node:
    if least == len(members):
        return _together(And, members)
    return Or(members) if least == 1 else Of(least, members)


def _phrase(forms: tuple[str, ...]) -> Node:
    return Term(forms[0]) if len(forms) == 1 else Phrase(forms)


def _beside(node: Near | Together, left: Node, right: Node) -> Node:
    if isinstance(node, Near):
        return Near(left, right, node.distance, node.ordered)
    return Together(left, right)
