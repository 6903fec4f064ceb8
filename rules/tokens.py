"""The one tokenizer: every engine gets its tokens, so none can disagree with another.

Words are those of Unicode's UAX #29 with these tailorings: a straight and a curly apostrophe
are the same; `huis.Maar` is two words (a forgotten space); a hashtag is one token with two
forms; an emoji sequence is one token, with a second form without skin tones; an address
(with a scheme or `www.`) and an e-mail address give no tokens; a placeholder `‹…›` gives one
without forms. Scripts that write no spaces (Chinese, Thai) give a token a character, so that
a word of them is a phrase.

A sentence ends at a line break, at `!`, `?`, `…` and their like, and at a full stop that ends
a chunk of text unless it follows an abbreviation or a single letter.
"""

import unicodedata
from collections.abc import Sequence
from functools import lru_cache

import msgspec
import regex

from rules.folding import APOSTROPHES, LETTERS, fold, fold_any
from stream.post import Token

TOKENIZER_VERSION = "1"
"""Changes whenever a text could give other tokens; it is part of every rule's version."""

MAX_CHUNK = 1_000
"""Characters without white space that are looked at together; longer ones are cut."""

# A memo entry for a longer chunk would cost more memory than it saves time.
_MEMO_CHUNK = 60

_CHUNK = regex.compile(rf"(?:https?://|www\.)\S*|\S{{1,{MAX_CHUNK}}}|[\n\r\v\f\x85\u2028\u2029]")
_INVISIBLE = r"\u00AD\u061C\u180E\u200B-\u200F\u202A-\u202E\u2060-\u2064\u2066-\u2069\uFEFF"
_TO_CLEAN = regex.compile(rf"[{_INVISIBLE}\uFE00-\uFE0F]")
_DROPPED = regex.compile(rf"[{_INVISIBLE}\uFE00-\uFE0F]+")
_DROPPED_IN_EMOJI = regex.compile(r"[\uFE00-\uFE0F]+")

_ONE_EMOJI = r"(?:(?![©®™‼⁉〰〽ℹ])\p{Extended_Pictographic}\p{Emoji_Modifier}?)"
_EMOJI = (
    rf"{_ONE_EMOJI}[\U000E0020-\U000E007E]*\U000E007F?(?:\u200D{_ONE_EMOJI})*"
    r"|\p{Regional_Indicator}{2}|[0-9#*]\u20E3"
)
_IS_EMOJI = regex.compile(rf"(?:{_EMOJI})")
_SKIN_TONE = regex.compile(r"(?<=.)\p{Emoji_Modifier}")

_PIECE = regex.compile(
    r"(?P<placeholder>‹[^‹›]{1,20}›)"
    r"|(?P<address>\b[A-Za-z][A-Za-z0-9+.-]{1,15}://\S*|\b[Ww]{3}\.\S+|[\w.+-]++@[\w-]+(?:\.[\w-]+)+)"
    r"|(?P<end>[!?…‼⁉؟。！？।]+)"
    rf"|(?P<emoji>{_EMOJI})"
    r"|(?P<tag>(?<![\w#＃])[#＃](?=[\p{N}_]*\p{L})[\p{L}\p{M}\p{N}_]+)"
    # Scripts that write no spaces: a token a character.
    r"|(?P<sign>[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]\p{M}*+)"
    # UAX #29: letters and digits, with what may stand between two letters or two digits.
    r"|(?P<word>[\p{L}\p{M}\p{N}_]++(?:(?:(?<=[\p{L}\p{M}])['’‘ʼ＇·](?=\p{L})"
    r"|(?<=\p{N})[.,'](?=\p{N})|(?<=\p{L})[.](?=\p{L}))[\p{L}\p{M}\p{N}_]++)*+)",
    regex.V1,
)
# One word, and marks behind it: what most chunks are, and read much faster.
_MARKS = "!?….,:;\"')"
_FORGOTTEN_SPACE = regex.compile(r"(?<=\p{Ll}{2})\.(?=\p{Lu})")

_ENDS = frozenset("!?…")
_FULL_STOP = regex.compile(r"\.[\"'”’»)\]]*$")
_ABBREVIATIONS = frozenset(
    """aug bijv blz bv ca dd dec dhr dr drs etc evt excl feb fig gem incl ing inz ir jan jr jul jun
    kg km max mevr min mln mr mrs ms mw nl no nov nr okt oct oud pag prof ref resp sept sep sr st
    str tel vgl vs zgn zg zsm""".split()
)


class _Piece(msgspec.Struct, frozen=True, gc=False):
    """A token of a chunk: offsets within the chunk, and whether a sentence starts with it.

    Like a chunk it is left out of garbage collection: hundreds of thousands are remembered, and
    looking through them again and again took a third of the time of reading.
    """

    start: int
    end: int
    forms: tuple[str, ...]
    cased: str
    starts: bool


class _Chunk(msgspec.Struct, frozen=True, gc=False):
    pieces: tuple[_Piece, ...]
    ends: bool
    """Whether a sentence ends with the chunk."""


def tokenise(text: str) -> tuple[Token, ...]:
    """The tokens of `text` in order; offsets count its characters as given.

    Never fails, whatever the text. Sentences are numbered from 0 without gaps.
    """
    tokens: list[Token] = []
    sentence = 0
    ended = False
    for found in _CHUNK.finditer(text):
        chunk = found.group()
        if chunk.isspace():
            ended = True
            continue
        read = _memo(chunk) if len(chunk) <= _MEMO_CHUNK else _read(chunk)
        base = found.start()
        for each in read.pieces:
            if (ended or each.starts) and tokens:
                sentence += 1
            ended = False
            tokens.append(
                Token(base + each.start, base + each.end, each.forms, each.cased, sentence)
            )
        ended = ended or read.ends
    return tuple(tokens)


def only_word(chunk: str) -> str | None:
    """The folded form of a chunk of text between white space when it is one plain word, with
    nothing but marks behind it; None of any other, and of what is cut.
    """
    end = _end_of_word(chunk) if len(chunk) <= MAX_CHUNK else 0
    return fold(chunk[:end]) if end else None


def alone(chunk: str) -> tuple[Token, ...]:
    """The tokens of a chunk of text between white space, as if it were all of a text. Unlike
    `tokenise` it remembers nothing, for callers that do so themselves.
    """
    if len(chunk) > MAX_CHUNK:
        return tokenise(chunk)
    read = _read(chunk).pieces
    return tuple(Token(each.start, each.end, each.forms, each.cased) for each in read)


def _end_of_word(chunk: str) -> int:
    """Where the one plain word of a chunk ends; 0 when it is not only that."""
    word = chunk.rstrip(_MARKS)
    plain = word.isalnum() if word.isascii() else LETTERS.issuperset(word)
    return len(word) if plain else 0


def _read(chunk: str) -> _Chunk:
    end = _end_of_word(chunk)
    if not end:
        return _read_all(chunk)
    form, marks = fold(chunk[:end]), chunk[end:]
    found = (_Piece(0, end, (form,), chunk[:end], starts=False),) if form else ()
    return _Chunk(found, ends=bool(marks) and (not _ENDS.isdisjoint(marks) or _stops(chunk)))


def _read_all(chunk: str) -> _Chunk:
    clean, offsets = _clean(chunk)
    read: list[_Piece] = []
    starts = False
    for found in _PIECE.finditer(clean):
        if found.lastgroup == "end":
            starts = True
            continue
        for first, last, forms in _forms(found.lastgroup or "", found.group()):
            begin, end = found.start() + first, found.start() + last
            cased = _plain(clean[begin:end])
            starts = starts or first > 0
            if offsets is not None:
                begin, end = offsets[begin][0], offsets[end - 1][1]
            read.append(_Piece(begin, end, forms, cased, starts))
            starts = False
    return _Chunk(tuple(read), ends=starts or _stops(clean))


_memo = lru_cache(maxsize=200_000)(_read)


def forget() -> None:
    """Remember no words any more, as a measurement of new texts needs it."""
    _memo.cache_clear()
    fold_any.cache_clear()


def _forms(kind: str, text: str) -> list[tuple[int, int, tuple[str, ...]]]:
    """Start, end and forms of the tokens that a piece of a chunk gives."""
    match kind:
        case "placeholder":
            return [(0, len(text), ())]
        case "address":
            return []
        case "emoji":
            plain = _SKIN_TONE.sub("", text)
            forms = (fold(text),) if plain == text else (fold(text), fold(plain))
            return [(0, len(text), forms)]
        case "tag":
            word = fold(text[1:])
            return [(0, len(text), (f"#{word}", word))] if word else []
        case _:
            return _words(text)


def _words(text: str) -> list[tuple[int, int, tuple[str, ...]]]:
    if "." not in text and "_" not in text:
        form = fold(text)
        return [(0, len(text), (form,))] if form else []
    cuts = [found.start() for found in _FORGOTTEN_SPACE.finditer(text)]
    words: list[tuple[int, int, tuple[str, ...]]] = []
    for start, end in zip([0, *(cut + 1 for cut in cuts)], [*cuts, len(text)], strict=True):
        word = text[start:end]
        bare = word.strip("_")
        first = start + len(word) - len(word.lstrip("_"))
        form = fold(bare)
        if form:  # nothing but marks folds away: no position, in any engine
            words.append((first, first + len(bare), (form,)))
    return words


def _clean(chunk: str) -> tuple[str, Sequence[tuple[int, int]] | None]:
    """The chunk in NFC without invisible characters, and where each character came from, unless
    that changes nothing.
    """
    if chunk.isascii():
        return chunk, None
    if not _TO_CLEAN.search(chunk) and unicodedata.is_normalized("NFC", chunk):
        return chunk, None
    characters: list[str] = []
    offsets: list[tuple[int, int]] = []
    # NFC composes only inside a grapheme cluster, and an emoji sequence is one.
    for found in regex.finditer(r"\X", chunk):
        cluster = found.group()
        bare = _DROPPED_IN_EMOJI.sub("", cluster)
        if not _IS_EMOJI.fullmatch(bare):
            bare = unicodedata.normalize("NFC", _DROPPED.sub("", cluster))
        characters.append(bare)
        offsets.extend([found.span()] * len(bare))
    return "".join(characters), offsets


def _plain(text: str) -> str:
    """The text as written, but with one kind of apostrophe."""
    return text if text.isascii() else text.translate(_APOSTROPHE)


_APOSTROPHE = str.maketrans(dict.fromkeys(APOSTROPHES, "'"))


def _stops(clean: str) -> bool:
    found = _FULL_STOP.search(clean)
    if not found:
        return False
    word = clean[: found.start()].rpartition(".")[2].strip("\"'“”‘’«»([")
    return not (word.lower() in _ABBREVIATIONS or (len(word) == 1 and word.isalpha()))
