"""The language of a text, by eldc (Apache-2.0): n-gram statistics of 60 languages.

Romanised Moroccan Arabic is none of them: where digits stand for letters (3, 7, 9) inside Latin
words the detector would guess, so the label abstains with `romanised`.
"""

from collections.abc import Sequence
from importlib.metadata import version

import eldc
import msgspec
import regex

from enrich.contract import Field, Scope
from stream.post import Label, Post

MIN_LETTERS = 12
"""Shorter texts are too little to tell languages apart."""

_NO_WORDS = regex.compile(r"‹[^‹›]*›|https?://\S+|www\.\S+|[@#＃]|[\p{N}\p{P}\p{S}]+")
_ROMANISED = regex.compile(
    r"(?<!\p{L})(?=\w*[a-z])\w*(?:(?<=[a-z])[3789](?=[a-z])|\b[379](?=[a-z]{2}))\w*"
)
_DIGIT_IN_WORD = regex.compile("[3789][a-z]")
"""Without it nothing is romanised, and few texts have it."""

_LETTERS = regex.compile(rf"(?:\P{{L}}*+\p{{L}}){{{MIN_LETTERS}}}")


class Language:
    """`lang` of every post, as an ISO 639-1 code or an abstention."""

    name = "language"
    requires: frozenset[Field] = frozenset()
    provides: frozenset[Field] = frozenset({"lang"})
    scope: Scope = "every"

    def __init__(self) -> None:
        eldc.init()
        self.version = f"eldc-{version('eldc')}-1"

    def __call__(self, posts: Sequence[Post]) -> Sequence[Post]:
        return [msgspec.structs.replace(post, lang=self._detect(post.text)) for post in posts]

    def abstain(self, post: Post, why: str) -> Post:
        return msgspec.structs.replace(post, lang=self._label(None, 0.0, why))

    def _detect(self, text: str) -> Label:
        words = _NO_WORDS.sub(" ", text)
        if not _LETTERS.match(words):
            return self._label(None, 0.0, "too_short")
        folded = text.casefold()
        if _DIGIT_IN_WORD.search(folded) and len(_ROMANISED.findall(folded)) > 1:
            return self._label(None, 0.0, "romanised")
        found = eldc.detect_details(words)
        if not found.reliable or not found.language:
            return self._label(None, 0.0, "unsure")
        return self._label(found.language, float(max(found.scores.values())), None)

    def _label(self, value: str | None, confidence: float, why: str | None) -> Label:
        return Label(
            value=value,
            confidence=min(1.0, max(0.0, confidence)),
            model=self.name,
            version=self.version,
            abstained=why,
        )
