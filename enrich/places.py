"""Places that a text names: phrases over our own tokens, found by spaCy's PhraseMatcher.

These are words in texts, not where people are.
"""

import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import msgspec
import spacy
from spacy.matcher import PhraseMatcher
from spacy.tokens import Doc

from enrich.contract import Field, Scope
from rules.tokens import tokenise
from stream.errors import Stop
from stream.post import Place, Post


class _Known(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    kind: str
    aliases: tuple[str, ...] = ()
    needs_case: bool = False


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    place: tuple[_Known, ...] = ()


class Places:
    """`places` of the posts that are labelled, by the names in `config/places.toml`."""

    name = "places"
    requires: frozenset[Field] = frozenset({"tokens"})
    provides: frozenset[Field] = frozenset({"places"})
    scope: Scope = "chosen"

    def __init__(self, path: Path) -> None:
        try:
            data = path.read_bytes()
            known = msgspec.toml.decode(data, type=_File).place
        except (OSError, msgspec.DecodeError, ValueError, RecursionError) as error:
            raise Stop(f"{path} cannot be read: {error}; mend or restore it") from error
        self.version = f"spacy-{version('spacy')}-{_digest(data)}"
        self._vocabulary = spacy.blank("xx").vocab
        self._folded = PhraseMatcher(self._vocabulary)
        self._cased = PhraseMatcher(self._vocabulary)
        self._kinds = {place.name: place.kind for place in known}
        for place in known:
            for name in (place.name, *place.aliases):
                tokens = [token for token in tokenise(name) if token.forms]
                matcher = self._cased if place.needs_case else self._folded
                words = [token.cased if place.needs_case else token.forms[-1] for token in tokens]
                matcher.add(place.name, [Doc(self._vocabulary, words=words)])

    def __call__(self, posts: Sequence[Post]) -> Sequence[Post]:
        return [msgspec.structs.replace(post, places=self._find(post)) for post in posts]

    def abstain(self, post: Post, why: str) -> Post:  # noqa: ARG002  (a place gives no reason)
        return msgspec.structs.replace(post, places=()) if post.places else post

    def _find(self, post: Post) -> tuple[Place, ...]:
        folded = Doc(
            self._vocabulary, words=[t.forms[-1] if t.forms else "‹›" for t in post.tokens]
        )
        cased = Doc(self._vocabulary, words=[token.cased or "‹›" for token in post.tokens])
        found = {
            (start, end): self._vocabulary.strings[key]
            for matcher, doc in ((self._folded, folded), (self._cased, cased))
            for key, start, end in matcher(doc)
        }
        longest: list[tuple[int, int]] = []
        for start, end in sorted(found, key=lambda span: (span[0] - span[1], span)):
            if all(end <= other[0] or other[1] <= start for other in longest):
                longest.append((start, end))
        return tuple(
            Place(found[span], self._kinds[found[span]], *span) for span in sorted(longest)
        )


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:8]
