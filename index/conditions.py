"""What a question asks, written so that the same wish is the same text: for the part of the noise
that goes by the question.

A count by language and a question with `lang:nl` are the same wish, and so are a bin of a table
and its period; how AND, OR, NOT and OF are put together makes no difference.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import get_args

from index.contract import Dimension, Question
from index.function import conditions_of, names_of
from index.values import MULTIPLE, WHOLE_DAYS, day_after, first_day, start_of
from rules.tree import And, Field, Keywords, Near, Node, Not, Of, Or, Together

FIELDS: Mapping[str, str] = {"lang": "language"}
"""Fields of the rule language whose dimension has another name."""

SINGLE = frozenset(get_args(Dimension)) - MULTIPLE
"""Dimensions of which each post has one value at most."""

Key = tuple[str, ...]


def conditions(
    question: Question, dimensions: Sequence[Dimension], key: Key, *, timezone: str
) -> str:
    """The text of the posts in cell `key` of a table of `question` by `dimensions`; an empty key
    stands for all of them.
    """
    found = set[str]()
    if question.shadow:
        found.add(f"shadow={question.shadow}")
    since, until = question.since, question.until
    for dimension, value in zip(dimensions, key, strict=False):
        bounds = _bounds(dimension, value, timezone)
        if bounds is None:
            found.add(f"{dimension}={value}")
        else:
            since = bounds[0] if since is None else max(since, bounds[0])
            until = bounds[1] if until is None else min(until, bounds[1])
    if question.query is not None:
        about = _fields(question.query)
        found |= _wish(question.query, frozenset(each for each in found if _field(each) in about))
    period = f"{since}..{until} {question.scope} {question.readable}"
    if question.seen_since is not None:
        found.add(f"seen since {question.seen_since}")
    return "\n".join([period, *sorted(found)])


def _field(condition: str) -> str:
    return condition.partition("=")[0]


def _one_of(condition: str) -> str | None:
    field = _field(condition)
    return field if field in SINGLE else None


@lru_cache(maxsize=1_000)
def _fields(tree: Node) -> frozenset[str]:
    return frozenset(map(_field, names_of(tree, _text)))


@lru_cache(maxsize=10_000)
def _wish(tree: Node, given: frozenset[str]) -> frozenset[str]:
    """The conditions that must all hold beside those that are given."""
    found = conditions_of(tree, _text, given=given, one_of=_one_of)
    return frozenset(_parts(tree)) if found is None else found


def _parts(tree: Node) -> Iterator[str]:
    if isinstance(tree, And):
        for child in tree.children:
            yield from _parts(child)
    else:
        yield _text(tree)


def _text(node: Node, *, negated: bool = False) -> str:
    match node:
        case Not():
            return _text(node.child, negated=not negated)
        case And() | Or():
            word = "and" if isinstance(node, And) is not negated else "or"
            return _sorted(word, node.children, negated=negated)
        case Of():
            least = len(node.members) - node.least + 1 if negated else node.least
            return _sorted(f"{least} of", node.members, negated=negated)
        case Field(values=(value,)):
            text = f"{FIELDS.get(node.name, node.name)}={value}"
        case Field():
            text = f"{FIELDS.get(node.name, node.name)}={sorted(node.values)}"
        case Near(ordered=False):
            text = _sorted(f"near {node.distance}", (node.left, node.right), negated=False)
        case Together():
            text = _sorted("together", (node.left, node.right), negated=False)
        case Keywords():
            text = f"${node.name}@{node.version}"
        case _:
            text = repr(node)
    return f"not {text}" if negated else text


def _sorted(word: str, nodes: Sequence[Node], *, negated: bool) -> str:
    texts = sorted({_text(node, negated=negated) for node in nodes})
    return f"({word}: {', '.join(texts)})"


@lru_cache(maxsize=10_000)
def _bounds(dimension: Dimension, value: str, timezone: str) -> tuple[int, int] | None:
    """The period of a bin in Unix ms; None for what is no bin of whole days."""
    if dimension not in WHOLE_DAYS:
        return None
    return start_of(first_day(value), timezone), start_of(day_after(value), timezone)
