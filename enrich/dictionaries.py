"""simplemma's dictionaries, looked up fast where many words are looked up.

simplemma can keep a dictionary packed, some 10 MB where its words would take 100: in sorted blocks
of a few words, each written as what it does not share with the one before. To look a word up its
block is read from the start, which takes longer than everything else that becomes of the word. Most
words that posts have are in few blocks: those that were read are kept in plain text.
"""

from bisect import bisect_right
from collections.abc import Mapping
from itertools import islice

from simplemma.strategies.dictionaries import stream_dictionary_factory as packed
from simplemma.strategies.dictionaries.dictionary_factory import CachingDictionaryFactory
from simplemma.strategies.dictionaries.frontcode import (
    _iter_records as records,  # pyright: ignore[reportPrivateUsage]  (its version is pinned)
)

MOST_BLOCKS = 20_000
"""So many blocks of a language are kept, of a kilobyte each; then keeping begins anew."""

BLOCK = packed._BLOCK_SIZE  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  (the same)


class Dictionary(packed.StreamMap):
    """The lemma of each word of a language. No word has white space in it."""

    __slots__ = ("_read",)

    def __init__(self, lang: str) -> None:
        super().__init__(lang)
        self._read: dict[int, str] = {}

    def _lookup(self, key: str) -> str | None:
        block = bisect_right(self._firsts, self._turned(key.encode())) - 1
        if block < 0:
            return None
        text = self._read.get(block)
        if text is None:
            if len(self._read) >= MOST_BLOCKS:
                self._read.clear()
            text = self._read[block] = self._text(block)
        at = text.find(f"\n{key}\t")
        if at < 0:
            return None
        start = at + len(key) + 2
        return text[start : text.index("\n", start)]

    def _text(self, block: int) -> str:
        """A line for each word of a block, with a tab before its lemma."""
        found = islice(records(self._data, *self._blocks[block]), BLOCK)
        lines = (
            b"%b\t%b\n" % (self._turned(word), self._turned(lemma)) for _, word, lemma in found
        )
        return "\n" + b"".join(lines).decode()

    def _turned(self, word: bytes) -> bytes:
        """`word` as it is packed, or as it was: languages of endings are packed backwards."""
        return word[::-1] if self._rev else word


class PackedDictionaries(CachingDictionaryFactory):
    """The dictionaries of so many languages, each read when it is first asked for."""

    __slots__ = ()

    def _get_dictionary_uncached(self, lang: str) -> Mapping[str, str]:
        return Dictionary(lang)
