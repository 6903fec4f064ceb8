"""The words within a Dutch compound: `jongerenoverlast` is `jongeren`, `jongere` and `overlast`.

A compound is a noun with another word before it, which may end in a letter that only joins (-s-,
-en-) and may be a compound itself. What may stand where is OpenTaal's; of several readings the one
of the fewest words and of the longest noun is taken. A word before a long noun need not be known:
`fatbikeoverlast`.
"""

from collections.abc import Iterator
from typing import NamedTuple

from enrich.lexicon import Lexicon

SHORTEST_LEFT = SHORTEST_NOUN = 3
SHORTEST_JOINED = 4
SHORTEST_NEW, SHORTEST_AFTER_NEW = 4, 7
"""Letters of a word that is not known, and of the noun after it."""

LONGEST = 50

ENDINGS = frozenset(
    """acht achtig baar baarheid bare dom heid heden lende lijk ling lingen loos loosheid loze lozen
    matig rijk rijke schap schappen ster sters vol waarts zaam zaamheid erij""".split()
)
"""Words that are written like an ending, which they mostly are: `vriendschap` is no shelf."""

SHORT = frozenset(
    """bad bal bed bom bus dag dak dek gas hal ijs kap lek lid mes pad pot tas vis wal weg wet
    zak zee""".split()
)
"""The words of three letters that stand before or after another though no flag says so."""

BEGINNINGS = frozenset("bij neer onder over tegen voor".split())
"""Words that are written like what makes a verb another: `voorstellen` has no `stellen`."""

WHOLE = frozenset(
    """bedacht kantoor kantoren partij partijen paspoort paspoorten transport transporten
    verstand""".split()
)
"""Words that only look like two."""


class _Reading(NamedTuple):
    """A way to read a word; of two the one of less doubt, then that of the longer noun, is less."""

    doubt: int
    cut: int
    words: tuple[str, ...]


class Compounds:
    """Splits words in their folded form. Same word, same parts."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon

    def parts(self, word: str) -> tuple[str, ...]:
        """The words within `word`, in alphabetical order; none when it is no compound."""
        if not SHORTEST_LEFT + SHORTEST_NOUN <= len(word) <= LONGEST or not word.isalpha():
            return ()
        found = set(self._within(word))
        return tuple(sorted(found - {word}))

    def _within(self, word: str) -> Iterator[str]:
        split = self._split(word)
        if split is None:
            return
        for part in split:
            yield part
            yield from self._within(part)

    def _split(self, word: str) -> tuple[str, ...] | None:
        """The words of the left side and the noun after it, by the best of all readings."""
        if word in WHOLE:
            return None
        cuts = range(SHORTEST_LEFT, len(word) - SHORTEST_NOUN + 1)
        readings = [reading for cut in cuts if (reading := self._read(word, cut)) is not None]
        return min(readings).words if readings else self._new(word)

    def _read(self, word: str, cut: int) -> _Reading | None:
        lexicon = self._lexicon
        left, noun = word[:cut], word[cut:]
        if noun not in lexicon.nouns or noun in ENDINGS or left in BEGINNINGS:
            return None
        if len(noun) == SHORTEST_NOUN and (noun not in SHORT or len(left) == SHORTEST_LEFT):
            return None
        doubt = int(noun not in lexicon.ends)
        if left in lexicon.begins:
            return _Reading(doubt, cut, (*lexicon.begins[left], noun))
        if left in lexicon.singulars and (len(left) > SHORTEST_LEFT or left in SHORT):
            return _Reading(doubt + 1, cut, (left, noun))
        if left[-1] == "s" and len(left) > SHORTEST_JOINED and left[:-1] in lexicon.singulars:
            return _Reading(doubt + 1, cut, (left[:-1], noun))
        inner = self._compound(left)
        return None if inner is None else _Reading(doubt + 2, cut, (*inner, noun))

    def _compound(self, left: str) -> tuple[str, ...] | None:
        """`left` when it is a compound itself: with and without what joins it to the next."""
        begins, nouns = self._lexicon.begins, self._lexicon.singulars
        for cut in range(SHORTEST_LEFT, len(left) - SHORTEST_LEFT + 1):
            last = left[cut:]
            if last in begins and (left[:cut] in begins or left[:cut] in nouns):
                return tuple(dict.fromkeys(left[:cut] + meant for meant in begins[last]))
        return None

    def _new(self, word: str) -> tuple[str, ...] | None:
        """The reading of a word that no dictionary has, with a long noun after something new."""
        if word in self._lexicon.words:
            return None
        for cut in range(SHORTEST_NEW, len(word) - SHORTEST_AFTER_NEW + 1):
            if word[cut:] in self._lexicon.ends and word[:cut] not in self._lexicon.words:
                return word[:cut], word[cut:]
        return None
