"""The questions of a store, asked of what an engine can find."""

import itertools
from bisect import insort
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Generic, TypeVar

import msgspec

from index.chance import Chance
from index.contract import Bin, Cell, Dimension, Hit, Question, Table, Term
from index.counted import author_day_of
from index.days import Days
from index.difference import difference
from index.finder import Finder
from index.tally import Key, Tally
from index.typical import terms
from index.values import WHOLE_DAYS, bin_of
from index.verifying import Verifier
from privacy.suppress import about
from rules import tree as rule
from rules.evaluator import evaluate
from stream.post import Post

Q = TypeVar("Q")

EVEN = 100
"""So many more words of a prefix are looked at than are wanted: some have about as many posts."""


class Questions(Generic[Q]):
    """The half of a store that answers: with `finder`, and with the evaluator where the engine
    cannot decide.
    """

    def __init__(self, finder: Finder[Q], *, timezone: str, k: int, max_candidates: int) -> None:
        self._finder = finder
        self._timezone = timezone
        self._k = k
        self._verifier = Verifier(finder, timezone=timezone, most=max_candidates)
        self._days = Days(self._by_day, timezone=timezone)

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
            drawn = Chance(seed).first(self._verifier.posts(question), limit)
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
        return terms(
            here,
            there,
            k=self._k,
            least=least,
            day_of=lambda post: author_day_of(post, self._timezone),
            pairs=pairs,
        )

    def words(self, prefix: str, *, limit: int, least: int, until: int) -> Mapping[str, int]:
        """The numbers are `about` so many posts made before `until`. Words go by these numbers and
        then by the alphabet, so which there are and their order tell no more than the numbers do:
        of more than `EVEN` beyond `limit` alone the most frequent ones are looked at.
        """
        found: list[tuple[int, str]] = []
        for word, most in self._finder.words(prefix, limit + EVEN).items():
            if most < least or (len(found) >= limit and about(most) < -found[limit - 1][0]):
                break  # no later one belongs to them
            query = self._finder.compile(Question(query=rule.Term(word), until=until)).upper
            if self._finder.has_authors(query, "kept", least):
                insort(found, (-about(self._finder.size(query, "kept")), word))
        return {word: -posts for posts, word in found[:limit]}

    def differ(self, first: Question, second: Question, *, least: int) -> bool:
        if first.query == second.query:
            return False
        either = msgspec.structs.replace(first, query=difference(first.query, second.query))
        return self._verifier.of_authors(either, least)

    def blocks(self, question: Question, *, least: int) -> Sequence[date]:
        days, _ = self._tallies(question, ("day",))
        return [date.fromisoformat(day) for (day,) in days.blocks(least)]

    def _table(self, question: Question, dimensions: tuple[Dimension, ...]) -> Table:
        tally, total = self._tallies(question, dimensions)
        return tally.table(dimensions, total.cell())

    def _tallies(
        self, question: Question, dimensions: tuple[Dimension, ...]
    ) -> tuple[Tally, Tally]:
        """The counts by `dimensions`, and those of all posts in one cell."""
        state, whole_days = self._finder.state(question.scope), WHOLE_DAYS.issuperset(dimensions)
        if state is not None:
            days = self._days.of(question, state=state)
            cells = (
                days.merged(lambda key: tuple(bin_of(key[0], each) for each in dimensions))
                if whole_days
                else self._counts(question, dimensions)[0]
            )
            return cells, days.merged(_all)
        if whole_days:
            (cells,) = self._counts(question, dimensions)
            return cells, cells.merged(_all)
        cells, total = self._counts(question, dimensions, ())
        return cells, total

    def _by_day(self, question: Question) -> Tally:
        return self._counts(question, ("day",))[0]

    def _counts(self, question: Question, *wanted: tuple[Dimension, ...]) -> Sequence[Tally]:
        """The counts by each of `wanted`, from reading the posts once where they must be read."""
        compiled, scope = self._finder.compile(question), question.scope
        verified = self._verifier.verified(question, compiled)
        if verified is not None:
            return [self._finder.tally(compiled, scope, each, verified) for each in wanted]
        tallies = [(Tally(self._k), dimensions) for dimensions in wanted]
        for found in self._verifier.counted(question):
            for tally, dimensions in tallies:
                for key in itertools.product(*map(found.values, dimensions)):
                    tally.add_one(key, found.author, record=found.record, day=found.author_day)
        return [tally for tally, _ in tallies]

    def _hit(self, question: Question, post: Post) -> Hit:
        if question.query is None:
            return Hit(post, ())
        return Hit(post, evaluate(question.query, post, timezone=self._timezone).spans)


def _all(_key: Key) -> Key:
    return ()
