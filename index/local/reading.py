"""What tantivy finds in the partitions of one store."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence

from tantivy import Query

from index.chance import RECORDS, Chance
from index.compiler import Compiled, Compiler
from index.contract import Dimension, Question, Scope
from index.finder import Verified
from index.local import counting
from index.local.groups import MOST_WORDS
from index.local.partition import LocalPartition
from index.local.query import TantivyEngine
from index.local.schema import schema
from index.once import Once
from index.tally import Tally
from stream.partitions import Partition
from stream.post import Post

WIDER = 5
"""So many times as much is looked at as is wanted: words of a partition, posts of a draw."""

MOST_STEMS = 1_000
"""Of so many beginnings of words is remembered how many words have them."""


def _width(posts: int, wanted: int) -> int:
    """Of a slice that holds about `WIDER` times as many as are wanted."""
    return min(RECORDS, WIDER * wanted * RECORDS // max(1, posts) + 1)


class LocalFinder:
    """`index.finder.Finder` over the partitions that `ask` gives for a scope, kept first."""

    def __init__(self, ask: Callable[[Scope], Sequence[LocalPartition]], *, k: int) -> None:
        self._ask = ask
        self._k = k
        self._engine = TantivyEngine(schema(), words=self._beginning)
        self._compiler = Compiler(self._engine)
        self._doubled = Once(most=1)
        self._stems = Once(most=MOST_STEMS)

    def compile(self, question: Question) -> Compiled[Query]:
        return self._compiler.ask(question)

    def open(self, compiled: Compiled[Query]) -> Query:
        return self._compiler.open(compiled)

    def size(self, query: Query, scope: Scope) -> int:
        return sum(partition.count(query) for partition in self._ask(scope))

    def posts(self, query: Query, scope: Scope) -> Iterator[Post]:
        for partition, some in self._once_each(lambda _: query, scope):
            yield from partition.posts(some)

    def newest(self, query: Query, scope: Scope, limit: int) -> Iterable[Post]:
        for partition in reversed(self._ask(scope)):
            yield from partition.newest(query, limit)

    def draw(self, query: Query, scope: Scope, limit: int, seed: int) -> Sequence[Post]:
        """Out of a slice of all posts by record, which is a hash of their ids: wide enough to hold
        several times as many, so that few are read.
        """
        chance, width = Chance(seed), _width(self.size(query, scope), limit)
        while True:
            found = {
                post.id: post
                for partition in reversed(self._ask(scope))  # of two places kept is the last
                for least, end in chance.slices(width)
                for post in partition.posts(self._engine.every(
                    [query, self._engine.between("record", least, end)]
                ))
            }  # fmt: skip
            if len(found) >= limit or width >= RECORDS:
                return chance.first(found.values(), limit)
            width = min(RECORDS, width * WIDER)

    def some(self, query: Query, scope: Scope, limit: int) -> Sequence[Post]:
        found: list[Post] = []
        for partition in reversed(self._ask(scope)):
            if len(found) < limit:
                found += partition.some(query, limit - len(found))
        return found

    def counts(self, scope: Scope) -> bool:
        return scope in ("kept", "both")

    def tally(
        self,
        compiled: Compiled[Query],
        scope: Scope,
        dimensions: Sequence[Dimension],
        verified: Verified,
    ) -> Tally:
        def asked(name: Partition) -> Query:
            return self._compiler.closed(compiled, verified.get(name, ()))

        return counting.count(self._once_each(asked, scope), dimensions, k=self._k)

    def has_authors(self, query: Query, scope: Scope, least: int) -> bool:
        known: dict[int, set[int]] = {}
        return any(
            partition.has_authors(some, least, known)
            for partition, some in reversed(self._once_each(lambda _: query, scope))
        )

    def state(self, scope: Scope) -> Hashable:
        return tuple(partition.seen for partition in self._ask(scope))

    def words(self, prefix: str, limit: int) -> Mapping[str, int]:
        found = Counter[str]()
        for partition in self._ask("kept"):
            found.update(partition.words(prefix, WIDER * limit))
        return dict(found.most_common(limit))

    def _beginning(self, stem: str) -> int | None:
        """How many words begin with `stem` in the partition with the most such."""
        found = self._stems(
            (self.state("both"), stem),
            lambda: max(
                (len(each.words(stem, MOST_WORDS + 1)) for each in self._ask("both")), default=0
            ),
        )
        return None if found > MOST_WORDS else found

    def _once_each(
        self, asked: Callable[[Partition], Query], scope: Scope
    ) -> Sequence[tuple[LocalPartition, Query]]:
        """The partitions, and what of each is asked so that an id in two of them counts once."""
        partitions = self._ask(scope)
        queries = [(partition, asked(partition.name)) for partition in partitions]
        if scope == "kept":
            return queries
        doubled = self._doubled(self.state(scope), lambda: _doubled(partitions))
        return [
            (partition, self._engine.every([query, self._engine.without(twice)]))
            if (twice := doubled.get(partition.name))
            else (partition, query)
            for partition, query in queries
        ]


def _doubled(partitions: Sequence[LocalPartition]) -> Mapping[Partition, Query]:
    """What of the partitions of `recent` is in `kept` as well. That is so only while a post is
    being moved, or when a kill came in between.
    """
    recent = [each for each in partitions if each.name.kind == "recent" and len(each)]
    if not recent:
        return {}
    everything, engine = Query.all_query(), TantivyEngine(schema())
    earliest = min(each.bounds(everything, "first_observed")[0] for each in recent)
    late = engine.between("first_observed", earliest, None)
    kept = {number for each in partitions if each.name.kind == "kept" for number in each.ids(late)}
    found = {each.name: kept.intersection(each.ids(everything)) for each in recent}
    return {
        name: Query.term_set_query(
            schema(), "id", [f"{high:016x}{low:016x}" for high, low in numbers]
        )
        for name, numbers in found.items()
        if numbers
    }
