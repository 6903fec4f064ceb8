"""The classes of tokens, and of pieces of text, that were met before."""

from collections.abc import Sequence
from itertools import chain, repeat
from typing import Protocol, TypeVar

import numpy as np

from rules.matching.classes import Classes
from rules.matching.joins import Batch
from rules.matching.rows import Rows
from rules.tokens import alone, only_word, tokenise
from stream.post import Post, Token

Kind_contra = TypeVar("Kind_contra", contravariant=True)

UNKNOWN = -1

BETWEEN = "\ue000\ue001"
"""What stands between two texts where many are split at once."""

END = -2
"""The number of that."""

SEVERAL = -3
"""From here down: rows of classes, of the chunks that hold no token, or several."""

ODD_SPACES = "\x1c\x1d\x1e\x1f"
"""White space for `str.split` alone."""


class Memo(Protocol[Kind_contra]):
    """What both have."""

    def of(self, some: Kind_contra, /) -> Sequence[int]:
        """The classes of the tokens of one post, or of one text."""
        ...

    def batch(self, some: Sequence[Kind_contra], /) -> Batch:
        """The classes of all tokens of posts, or of texts."""
        ...


class TokenMemo:
    """The class of each token of posts, decided once for every different token. When more than
    `most` are remembered, remembering begins anew.
    """

    def __init__(self, classes: Classes, *, most: int) -> None:
        self._classes = classes
        self._most = most
        self._known: dict[object, int] = {}

    def batch(self, posts: Sequence[Post]) -> Batch:
        """The classes of all tokens of `posts`."""
        tokens = [token for post in posts for token in post.tokens]
        keys = self._keys(tokens)
        numbers = np.fromiter(map(self._known.get, keys, repeat(UNKNOWN)), np.int32, len(tokens))
        for place in np.flatnonzero(numbers == UNKNOWN).tolist():
            numbers[place] = self._number(keys[place], tokens[place])
        lengths = np.fromiter((len(post.tokens) for post in posts), np.int32, len(posts))
        return Batch(numbers, np.repeat(np.arange(len(posts), dtype=np.int32), lengths))

    def of(self, post: Post) -> Sequence[int]:
        """The classes of the tokens of one post."""
        keys = self._keys(post.tokens)
        try:
            return list(map(self._known.__getitem__, keys))
        except KeyError:
            return [self._number(*each) for each in zip(keys, post.tokens, strict=True)]

    def _keys(self, tokens: Sequence[Token]) -> Sequence[object]:
        if self._classes.plain:
            return [token.forms for token in tokens]
        return [(token.forms, token.cased, token.lemma, token.parts) for token in tokens]

    def _number(self, key: object, token: Token) -> int:
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= self._most:
                self._known.clear()
            known = self._known[key] = self._classes.of(token)
        return known


class TextMemo:
    """The same for texts: the classes of the tokens in a chunk of text between white space,
    decided once for every different chunk.
    """

    def __init__(self, classes: Classes, *, most: int) -> None:
        self._classes = classes
        self._most = most
        self._forget()

    def batch(self, texts: Sequence[str]) -> Batch:
        """The classes of all tokens that `tokenise` finds in `texts`."""
        whole = f" {BETWEEN} ".join(texts)
        chunks = whole.split()
        numbers = np.fromiter(map(self._known.get, chunks, repeat(UNKNOWN)), np.int32, len(chunks))
        unknown: Sequence[int] = np.flatnonzero(numbers == UNKNOWN).tolist()
        if self._make_room(len(unknown)):
            unknown = range(len(chunks))
        for place in unknown:
            numbers[place] = self._number(chunks[place])
        ends = numbers == END
        if np.count_nonzero(ends) + 1 != len(texts) or any(map(whole.__contains__, ODD_SPACES)):
            return self._one_by_one(texts)
        several = np.flatnonzero(numbers <= SEVERAL)
        values, each = self._several.expand(SEVERAL - numbers[several])
        lengths = np.ones(len(numbers), np.intp)
        lengths[ends] = 0
        lengths[several] = each
        classes = np.repeat(numbers, lengths)
        classes[classes < 0] = values
        return Batch(classes, np.repeat(np.cumsum(ends, dtype=np.int32), lengths))

    def of(self, text: str) -> Sequence[int]:
        """The classes of the tokens of one text."""
        chunks = text.split()
        try:
            numbers = list(map(self._known.__getitem__, chunks))
        except KeyError:
            self._make_room(len(chunks))
            numbers = [self._number(chunk) for chunk in chunks]
        if END in numbers or any(map(text.__contains__, ODD_SPACES)):
            return [self._classes.of(token) for token in tokenise(text)]
        if min(numbers, default=0) > SEVERAL:
            return numbers
        rows = [
            (number,) if number > SEVERAL else self._several.row(SEVERAL - number)
            for number in numbers
        ]
        return list(chain.from_iterable(rows))

    def _number(self, chunk: str) -> int:
        known = self._known.get(chunk)
        if known is None:
            form = only_word(chunk) if self._classes.plain else None
            known = self._classes.of_form(form) if form else self._row(chunk)
            self._known[chunk] = known
        return known

    def _row(self, chunk: str) -> int:
        classes = [self._classes.of(token) for token in alone(chunk)]
        return classes[0] if len(classes) == 1 else SEVERAL - self._several.append(classes)

    def _make_room(self, more: int) -> bool:
        """Forget everything when so many more are too many; returns whether it did."""
        if len(self._known) + len(self._several) + more <= self._most:
            return False
        self._forget()
        return True

    def _forget(self) -> None:
        self._known = {BETWEEN: END}
        self._several = Rows()

    def _one_by_one(self, texts: Sequence[str]) -> Batch:
        """For texts that white space does not tell apart."""
        classes = [[self._classes.of(token) for token in tokenise(text)] for text in texts]
        return Batch(
            np.array([number for each in classes for number in each], np.int32),
            np.repeat(np.arange(len(texts), dtype=np.int32), [len(each) for each in classes]),
        )
