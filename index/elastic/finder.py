"""What Elasticsearch finds in the partitions of one store."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from index.compiler import Compiled, Compiler
from index.contract import Dimension, Question, Scope
from index.elastic import counting
from index.elastic.cluster import Cluster, TooWide
from index.elastic.hits import Page, Stored
from index.elastic.query import ElasticEngine, Query, may_be_too_wide
from index.elastic.reading import AS_THEY_LIE, BY_ID, count_posts, first, post_of, read
from index.finder import Verified
from index.tally import Tally
from rules.tree import Prefix
from stream.post import Post

NEWEST = ({"ms": "desc"}, *BY_ID)
READ_FOR_WORDS = 300
"""So many posts are read to know which words are frequent."""

DRAWN = ({"_score": "desc"}, *BY_ID)


class ElasticFinder:
    """`index.finder.Finder` over the aliases that `ask` gives for a class of posts."""

    def __init__(
        self, cluster: Cluster, ask: Callable[[Scope], Sequence[Sequence[str]]], *, k: int
    ) -> None:
        self._cluster = cluster
        self._ask = ask
        self._k = k
        self._busy: tuple[Sequence[str], Sequence[int]] | None = None
        self._compiler = Compiler(ElasticEngine())
        self._rough = Compiler(ElasticEngine(), rough=True)

    def compile(self, question: Question) -> Compiled[Query]:
        compiled = self._compiler.ask(question)
        if question.query is None or not may_be_too_wide(question.query):
            return compiled
        try:
            self.size(compiled.upper, question.scope)
        except TooWide:
            return self._rough.ask(question)
        return compiled

    def open(self, compiled: Compiled[Query]) -> Query:
        return self._compiler.open(compiled)

    def size(self, query: Query, scope: Scope) -> int:
        return sum(
            count_posts(self._cluster, aliases, query) for aliases in self._ask(scope) if aliases
        )

    def posts(self, query: Query, scope: Scope) -> Iterator[Post]:
        for aliases in self._ask(scope):
            for hit in read(self._cluster, aliases, query, Page[Stored], sort=AS_THEY_LIE):
                yield post_of(hit)

    def newest(self, query: Query, scope: Scope, limit: int) -> Iterable[Post]:
        return sorted(self._first(query, scope, NEWEST, limit), key=lambda post: post.kept)

    def draw(self, query: Query, scope: Scope, limit: int, seed: int) -> Sequence[Post]:
        by_chance: Query = {
            "function_score": {
                "query": query,
                "random_score": {"seed": seed, "field": "id_low"},
                "boost_mode": "replace",
            }
        }
        drawn: dict[str, Post] = {}
        for post in self._first(by_chance, scope, DRAWN, limit):
            if post.id not in drawn or post.kept:
                drawn[post.id] = post
        return list(drawn.values())[:limit]

    def some(self, query: Query, scope: Scope, limit: int) -> Sequence[Post]:
        return self.draw(query, scope, limit, 0)

    def counts(self, scope: Scope) -> bool:
        return scope == "kept"  # over both an id that is in two places would count twice

    def tally(
        self,
        compiled: Compiled[Query],
        scope: Scope,
        dimensions: Sequence[Dimension],
        verified: Verified,
    ) -> Tally:
        (aliases,) = self._ask(scope)
        ids = [each for some in verified.values() for each in some]
        query = self._compiler.closed(compiled, ids)
        busy = self._busy_of(aliases)
        return counting.count(self._cluster, aliases, query, dimensions, k=self._k, busy=busy)

    def state(self, scope: Scope) -> None:
        """Elasticsearch does not tell whether something changed."""

    def forget(self) -> None:
        """What was remembered of the posts may have changed."""
        self._busy = None

    def _busy_of(self, aliases: Sequence[str]) -> Sequence[int]:
        known = self._busy  # another thread may forget it meanwhile
        if known is None or known[0] != aliases:
            self._busy = known = aliases, counting.busy(self._cluster, aliases)
        return known[1]

    def has_authors(self, query: Query, scope: Scope, least: int) -> bool:
        (aliases,) = self._ask(scope)
        return counting.has_authors(self._cluster, aliases, query, least)

    def words(self, prefix: str, limit: int) -> Mapping[str, int]:
        """From some posts at random: Elasticsearch lists the words of no text."""
        compiled = self._compiler.compile(Prefix(prefix))
        drawn = self.draw(compiled.upper, "kept", READ_FOR_WORDS, 0)
        found = Counter(
            form
            for post in drawn
            for form in {form for token in post.tokens for form in token.forms}
            if form.startswith(prefix)
        )
        all_of_them = self.size(compiled.upper, "kept")
        return {word: posts * all_of_them // len(drawn) for word, posts in found.most_common(limit)}

    def _first(
        self, query: Query, scope: Scope, sort: Sequence[Mapping[str, str]], limit: int
    ) -> Sequence[Post]:
        """At least the first `limit` different posts in this order; one can be in two places."""
        groups = self._ask(scope)
        aliases = [each for group in groups for each in group]
        hits = first(self._cluster, aliases, query, sort=sort, limit=limit * len(groups))
        return list(map(post_of, hits))
