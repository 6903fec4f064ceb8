"""Groups of words as tantivy finds one beside another: as a phrase of two patterns."""

import re
from collections.abc import Iterator

import msgspec

from rules.tree import Keywords, Node, Or, Prefix, Term, children

MOST_LETTERS = 900
"""Tantivy takes patterns of at most 1,000 states: one for each byte, and a few for a prefix."""

MOST_WORDS = 10_000
"""Tantivy looks for 16,384 words in the place of a pattern at most, in each file of its index."""


class Group(msgspec.Struct, frozen=True):
    """Any word out of `forms`, or one that begins with any of `stems`."""

    forms: frozenset[str]
    stems: frozenset[str]

    def apart(self, other: "Group") -> bool:
        """Whether no two forms of both can ever stand at one position: two different words can
        not, a hashtag and its word, or two emoji, might.
        """
        mine, others = _plain(self), _plain(other)
        return (
            all(form.replace("'", "").isalnum() for form in mine.all | others.all)
            and mine.forms.isdisjoint(others.forms)
            and not any(form.startswith(tuple(others.stems)) for form in mine.all)
            and not any(form.startswith(tuple(mine.stems)) for form in others.all)
        )

    def patterns(self) -> Iterator[str]:
        """Patterns of which together the group is the words."""
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


def group(node: Node) -> Group | None:
    """The words of which `node` is any one; None when it is something else."""
    match node:
        case Term():
            return Group(frozenset({node.form}), frozenset())
        case Prefix():
            return Group(frozenset(), frozenset({node.stem}))
        case Or() | Keywords():
            found = [group(child) for child in children(node)]
            known = [each for each in found if each is not None]
            if len(known) < len(found):
                return None
            return Group(
                frozenset().union(*(each.forms for each in known)),
                frozenset().union(*(each.stems for each in known)),
            )
        case _:
            return None


def _plain(words: Group) -> Group:
    forms, stems = (
        frozenset(form.lstrip("#") for form in each) for each in (words.forms, words.stems)
    )
    return Group(forms, stems)
