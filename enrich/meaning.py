"""Topic and sentiment of a text: one pass of the transformer, and a head for each."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import msgspec

from enrich.contract import Field, Scope
from enrich.encoder import DEFAULT_MAX_TOKENS, Encoder, installed_version
from enrich.heads import FOLDER, Head, as_read
from stream.post import Label, Post

MIN_WORDS = 3
"""With fewer words there is nothing to judge."""


class Meaning:
    """`topic` and `sentiment` of the posts that are labelled.

    Abstains with `too_short` below three words, and with `language` on romanised Arabic, which
    neither the encoder nor a head was ever tested on. The encoder is opened when the first post
    comes, which takes a second, and half a minute where it is built first.
    """

    name = "meaning"
    requires: frozenset[Field] = frozenset({"tokens", "lang"})
    provides: frozenset[Field] = frozenset({"topic", "sentiment"})
    scope: Scope = "affordable"

    def __init__(self, cache: Path, *, threads: int) -> None:
        self._cache = cache
        self._threads = threads
        self._encoded_by = f"{installed_version()}-{DEFAULT_MAX_TOKENS}"
        self.topic = Head(FOLDER / "topic.json")
        self.sentiment = Head(FOLDER / "sentiment.json")
        self._abstentions: dict[str, tuple[Label, Label]] = {}

    @property
    def version(self) -> str:
        return f"{self._encoded_by}-{self.topic.digest}-{self.sentiment.digest}"

    def __call__(self, posts: Sequence[Post]) -> Sequence[Post]:
        reasons = [_cannot_judge(post) for post in posts]
        judged = [post for post, why in zip(posts, reasons, strict=True) if why is None]
        labels = iter(self._judge([as_read(post.text) for post in judged]))
        return [
            self.abstain(post, why) if why is not None else _labelled(post, *next(labels))
            for post, why in zip(posts, reasons, strict=True)
        ]

    def abstain(self, post: Post, why: str) -> Post:
        labels = self._abstentions.get(why)
        if labels is None:
            topic, tone = (head.abstain(why, version=self._version(head)) for head in self._heads)
            labels = self._abstentions[why] = topic, tone
        return _labelled(post, *labels)

    @property
    def _heads(self) -> tuple[Head, Head]:
        return self.topic, self.sentiment

    def _version(self, head: Head) -> str:
        return f"{self._encoded_by}-{head.digest}"

    def _judge(self, texts: Sequence[str]) -> Sequence[tuple[Label, Label]]:
        if not texts:
            return ()
        vectors = _opened(self._cache, self._threads).encode(texts)
        topics, tones = (head.label(vectors, version=self._version(head)) for head in self._heads)
        return list(zip(topics, tones, strict=True))


@cache
def _opened(folder: Path, threads: int) -> Encoder:
    """Opened once in a process."""
    return Encoder.open(folder, threads=threads)


def _labelled(post: Post, topic: Label, sentiment: Label) -> Post:
    return msgspec.structs.replace(post, topic=topic, sentiment=sentiment)


def _cannot_judge(post: Post) -> str | None:
    if sum(1 for token in post.tokens if token.forms) < MIN_WORDS:
        return "too_short"
    return "language" if post.lang is not None and post.lang.abstained == "romanised" else None
