"""The matcher on the stream: candidates by what must occur, then the naive evaluator."""

from collections.abc import Sequence

from rules.documents import ActiveRule
from rules.evaluator import evaluate
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
from stream.post import Match, Post

STEM = 4
"""Prefixes are at least this long, so candidates are looked up by so many first characters."""

Trigger = Term | Prefix


def triggers(node: Node) -> frozenset[Trigger] | None:
    """Forms and prefixes of which one at least occurs in every post that `node` matches; None
    when that cannot be said.
    """
    match node:
        case Term() | Prefix():
            return frozenset({node})
        case Phrase():
            return frozenset({Term(max(node.forms, key=len))})
        case Or() | Keywords():
            return _union(node)
        case Of():
            return _union(node)
        case And() | Near() | Together():
            known = [found for each in children(node) if (found := triggers(each)) is not None]
            return min(known, key=len, default=None)
        case Not() | Field() | Dates() | Cased() | Lemma() | Part():
            return None


def _union(node: Node) -> frozenset[Trigger] | None:
    found = [triggers(each) for each in children(node)]
    return None if None in found else frozenset().union(*(each for each in found if each))


class Matcher:
    """A set of rules, ready to match. Immutable, so it is swapped between batches."""

    def __init__(self, rules: Sequence[ActiveRule], *, timezone: str) -> None:
        self.rules = tuple(rules)
        self._timezone = timezone
        self._always: list[int] = []
        self._by_form: dict[str, list[int]] = {}
        self._by_stem: dict[str, list[tuple[str, int]]] = {}
        for number, rule in enumerate(self.rules):
            found = triggers(rule.tree)
            if found is None:
                self._always.append(number)
                continue
            for trigger in found:
                if isinstance(trigger, Term):
                    self._by_form.setdefault(trigger.form, []).append(number)
                else:
                    stems = self._by_stem.setdefault(trigger.stem[:STEM], [])
                    stems.append((trigger.stem, number))

    def match(self, posts: Sequence[Post]) -> list[tuple[Match, ...]]:
        """The matches of each post, in the order of the rules."""
        return [self._match(post) for post in posts]

    def _match(self, post: Post) -> tuple[Match, ...]:
        candidates = set(self._always)
        for token in post.tokens:
            for form in token.forms:
                candidates.update(self._by_form.get(form, ()))
                for stem, number in self._by_stem.get(form[:STEM], ()):
                    if form.startswith(stem):
                        candidates.add(number)
        matches: list[Match] = []
        for number in sorted(candidates):
            rule = self.rules[number]
            outcome = evaluate(rule.tree, post, timezone=self._timezone)
            if outcome.matched:
                matches.append(Match(rule.id, rule.version, outcome.spans))
        return tuple(matches)
