"""What an enricher promises: posts in, the same posts with more labels out."""

from collections.abc import Sequence
from typing import Literal, Protocol

from stream.post import Post

Field = Literal[
    "tokens",
    "hashtags",
    "words",
    "lang",
    "matches",
    "shadows",
    "topic",
    "sentiment",
    "places",
    "bands",
]
"""The parts of a `Post` that enrichers fill; `words` are the lemmas and parts of its tokens."""

Scope = Literal["every", "chosen", "affordable"]
"""Which posts an enricher is called for."""


class Enricher(Protocol):
    """One step of the chain. Pure but for its caches: same posts, same labels, whatever the
    batch. Never drops, adds or reorders posts. Not shared between threads.
    """

    name: str

    @property
    def version(self) -> str:
        """Changes whenever a label could; it is kept in every label."""
        ...

    requires: frozenset[Field]
    """Filled before this one is called, by an enricher that comes earlier."""

    provides: frozenset[Field]

    scope: Scope
    """`every` post; the `chosen` ones, which a rule matched, whose source keeps all, or that are
    sampled; or the `affordable` ones among these: under load the rest abstain with `shed`."""

    def __call__(self, posts: Sequence[Post]) -> Sequence[Post]:
        """The posts in the same order with `provides` filled. May take seconds. A post that
        cannot be handled gets an abstention, not an error; Stop when the model is broken.
        """
        ...

    def abstain(self, post: Post, why: str) -> Post:
        """`post` with an abstention for `why` in every label of `provides`."""
        ...
