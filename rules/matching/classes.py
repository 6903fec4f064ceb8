"""What hangs on a token: the bits that it sets, phrases that it is in, sides of pairs that it is.

Tokens that satisfy the same atoms are of one class, and class 0 satisfies none. A class is made
when its first token is met; there are never more than the rules have words to combine. Each is
there twice: as rows for joins over many posts, and as tuples for loops over one.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from rules.matching.plan import Atom, Pair, Plan
from rules.matching.rows import Rows
from stream.post import Token

BITS = 8
"""A target is the number of a rule times this, and the number of its bit."""

NO_WORD = -1
"""In a class, that it has no (further) word of a phrase; in a phrase, that it is over."""


class Standing(NamedTuple):
    """A phrase as it is looked for from its rarest word, which stands `at` tokens after its first;
    and the bit that it sets.
    """

    at: int
    words: tuple[int, ...]
    rule: int
    bit: int


class Side(NamedTuple):
    """A side of a pair: the other must stand at most `reach` tokens before it."""

    mine: int
    other: int
    reach: int
    rule: int
    bit: int


class Few(NamedTuple):
    """What hangs on the tokens of a class: rules that it decides alone, bits of others, phrases,
    sides of pairs, and its numbers as a word of phrases.
    """

    decided: Sequence[int]
    targets: Sequence[tuple[int, int]]
    phrases: Sequence[Standing]
    sides: Sequence[Side]
    words: frozenset[int]


@dataclass(slots=True)
class _Hanging:
    """What hangs on one atom, and its number as a word of phrases."""

    targets: list[int] = field(default_factory=list[int])
    phrases: list[int] = field(default_factory=list[int])
    sides: list[int] = field(default_factory=list[int])
    word: int = NO_WORD


class Classes:
    """The classes of tokens for a set of plans, and tables of their phrases and pairs."""

    def __init__(self, plans: Sequence[Plan]) -> None:
        self._hanging: dict[Atom, _Hanging] = {}
        phrases, pairs = list[tuple[int, tuple[str, ...]]](), list[tuple[int, Pair]]()
        for number, plan in enumerate(plans):
            for place, bit in enumerate(plan.bits):
                target = number * BITS + place
                for atom in bit.atoms:
                    self._on(atom).targets.append(target)
                phrases += [(target, forms) for forms in bit.phrases]
                pairs += [(target, pair) for pair in bit.pairs]
        self._one_bit = [len(plan.bits) == 1 for plan in plans]
        self._lay_phrases(phrases)
        self._lay_pairs(pairs)
        self._stems = sorted({len(stem) for kind, stem in self._hanging if kind == "stem"})
        shortest = self._stems[0] if self._stems else 0
        self._heads = {stem[:shortest] for kind, stem in self._hanging if kind == "stem"}
        self.plain = all(kind in ("form", "stem") for kind, _ in self._hanging)
        """Whether nothing but a token's forms decides its class."""
        self.targets, self.phrases, self.sides = Rows(), Rows(), Rows()
        self.words = np.full((16, 2), NO_WORD, np.int32)
        self.few: list[Few] = []
        self._known: dict[frozenset[Atom], int] = {}
        self._class_of(frozenset())
        self._by_form = {
            form: self._class_of(self._hanging_on(_token(form)))
            for kind, form in self._hanging
            if kind == "form"
        }
        """The classes of words that the rules name: made now, not while posts wait."""

    def of(self, token: Token) -> int:
        """The class of a token."""
        if self.plain and len(token.forms) == 1:
            return self.of_form(token.forms[0])
        return self._class_of(self._hanging_on(token))

    def of_form(self, form: str) -> int:
        """The class of a token of which nothing but this form counts."""
        known = self._by_form.get(form)
        if known is None:  # not what a rule names, so it can only begin like that
            head = form[: self._stems[0]] if self._stems else ""
            known = self._class_of(self._hanging_on(_token(form))) if head in self._heads else 0
        return known

    def _hanging_on(self, token: Token) -> frozenset[Atom]:
        return frozenset(atom for atom in self._atoms(token) if atom in self._hanging)

    def _atoms(self, token: Token) -> Iterator[Atom]:
        for form in token.forms:
            yield "form", form
            for length in self._stems:
                if length <= len(form):
                    yield "stem", form[:length]
        if self.plain:
            return
        yield "cased", token.cased
        for word in (token.lemma, *token.forms):
            yield "lemma", word
        for word in (*token.parts, *token.forms):
            yield "part", word

    def _on(self, atom: Atom) -> _Hanging:
        return self._hanging.setdefault(atom, _Hanging())

    def _lay_phrases(self, phrases: Sequence[tuple[int, tuple[str, ...]]]) -> None:
        longest = max((len(forms) for _, forms in phrases), default=1)
        self.phrase_words = np.full((len(phrases), longest), NO_WORD, np.int32)
        self.phrase_at = np.zeros(len(phrases), np.int32)
        self.phrase_length = np.array([len(forms) for _, forms in phrases], np.int32)
        self.phrase_target = np.array([target for target, _ in phrases], np.int32)
        self._standing: list[Standing] = []
        numbers: dict[str, int] = {}
        often = Counter(form for _, forms in phrases for form in forms)
        for number, (target, forms) in enumerate(phrases):
            words = [numbers.setdefault(form, len(numbers)) for form in forms]
            for form, word in zip(forms, words, strict=True):
                self._on(("form", form)).word = word
            # What many phrases have is frequent in texts as well.
            rarest = min(forms, key=lambda form: (often[form], -len(form)))
            at = forms.index(rarest)
            self._on(("form", rarest)).phrases.append(number)
            self.phrase_words[number, : len(words)] = words
            self.phrase_at[number] = at
            self._standing.append(Standing(at, tuple(words), *_bit(target)))

    def _lay_pairs(self, pairs: Sequence[tuple[int, Pair]]) -> None:
        self.pair_distance = np.array([pair.distance for _, pair in pairs], np.int32)
        self.pair_ordered = np.array([pair.ordered for _, pair in pairs], np.bool_)
        self.pair_target = np.array([target for target, _ in pairs], np.int32)
        self._side: list[Side] = []
        for target, pair in pairs:
            left, right = len(self._side), len(self._side) + 1
            reach = pair.distance + 1
            self._side.append(Side(left, right, 0 if pair.ordered else reach, *_bit(target)))
            self._side.append(Side(right, left, reach, *_bit(target)))
            for side, atoms in ((left, pair.left), (right, pair.right)):
                for atom in atoms:
                    self._on(atom).sides.append(side)

    def _class_of(self, atoms: frozenset[Atom]) -> int:
        known = self._known.get(atoms)
        if known is not None:
            return known
        hanging = [self._hanging[atom] for atom in atoms]
        targets = sorted({target for each in hanging for target in each.targets})
        phrases = sorted({phrase for each in hanging for phrase in each.phrases})
        sides = sorted({side for each in hanging for side in each.sides})
        words = [each.word for each in hanging if each.word != NO_WORD]
        number = self.targets.append(targets)
        self.phrases.append(phrases)
        self.sides.append(sides)
        self._set_words(number, words)
        bits = [_bit(target) for target in targets]
        self.few.append(
            Few(
                tuple(rule for rule, _ in bits if self._one_bit[rule]),
                tuple((rule, bit) for rule, bit in bits if not self._one_bit[rule]),
                tuple(self._standing[phrase] for phrase in phrases),
                tuple(self._side[side] for side in sides),
                frozenset(words),
            )
        )
        self._known[atoms] = number
        return number

    def _set_words(self, number: int, words: Sequence[int]) -> None:
        rows, width = self.words.shape
        if number == rows or len(words) > width:
            larger = ((0, rows if number == rows else 0), (0, max(0, len(words) - width)))
            self.words = np.pad(self.words, larger, constant_values=NO_WORD)
        self.words[number, : len(words)] = words


def _bit(target: int) -> tuple[int, int]:
    """The number of a target's rule, and its bit."""
    return target // BITS, 1 << target % BITS


def _token(form: str) -> Token:
    return Token(0, 0, (form,), form)
