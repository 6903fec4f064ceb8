"""What peil asks of a store. It speaks questions, never an engine's own query language.

Nothing here is suppressed: `index.answers` stands between a store and every reader.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Literal, Protocol

import msgspec

from privacy.suppress import Thresholds
from rules.tree import Node
from stream.errors import PeilError
from stream.lifecycle import Located
from stream.partitions import Partition
from stream.post import Post

Scope = Literal["kept", "both"]
"""Questions read `kept`; backtests read `both` and count an id once."""

Dimension = Literal[
    "hour", "day", "week", "month", "language", "topic", "sentiment", "source", "platform",
    "kind", "rule", "rule_version", "place", "reach", "hashtag", "domain",
]  # fmt: skip
"""What posts can be counted by. Times are local to the settings' time zone, by `created_at`:
`2026-11-24T09` (hour), `2026-11-24` (day), `2026-W48` (ISO week), `2026-11` (month). A label
that a model abstained from counts under `?`. `rule` is the rule's id without its version,
`rule_version` is `rule@version`."""

Counted = Literal[Dimension, "shadow"]
"""What a store counts by. `shadow` is `rule@version` of a version that is counted and not shown
(`Post.shadows`): it is no `Dimension`, so that no reader asks for it."""

Bin = Literal["hour", "day", "week", "month"]


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Which posts: those that `query` matches (None: all), created in `since`..`until`.

    `since` is inclusive and `until` exclusive, both Unix milliseconds, None: open. `readable`
    leaves out what is of a special category: its texts are never shown. With `shadow`, a
    `rule@version`, only those that this version matched without being shown; no query says so.
    `seen_since` leaves out what was first observed before it (Unix ms).
    """

    query: Node | None = None
    since: int | None = None
    until: int | None = None
    scope: Scope = "kept"
    readable: bool = False
    seen_since: int | None = None
    shadow: str = ""


class Cell(msgspec.Struct, frozen=True):
    """A count with what suppression needs: `authors` is the number of distinct authors, exact
    up to `k` and then `k` (within one key epoch; over two epochs the larger), and `record` is the
    sum of the record keys of all its posts. Of an author at most `MOST_A_DAY` posts a day count.
    """

    posts: int
    authors: int
    record: int = 0


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Counts by one or two dimensions. A post can count in several cells of `rule`,
    `rule_version`, `place`, `hashtag` and `domain`, so cells need not add up to `total`. Empty
    cells are left out.
    """

    dimensions: tuple[Dimension, ...]
    cells: Mapping[tuple[str, ...], Cell]
    total: Cell
    k: int


class RolledUp(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept for years of a partition that is about to be dropped: counts that may be
    shown, each post in one cell of `volumes` and in one of `phenomena` for each rule.

    `volumes` counts by (hour or day, source, language), `phenomena` by (day or week,
    rule@version, language, sentiment), where `authors` is a band's lower bound. What was too
    small for a cell of its own is in one with `*` or a longer time. `shadows` counts by (day,
    rule@version); what was too small there is not kept.
    """

    volumes: Mapping[tuple[str, ...], Cell]
    phenomena: Mapping[tuple[str, ...], Cell]
    shadows: Mapping[tuple[str, ...], Cell] = {}


class Hit(msgspec.Struct, frozen=True):
    """A stored post that a question found, with the token spans (first, last + 1) that did."""

    post: Post
    spans: tuple[tuple[int, int], ...]


class Term(msgspec.Struct, frozen=True):
    """A folded word with its counts in two sets of posts."""

    word: str
    inside: Cell
    outside: Cell


class TooBroad(PeilError):
    """An inexact query has more candidates than may be verified; narrow the period."""


Progress = Callable[[int, int], None]
"""Told now and then how many posts are done, and of how many."""


def untold(_done: int, _of: int) -> None:
    """Progress that nobody looks at."""


class Asked(Protocol):
    """The half of a store that answers. Threads may share it.

    Errors: `stream.errors.Retry` when the engine is busy or away; TooBroad.
    """

    def reload(self) -> bool:
        """See what other processes have flushed; False when that was surely nothing. A question
        that another thread asks meanwhile sees what was before, or what is after.
        """
        ...

    def count(self, question: Question) -> Cell:
        """How many posts and (up to k) authors. Raises TooBroad, like all questions below."""
        ...

    def count_over_time(
        self, question: Question, *, bin: Bin = "day", by: Dimension | None = None
    ) -> Table:
        """Counts per bin, and per value of `by` when it is given (dimensions: bin, by)."""
        ...

    def top(self, question: Question, *, by: Dimension, limit: int = 50) -> Table:
        """Counts per value of `by`, the `limit` largest."""
        ...

    def compare(self, first: Question, second: Question, *, by: Dimension) -> tuple[Table, Table]:
        """Two questions side by side over the same values of `by`."""
        ...

    def sample(self, question: Question, *, limit: int, seed: int) -> Sequence[Hit]:
        """At most `limit` posts drawn at random: the first ones in an order that goes by the seed
        alone, so that two questions draw what answers both in the same order. What an engine
        finds by itself may have another order than what is looked at one by one.
        """
        ...

    def search(self, question: Question, *, limit: int, before: int | None = None) -> Sequence[Hit]:
        """Newest first by `created_at` (then id), those created before `before` (exclusive)."""
        ...

    def terms(
        self, question: Question, *, against: Question, least: int, pairs: bool = False
    ) -> Sequence[Term]:
        """The words, in their order, that at least `least` authors (k at most) used in the posts
        of the first question, with their counts in these and in the second's; once a post. Words
        of fewer than three letters and numbers are left out. With `pairs` also every two words
        that follow one another in a sentence.
        """
        ...

    def differ(self, first: Question, second: Question, *, least: int) -> bool:
        """Whether at least so many authors wrote a post that answers one of these questions and
        not the other. `least` is k at most; both have the same scope and period.
        """
        ...

    def blocks(self, question: Question, *, least: int) -> Sequence[date]:
        """The local days at whose end, counted from the first one on, another `least` authors
        (k at most) have answered `question` since the last such day.
        """
        ...

    def words(self, prefix: str, *, limit: int, least: int, until: int) -> Mapping[str, int]:
        """At most `limit` frequent words of `kept` that begin with `prefix` (folded, not empty),
        with about how many posts: by these numbers, then by the alphabet. Of each at least `least`
        authors (k at most) wrote a post that was made before `until` (Unix ms).
        """
        ...


class Store(Asked, Protocol):
    """Labelled posts to answers. An id has one writer at a time; many read, in other processes
    too.

    Errors: `stream.errors.Retry` when the engine is busy or away, `Reject` for one post that
    it cannot take, `Stop` when the disk is full or the index was written by a newer peil.
    """

    def upgrade(self, progress: Progress = untold) -> int:
        """Make ready for writing; called by a writer before anything else. What an earlier one
        wrote and did not flush is seen after it, and an index of an older peil is written anew
        from its stored posts, which may take long and goes on where it was ended. Returns how
        many posts were written anew. Before that, a store of an older peil raises Stop, or Retry
        where another process may be writing it anew.
        """
        ...

    def where(self, ids: Sequence[str]) -> Mapping[str, Sequence[Located]]:
        """Every place of each id that is there, written but not yet flushed ones included."""
        ...

    def write(self, partition: Partition, posts: Sequence[Post]) -> None:
        """Put `posts` into `partition`, in place of what has the same id there."""
        ...

    def remove(self, partition: Partition, ids: Sequence[str]) -> None:
        """Take these ids out of `partition`, as `where` found them or this writer has written
        them since; unknown ones are no error. What another writer put there since `where` was
        asked for an id may stay.
        """
        ...

    def remove_authors(self, authors: Sequence[str], up_to_rev: int) -> int:
        """Take out every post of these pseudonyms up to that rev; returns how many."""
        ...

    def flush(self) -> None:
        """When it returns, all that was written and removed survives a kill and is seen by
        readers that `reload`. Called by the worker before it commits its offsets. When it
        raises, some of it may not be done and is given up: begin again with `where`.
        """
        ...

    def purge(self) -> int:
        """Rewrite what still holds removed texts on disk, those included that a newer version
        replaced; returns how many texts were rewritten or taken out.
        """
        ...

    def expire(self, now: int) -> Sequence[Partition]:
        """Drop the partitions whose day has come at `now` (Unix ms); their files are gone."""
        ...

    def roll_up(self, partition: Partition, thresholds: Thresholds) -> RolledUp:
        """The counts that are kept when `partition` is dropped. Changes nothing; the same posts
        give the same counts. Retry when it is not there (any more): what was kept of it stands
        for posts that nobody can count again, and no empty answer may take its place.
        """
        ...

    def partitions(self) -> Mapping[Partition, int]:
        """The partitions there are and the number of posts in each; to a writer also those that
        other writers made, and no longer those that they dropped.
        """
        ...

    def posts(self, partition: Partition) -> Iterator[Post]:
        """Every stored post of `partition`; of one that is not there none."""
        ...

    def problems(self) -> Sequence[str]:
        """What a person must look at: what is missing or damaged, and what should be gone."""
        ...

    def close(self) -> None:
        """Release the writer lock and files; unflushed writes are given up."""
        ...
