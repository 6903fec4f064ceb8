"""Groups of words as tantivy finds one beside another: as a phrase of two patterns."""

import re
from collections.abc import Iterator, Sequence

import msgspec

from index.document import CASED, LEMMA, PART
from rules.tree import Cased, Keywords, Lemma, Node, Or, Part, Phrase, Prefix, Term, children

MOST_LETTERS = 900
"""Tantivy takes patterns of at most 1,000 states: one for each byte, and a few for a prefix."""

MOST_WORDS = 10_000
"""Tantivy looks for 16,384 words in the place of a pattern at most, in each file of its index."""


class Group(msgspec.Struct, frozen=True):
    """Any word out of `forms`, or one that begins with any of `stems`."""

    forms: frozenset[str]
    stems: frozenset[str]

    def meeting(self, other: "Group") -> "Group":
        """What of this can stand at one position with something of `other`: two different words
        can not, a hashtag and its word, or two emoji, might.
        """
        if not all(map(_is_word, self.all | other.all)):
            return self
        forms = frozenset(map(_plain, other.forms))
        stems = tuple(map(_plain, other.stems))
        starts = {
            stem
            for stem in self.stems
            if _plain(stem).startswith(stems)
            or any(form.startswith(_plain(stem)) for form in forms.union(stems))
        }
        same = {w for w in self.forms if _plain(w) in forms or _plain(w).startswith(stems)}
        return Group(frozenset(same), frozenset(starts))

    def without(self, other: "Group") -> "Group":
        """What `other` does not have."""
        return Group(self.forms - other.forms, self.stems - other.stems)

    @property
    def word(self) -> str | None:
        """The only word that it is."""
        return next(iter(self.forms)) if len(self.forms) == 1 and not self.stems else None

    def patterns(self) -> Iterator[str]:
        """Patterns of which together the group is the words; none for a group of nothing."""
        if not self.all:
            return
        for part in self._parts():
            stems = "|".join(map(re.escape, sorted(part.stems)))
            starts = [f"(?:{stems}).*"] if stems else []
            yield "|".join([*starts, *map(re.escape, sorted(part.forms))])

    @property
    def all(self) -> frozenset[str]:
        """What is written in it."""
        return self.forms | self.stems

    def _parts(self) -> Iterator["Group"]:
        """The same in several groups, where it is too much for one pattern."""
        forms, stems, letters = set[str](), set[str](), 0
        for some, each in [
            *((stems, stem) for stem in sorted(self.stems)),
            *((forms, form) for form in sorted(self.forms)),
        ]:
            letters += len(each.encode())
            if letters > MOST_LETTERS:
                yield Group(frozenset(forms), frozenset(stems))
                forms.clear()
                stems.clear()
                letters = len(each.encode())
            some.add(each)
        yield Group(frozenset(forms), frozenset(stems))


class Run(msgspec.Struct, frozen=True):
    """Words one directly after another: any of `first`, and then these forms."""

    first: Group
    rest: tuple[str, ...] = ()

    def __len__(self) -> int:
        return 1 + len(self.rest)


def runs(node: Node) -> Sequence[Run] | None:
    """What every span of `node` is one of, all single words together in one of them; None when
    its spans are something else.
    """
    match node:
        case Term():
            return [_run(node.form)]
        case Phrase(slop=0):
            return [_run(*node.forms)]
        case Cased():
            return [_run(*(CASED + word for word in node.words))]
        case Lemma():
            return [Run(Group(frozenset({LEMMA + node.word, node.word}), frozenset()))]
        case Part():
            return [Run(Group(frozenset({PART + node.word, node.word}), frozenset()))]
        case Prefix():
            return [Run(Group(frozenset(), frozenset({node.stem})))]
        case Or() | Keywords():
            found = [runs(child) for child in children(node)]
            known = [run for each in found if each is not None for run in each]
            return None if None in found else _together(known)
        case _:
            return None


def _run(first: str, *rest: str) -> Run:
    return Run(Group(frozenset({first}), frozenset()), rest)


def _together(found: Sequence[Run]) -> Sequence[Run]:
    words = [run.first for run in found if not run.rest]
    longer = [run for run in found if run.rest]
    if not words:
        return longer
    forms = frozenset[str]().union(*(each.forms for each in words))
    stems = frozenset[str]().union(*(each.stems for each in words))
    return [Run(Group(forms, stems)), *longer]


def _plain(form: str) -> str:
    return form.lstrip("#")


def _is_word(form: str) -> bool:
    return _plain(form).replace("'", "").isalnum()
