"""The questions of a store, asked of what an engine can find."""

import hashlib
import itertools
from collections.abc import Hashable, Mapping, Sequence
from datetime import date
from typing import Generic, TypeVar

import msgspec

from index.contract import Bin, Cell, Dimension, Hit, Question, Table, Term
from index.difference import difference
from index.document import record_of
from index.finder import Finder
from index.tally import Tally, author_of
from index.typical import terms
from index.values import WHOLE_DAYS, local_hour, values_of
from index.verifying import Verifier
from rules import tree as rule
from rules.evaluator import evaluate
from stream.partitions import partition_of
from stream.post import Post

Q = TypeVar("Q")


class Questions(Generic[Q]):
    """The half of a store that answers: with `finder`, and with the evaluator where the engine
    cannot decide.
    """

    def __init__(self, finder: Finder[Q], *, timezone: str, k: int, max_candidates: int) -> None:
        self._finder = finder
        self._timezone = timezone
        self._k = k
        self._verifier = Verifier(finder, timezone=timezone, most=max_candidates)

    def count(self, question: Question) -> Cell:
        _, total = self._tallies(question, ())
        return total.cell()

    def count_over_time(
        self, question: Question, *, bin: Bin = "day", by: Dimension | None = None
    ) -> Table:
        dimensions: tuple[Dimension, ...] = (bin,) if by is None else (bin, by)
        return self._table(question, dimensions)

    def top(self, question: Question, *, by: Dimension, limit: int = 50) -> Table:
        table = self._table(question, (by,))
        largest = sorted(table.cells.items(), key=lambda item: (-item[1].posts, item[0]))[:limit]
        return msgspec.structs.replace(table, cells=dict(largest))

    def compare(self, first: Question, second: Question, *, by: Dimension) -> tuple[Table, Table]:
        return self._table(first, (by,)), self._table(second, (by,))

    def sample(self, question: Question, *, limit: int, seed: int) -> Sequence[Hit]:
        compiled = self._finder.compile(question)
        if compiled.exact:
            drawn = self._finder.draw(compiled.upper, question.scope, limit, seed)
        else:
            ranked = sorted(self._verifier.posts(question), key=lambda post: _rank(post.id, seed))
            drawn = ranked[:limit]
        return [self._hit(question, post) for post in drawn]

    def search(self, question: Question, *, limit: int, before: int | None = None) -> Sequence[Hit]:
        if before is not None:
            until = before if question.until is None else min(before, question.until)
            question = msgspec.structs.replace(question, until=until)
        compiled = self._finder.compile(question)
        found = (
            self._finder.newest(compiled.upper, question.scope, limit)
            if compiled.exact
            else self._verifier.posts(question)
        )
        posts = {post.id: post for post in found}
        newest = sorted(posts.values(), key=lambda post: (-post.created_at, post.id))[:limit]
        return [self._hit(question, post) for post in newest]

    def terms(
        self, question: Question, *, against: Question, least: int, pairs: bool = False
    ) -> Sequence[Term]:
        here, there = (self._verifier.posts(each) for each in (question, against))
        return terms(here, there, k=self._k, least=least, day_of=self._author_day, pairs=pairs)

    def words(self, prefix: str, *, limit: int, least: int, until: int) -> Mapping[str, int]:
        return {
            word: posts
            for word, posts in self._finder.words(prefix, limit).items()
            if self._finder.has_authors(
                self._finder.compile(Question(query=rule.Term(word), until=until)).upper,
                "kept",
                least,
            )
        }

    def differ(self, first: Question, second: Question, *, least: int) -> bool:
        if first.query == second.query:
            return False
        either = msgspec.structs.replace(first, query=difference(first.query, second.query))
        return self._verifier.of_authors(either, least)

    def blocks(self, question: Question, *, least: int) -> Sequence[date]:
        tally, _ = self._tallies(question, ("day",))
        return [date.fromisoformat(day) for (day,) in tally.blocks(least)]

    def _table(self, question: Question, dimensions: tuple[Dimension, ...]) -> Table:
        tally, total = self._tallies(question, dimensions)
        return tally.table(dimensions, total.cell())

    def _tallies(
        self, question: Question, dimensions: tuple[Dimension, ...]
    ) -> tuple[Tally, Tally]:
        """The counts by `dimensions`, and those of all posts in one cell."""
        compiled = self._finder.compile(question)
        if compiled.exact and self._finder.counts(question.scope):
            counted = self._finder.tally(compiled.upper, question.scope, dimensions)
            if WHOLE_DAYS.issuperset(dimensions):
                return counted, counted.merged(lambda _key: ())
            return counted, self._finder.tally(compiled.upper, question.scope, ())
        cells, total = Tally(self._k), Tally(self._k)
        for post in self._verifier.counted(question):
            author, record = author_of(post.author), record_of(post.id)
            day = self._author_day(post)
            total.add_one((), author, record=record, day=day)
            values = (values_of(post, each, timezone=self._timezone) for each in dimensions)
            for key in itertools.product(*values):
                cells.add_one(key, author, record=record, day=day)
        return cells, total

    def _author_day(self, post: Post) -> Hashable:
        """What tells apart the days of an author on each of which so many posts count."""
        day = local_hour(post.created_at, self._timezone) // 24
        return *author_of(post.author), day, partition_of(post)

    def _hit(self, question: Question, post: Post) -> Hit:
        if question.query is None:
            return Hit(post, ())
        return Hit(post, evaluate(question.query, post, timezone=self._timezone).spans)


def _rank(post_id: str, seed: int) -> bytes:
    return hashlib.blake2b(f"{seed}:{post_id}".encode(), digest_size=8).digest()
