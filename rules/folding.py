"""The folded form of a word: what makes two spellings the same word for a term."""

import unicodedata
from functools import lru_cache

import regex

APOSTROPHES = "’‘ʼ＇‛`´"

_LATIN_ACCENTS = regex.compile(r"(?<=\p{Latin}\p{M}*)\p{Mn}")
_ARABIC_MARKS = regex.compile(r"[\u064B-\u065F\u0670\u06D6-\u06ED\u0640]")
_SPACE_OR_DIGIT = regex.compile(r"[\s\p{Nd}]")
_SAME = str.maketrans(
    {"ı": "i", "ø": "o", "ł": "l", "đ": "d", "ٱ": "ا", "ى": "ي", "ی": "ي", "ک": "ك", "ة": "ه"}
    | dict.fromkeys(APOSTROPHES, "'")
)
"""Letters that Unicode does not decompose but that are typed for each other."""


def fold(word: str) -> str:
    """`word` in the form that terms match: without case, Latin accents, Arabic vowel signs and
    script variants of letters and digits. Folding twice changes nothing; a word of nothing but
    marks becomes "". White space inside (from a ligature) is taken out.
    """
    if word.isascii():
        return word.lower().replace("`", "'")
    if LETTERS.issuperset(word):
        return "".join([_FOLDED[letter] for letter in word])
    return fold_any(word)


@lru_cache(maxsize=200_000)
def fold_any(word: str) -> str:
    """The same of any word, read as a whole."""
    # Compatibility forms (ﬁ, ｆｕｌｌ, 𝐛𝐨𝐥𝐝) may bring new capitals: fold case twice.
    text = word.translate(_SAME).casefold()
    text = unicodedata.normalize("NFKD", text).translate(_SAME).casefold()
    text = _LATIN_ACCENTS.sub("", text)
    text = _ARABIC_MARKS.sub("", unicodedata.normalize("NFD", text)).translate(_SAME)
    if _SPACE_OR_DIGIT.search(text):
        text = "".join(_digit(character) for character in text if not character.isspace())
    return unicodedata.normalize("NFC", text)


def _digit(character: str) -> str:
    value = unicodedata.decimal(character, None)
    return character if value is None else str(value)


# Latin to Arabic: what stands beside one of these changes nothing in what it is folded to.
_FOLDED = {
    letter: fold_any(letter)
    for letter in map(chr, (*range(0x80), *range(0xC0, 0x700), *range(0x1E00, 0x1F00)))
    if letter.isalnum() and unicodedata.is_normalized("NFC", letter)
}

LETTERS = frozenset(_FOLDED)
"""Letters and digits of which a word is folded one by one."""
