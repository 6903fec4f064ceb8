"""Why a query, or a part of it, is not true of a post: the first thing that failed, in words."""

import difflib
from bisect import bisect_left
from collections.abc import Callable, Iterable
from datetime import timedelta
from itertools import islice
from typing import assert_never

from rules.evaluator import MAX_SPANS, Reading, evidence, field_values, holds
from rules.spans import Span
from rules.tree import (
    And,
    Cased,
    Dates,
    Field,
    FieldName,
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

Name = Callable[[Node], str]
"""How a part of the query is called: as it was written."""

CLOSE = 0.75
"""A word of the post that is so much like the one looked for is named, 0..1."""

_LABELS: dict[FieldName, str] = {
    "lang": "language",
    "source": "source",
    "platform": "platform",
    "kind": "kind",
    "topic": "topic",
    "sentiment": "sentiment",
    "place": "place",
    "has": "attachment",
    "rule": "rule",
}


def failure(node: Node, post: Reading, name: Name) -> str:
    """What is lacking for `node`, which is false of `post`, to be true of it."""
    match node:
        case Term():
            return _missing(node.form, post, name(node))
        case Phrase():
            return _phrase(node, post)
        case Prefix():
            return f"no word begins with `{node.stem}`"
        case Cased():
            return _cased(node, post)
        case Lemma():
            return f"no form of `{node.word}` occurs"
        case Part():
            return f"no word is `{node.word}` or has it as a part"
        case And():
            lacking = next(each for each in node.children if not holds(each, post))
            return failure(lacking, post, name)
        case Or():
            return _no_branch(node, post, name)
        case Keywords():
            return f"none of the {len(node.entries)} entries of {name(node)} occurs"
        case Not():
            return _present(node, post, name)
        case Near() | Together():
            side = next((each for each in children(node) if not holds(each, post)), None)
            return _apart(node, post, name) if side is None else failure(side, post, name)
        case Of():
            there = sum(holds(each, post) for each in node.members)
            return f"{there} of {node.least} wanted in {name(node)}"
        case Field():
            return _field(node, post)
        case Dates():
            last = node.end - timedelta(days=1)
            return f"it was made on {post.day}, not in {node.first} to {last}"
        case _:
            assert_never(node)


def _no_branch(node: Or, post: Reading, name: Name) -> str:
    nearest = max(node.children, key=lambda each: closeness(each, post))
    if closeness(nearest, post):
        return f"nearest comes {name(nearest)}: {failure(nearest, post, name)}"
    close = next((word for each in node.children if (word := _like(each, post))), "")
    return f"nothing of {name(node)} is there" + (f"; the text has `{close}`" if close else "")


def closeness(node: Node, post: Reading) -> float:
    """How much of what `node` wants is there: 1 when it is true, 0 when nothing of it is."""
    if holds(node, post):
        return 1.0
    match node:
        case Phrase():
            parts = [float(form in post.places) for form in node.forms]
        case And() | Near() | Together():
            parts = [closeness(each, post) for each in children(node) if not isinstance(each, Not)]
        case Of():
            parts = [sum(holds(each, post) for each in node.members) / node.least]
        case Or() | Keywords():
            return max((closeness(each, post) for each in children(node)), default=0.0)
        case _:
            return 0.0
    return sum(parts) / len(parts) if parts else 0.0


def _missing(form: str, post: Reading, name: str) -> str:
    if form.startswith("#") and form[1:] in post.places:
        return f"`{form[1:]}` occurs, and not as a hashtag"
    close = _like(Term(form), post)
    instead = f"; `{close}` does" if close else ""
    return f"{name} does not occur{instead}"


def _like(node: Node, post: Reading) -> str:
    """A word of the post that is nearly the one that `node` wants, if there is one."""
    if not isinstance(node, Term):
        return ""
    close = difflib.get_close_matches(node.form, post.places, n=1, cutoff=CLOSE)
    return close[0] if close else ""


def _phrase(node: Phrase, post: Reading) -> str:
    for form in node.forms:
        if form not in post.places:
            return _missing(form, post, f"`{form}`")
    between = _fewest(lambda slop: Phrase(node.forms, slop), post)
    if between is None:
        return "its words occur, not in this order"
    allowed = f"at most {node.slop}" if node.slop else "none"
    return f"between its words {_stand(between)}, and {allowed} may"


def _fewest(loose: Callable[[int], Node], post: Reading) -> int | None:
    """How many tokens between make `loose` true, at least; None when no number does."""
    most = len(post.tokens)
    found = bisect_left(range(most), 1, key=lambda number: int(holds(loose(number), post)))
    return found if found < most else None


def _stand(count: int) -> str:
    return "stands 1 other" if count == 1 else f"stand {count} others"


def _cased(node: Cased, post: Reading) -> str:
    wanted = " ".join(node.words)
    for start in range(len(post.tokens) - len(node.words) + 1):
        found = " ".join(each.cased for each in post.tokens[start : start + len(node.words)])
        if found.casefold() == wanted.casefold():
            return f"it is written `{found}`, not `{wanted}`"
    return f"`{wanted}` does not occur"


def _present(node: Not, post: Reading, name: Name) -> str:
    words = _quoted(evidence(node.child, post), post) or name(node.child)
    return f"excluded by {words}" if node.exclude else f"{words} is there and must not be"


def _quoted(found: Iterable[Span], post: Reading) -> str:
    """The first of these words as they stand in the text."""
    first = min(islice(found, MAX_SPANS), default=None)
    if first is None:
        return ""
    start, end = post.tokens[first[0]].start, post.tokens[first[1] - 1].end
    return f"`{' '.join(post.post.text[start:end].split())}`"


def _apart(node: Near | Together, post: Reading, name: Name) -> str:
    left, right = name(node.left), name(node.right)
    if not holds(Near(node.left, node.right, len(post.tokens)), post):
        return f"{left} and {right} are the same words here"
    if isinstance(node, Together):
        return f"{left} and {right} both occur, not in one sentence"
    nearest = _fewest(lambda between: Near(node.left, node.right, between, node.ordered), post)
    if nearest is None:
        return f"{left} comes only after {right}"
    side = "before" if node.ordered else "of"
    return (
        f"no {left} within {node.distance} tokens {side} {right}; the nearest has {nearest} between"
    )


def _field(node: Field, post: Reading) -> str:
    found, wanted = sorted(field_values(node, post.post)), " or ".join(node.values)
    label = _LABELS[node.name]
    if node.name in ("has", "place", "rule"):
        there = f", only {', '.join(found)}" if found else ""
        return f"it has no {label} {wanted}{there}"
    if not found:
        return f"its {label} is not known"
    return f"its {label} is {found[0]}, not {wanted}"
