"""What a store asks of its engine to answer questions."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

from index.compiler import Compiled
from index.contract import Dimension, Question, Scope
from index.tally import Tally
from stream.partitions import Partition
from stream.post import Post

Q = TypeVar("Q")

Verified = Mapping[Partition, Sequence[str]]
"""The ids of posts that an engine leaves open and that do answer, by where they are."""


class Finder(Protocol[Q]):
    """What an engine finds; Q is its type of a query. What is over its term is never found."""

    def compile(self, question: Question) -> Compiled[Q]:
        """The queries for `question` without its scope."""
        ...

    def open(self, compiled: Compiled[Q]) -> Q:
        """What may answer and is not known to."""
        ...

    def size(self, query: Q, scope: Scope) -> int:
        """How many posts `query` matches, one that is in two places twice."""
        ...

    def posts(self, query: Q, scope: Scope) -> Iterator[Post]:
        """Every post that `query` matches, those of `kept` first."""
        ...

    def newest(self, query: Q, scope: Scope, limit: int) -> Iterable[Post]:
        """At least the `limit` posts that `query` matches with the latest creation (then the
        smallest id), those of `kept` last.
        """
        ...

    def draw(self, query: Q, scope: Scope, limit: int, seed: int) -> Sequence[Post]:
        """`limit` different posts at random that `query` matches, or all that there are."""
        ...

    def some(self, query: Q, scope: Scope, limit: int) -> Sequence[Post]:
        """The first `limit` posts that `query` matches to be found, or all that there are; one
        that is in two places may come twice.
        """
        ...

    def counts(self, scope: Scope) -> bool:
        """Whether it counts in this scope by itself, an id that is in two places once. Where it
        does not, posts are read to count them, and the next two are not asked.
        """
        ...

    def tally(
        self,
        compiled: Compiled[Q],
        scope: Scope,
        dimensions: Sequence[Dimension],
        verified: Verified,
    ) -> Tally:
        """The counts of the posts that are known to answer, and of those that were `verified`."""
        ...

    def has_authors(self, query: Q, scope: Scope, least: int) -> bool:
        """Whether at least so many authors wrote the posts that `query` matches."""
        ...

    def state(self, scope: Scope) -> Hashable | None:
        """Something that is another whenever posts may have changed; None when it cannot tell."""
        ...

    def words(self, prefix: str, limit: int) -> Mapping[str, int]:
        """The `limit` most frequent words of `kept` that begin with `prefix`, the most frequent
        first, with about how many posts.
        """
        ...
