"""The folded form of a word: what makes two spellings the same word for a term."""

import unicodedata
from functools import lru_cache

import regex

APOSTROPHES = "’‘ʼ＇‛`´"

_LATIN_ACCENTS = regex.compile(r"(?<=\p{Latin}\p{M}*)\p{Mn}")
_ARABIC_MARKS = regex.compile(r"[\u064B-\u065F\u0670\u06D6-\u06ED\u0640]")
_SPACE_OR_DIGIT = regex.compile(r"[\s\p{Nd}]")
_LETTERS = str.maketrans(
    {"ı": "i", "ø": "o", "ł": "l", "đ": "d", "ٱ": "ا", "ى": "ي", "ی": "ي", "ک": "ك", "ة": "ه"}
    | dict.fromkeys(APOSTROPHES, "'")
)
"""Letters that Unicode does not decompose but that are typed for each other."""


@lru_cache(maxsize=200_000)
def fold(word: str) -> str:
    """`word` in the form that terms match: without case, Latin accents, Arabic vowel signs and
    script variants of letters and digits. Folding twice changes nothing; a word of nothing but
    marks becomes "". White space inside (from a ligature) is taken out.
    """
    if word.isascii():
        return word.lower().replace("`", "'")
    # Compatibility forms (ﬁ, ｆｕｌｌ, 𝐛𝐨𝐥𝐝) may bring new capitals: fold case twice.
    text = word.translate(_LETTERS).casefold()
    text = unicodedata.normalize("NFKD", text).translate(_LETTERS).casefold()
    text = _LATIN_ACCENTS.sub("", text)
    text = _ARABIC_MARKS.sub("", unicodedata.normalize("NFD", text)).translate(_LETTERS)
    if _SPACE_OR_DIGIT.search(text):
        text = "".join(_digit(character) for character in text if not character.isspace())
    return unicodedata.normalize("NFC", text)


def _digit(character: str) -> str:
    value = unicodedata.decimal(character, None)
    return character if value is None else str(value)
