"""What tantivy finds in the partitions of one store."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from tantivy import Query

from index.compiler import Compiled, Compiler
from index.contract import Dimension, Question, Scope
from index.local import counting
from index.local.partition import LocalPartition
from index.local.query import TantivyEngine
from index.local.schema import schema
from index.tally import Tally
from stream.post import Post

WIDER = 5
"""Of each partition so many times as many words are looked at as are wanted in all."""


class LocalFinder:
    """`index.questions.Finder` over the partitions that `ask` gives for a scope, kept first."""

    def __init__(self, ask: Callable[[Scope], Sequence[LocalPartition]], *, k: int) -> None:
        self._ask = ask
        self._k = k
        self._compiler = Compiler(TantivyEngine(schema()))

    def compile(self, question: Question) -> Compiled[Query]:
        return self._compiler.ask(question)

    def size(self, query: Query, scope: Scope) -> int:
        return sum(partition.count(query) for partition in self._ask(scope))

    def posts(self, query: Query, scope: Scope) -> Iterator[Post]:
        for partition in self._ask(scope):
            yield from partition.posts(query)

    def newest(self, query: Query, scope: Scope, limit: int) -> Iterable[Post]:
        for partition in reversed(self._ask(scope)):
            yield from partition.newest(query, limit)

    def draw(self, query: Query, scope: Scope, limit: int, seed: int) -> None:  # noqa: ARG002  (it cannot)
        return None

    def tally(self, query: Query, dimensions: Sequence[Dimension]) -> Tally:
        return counting.count(self._ask("kept"), query, dimensions, k=self._k)

    def has_authors(self, query: Query, least: int) -> bool:
        known: dict[int, set[int]] = {}
        return any(each.has_authors(query, least, known) for each in reversed(self._ask("kept")))

    def words(self, prefix: str, limit: int) -> Mapping[str, int]:
        found = Counter[str]()
        for partition in self._ask("kept"):
            found.update(partition.words(prefix, WIDER * limit))
        return dict(found.most_common(limit))
