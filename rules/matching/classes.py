"""What hangs on a token: the bits that it sets, phrases that it is in, sides of pairs that it is.

Tokens that satisfy the same atoms are of one class, and class 0 satisfies none. A class is made
when its first token is met; there are never more than the rules have words to combine. Each is
there twice: as rows for joins over many posts, and by itself for loops over one.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np

from rules.matching.plan import MAX_BITS, Atom, Pair, Plan
from rules.matching.rows import Rows
from stream.post import Token

MASKS = 1 << MAX_BITS
"""A target is the number of a rule times this, and the mask of one of its bits."""

ALONE, BOTH = (1, 1 << 0b1), (2, 1 << 0b11)
"""How many bits the rules have, and their tables, that one bit decides and that need two."""

NO_WORD = -1
"""In a class, that it has no (further) word of a phrase; in a phrase, that it is over."""


class Few(msgspec.Struct, frozen=True, gc=False):
    """What hangs on the tokens of a class, on a phrase or on a pair, for loops.

    The first four are numbers behind one another (`numbers_in` reads them), which are found in
    memory quicker than tuples: rules that this decides alone; left and right halves, both of which
    must be found (a rule that needs two bits, or a pair, counted from the number of rules on); and
    what it sets of other rules. Then phrases of which this is the rarest word, and its numbers as
    a word of phrases.
    """

    decided: bytes
    lefts: bytes
    rights: bytes
    targets: bytes
    phrases: tuple["Standing", ...] = ()
    words: tuple[int, ...] = ()


class Standing(msgspec.Struct, frozen=True, gc=False):
    """A phrase as it is looked for from its rarest word: the other words, how many tokens after
    that one each stands, and what hangs on it.
    """

    others: tuple[tuple[int, int], ...]
    few: Few


class Neighbours(msgspec.Struct, frozen=True, gc=False):
    """A pair as it is looked for: its right side stands at most `after` tokens after its left one,
    or `before` tokens before it, and what hangs on it.
    """

    after: int
    before: int
    few: Few


def numbers_in(parts: Iterable[bytes]) -> "array[int]":
    """The numbers that stand in these."""
    return array("i", b"".join(parts))


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
                target = number * MASKS + (1 << place)
                for atom in bit.atoms:
                    self._on(atom).targets.append(target)
                phrases += [(target, forms) for forms in bit.phrases]
                pairs += [(target, pair) for pair in bit.pairs]
        shapes = [(len(plan.bits), plan.table) for plan in plans]
        self._alone = {number for number, shape in enumerate(shapes) if shape == ALONE}
        # What a pair sets is known only after the halves have met.
        paired = {target // MASKS for target, _ in pairs}
        self._both = {number for number, shape in enumerate(shapes) if shape == BOTH} - paired
        self._rules = len(plans)
        self._lay_phrases(phrases)
        self._lay_pairs(pairs)
        self._stems = sorted({len(stem) for kind, stem in self._hanging if kind == "stem"})
        shortest = self._stems[0] if self._stems else 0
        self._heads = {stem[:shortest] for kind, stem in self._hanging if kind == "stem"}
        self.plain = all(kind in ("form", "stem") for kind, _ in self._hanging)
        """Whether nothing but a token's forms decides its class."""
        self.decided, self.targets, self.phrases, self.sides = Rows(), Rows(), Rows(), Rows()
        self.words = np.full((2, 16), NO_WORD, np.int32)
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
        known = self._hanging.get(atom)
        if known is None:
            known = self._hanging[atom] = _Hanging()
        return known

    def _lay_phrases(self, phrases: Sequence[tuple[int, tuple[str, ...]]]) -> None:
        most = max((len(forms) for _, forms in phrases), default=1) - 1
        self.phrase_words = np.full((most, len(phrases)), NO_WORD, np.int32)
        self.phrase_steps = np.zeros((most, len(phrases)), np.int32)
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
            self.phrase_at[number] = at
            beside = sorted((place - at for place in range(len(forms)) if place != at), key=abs)
            for place, step in enumerate(beside):
                self.phrase_words[place, number] = words[at + step]
                self.phrase_steps[place, number] = step
            others = tuple((step, words[at + step]) for step in beside)
            self._standing.append(Standing(others, self._few([target])))

    def _lay_pairs(self, pairs: Sequence[tuple[int, Pair]]) -> None:
        self.reach = max((pair.distance for _, pair in pairs), default=0) + 1
        """So many tokens after its one side the other of a pair stands at most."""
        self.pair_distance = np.array([pair.distance for _, pair in pairs], np.int32)
        self.pair_ordered = np.array([pair.ordered for _, pair in pairs], np.bool_)
        self.pair_target = np.array([target for target, _ in pairs], np.int32)
        self.neighbours: list[Neighbours] = []
        for number, (target, pair) in enumerate(pairs):
            reach = pair.distance + 1
            before = 0 if pair.ordered else reach
            self.neighbours.append(Neighbours(reach, before, self._few([target])))
            for side, atoms in enumerate((pair.left, pair.right)):
                for atom in atoms:
                    self._on(atom).sides.append(2 * number + side)

    def _class_of(self, atoms: frozenset[Atom]) -> int:
        known = self._known.get(atoms)
        if known is not None:
            return known
        hanging = [self._hanging[atom] for atom in atoms]
        targets = sorted({target for each in hanging for target in each.targets})
        phrases = sorted({phrase for each in hanging for phrase in each.phrases})
        sides = sorted({side for each in hanging for side in each.sides})
        words = [each.word for each in hanging if each.word != NO_WORD]
        few = self._few(
            targets, sides, tuple(self._standing[phrase] for phrase in phrases), tuple(words)
        )
        number = self.decided.append(numbers_in([few.decided]))
        self.targets.append([each for each in targets if each // MASKS not in self._alone])
        self.phrases.append(phrases)
        self.sides.append(sides)
        self._set_words(number, words)
        self.few.append(few)
        self._known[atoms] = number
        return number

    def _few(
        self,
        targets: Sequence[int],
        sides: Sequence[int] = (),
        phrases: tuple[Standing, ...] = (),
        words: tuple[int, ...] = (),
    ) -> Few:
        decided, halves, others = array("i"), (array("i"), array("i")), array("i")
        for target in targets:
            rule, mask = divmod(target, MASKS)
            if rule in self._alone:
                decided.append(rule)
            elif rule in self._both:
                halves[mask != 1].append(rule)
            else:
                others.append(target)
        for side in sides:
            halves[side & 1].append(self._rules + (side >> 1))
        lefts, rights = halves
        return Few(
            decided.tobytes(), lefts.tobytes(), rights.tobytes(), others.tobytes(), phrases, words
        )

    def _set_words(self, number: int, words: Sequence[int]) -> None:
        width, rows = self.words.shape
        if number == rows or len(words) > width:
            larger = ((0, max(0, len(words) - width)), (0, rows if number == rows else 0))
            self.words = np.pad(self.words, larger, constant_values=NO_WORD)
        for place, word in enumerate(words):
            self.words[place, number] = word


def _token(form: str) -> Token:
    return Token(0, 0, (form,), form)
