"""What every store must do, and the obvious one that says what the right answers are."""

import itertools
import math
from collections.abc import Mapping, Sequence

import msgspec
import pytest

from index.contract import Bin, Cell, Dimension, Question, RolledUp, Store, Table
from index.rollups import roll_up
from index.tally import Tally, author_of
from index.values import values_of
from privacy.suppress import Thresholds
from rules.evaluator import evaluate
from stream.lifecycle import Located
from stream.partitions import Partition, partition_of
from stream.post import Post

TIMEZONE = "Europe/Amsterdam"


class BruteStore:
    """Answers by looking at every post, with the evaluator that defines the language."""

    def __init__(self, posts: Sequence[Post], *, k: int) -> None:
        self._posts = posts
        self._k = k

    def matching(self, question: Question) -> list[Post]:
        """The posts that answer `question`, each id once."""
        found: dict[str, Post] = {}
        for post in self._posts:
            in_scope = question.scope == "both" or post.kept
            allowed = not (question.readable and post.special_category)
            after = question.since is None or post.created_at >= question.since
            before = question.until is None or post.created_at < question.until
            tree = question.query
            matches = tree is None or evaluate(tree, post, timezone=TIMEZONE).matched
            if in_scope and allowed and after and before and matches:
                found[post.id] = post
        return list(found.values())

    def cell(self, posts: Sequence[Post]) -> Cell:
        """The count of these posts."""
        epochs: dict[str, set[str]] = {}
        for post in posts:
            epoch, _, digits = post.author.partition("-")
            epochs.setdefault(epoch, set()).add(digits)
        authors = max((len(known) for known in epochs.values()), default=0)
        return Cell(len(posts), min(self._k, authors))

    def count(self, question: Question) -> Cell:
        return self.cell(self.matching(question))

    def table(self, question: Question, dimensions: tuple[Dimension, ...]) -> Table:
        """Counts per combination of values."""
        cells: dict[tuple[str, ...], list[Post]] = {}
        posts = self.matching(question)
        for post in posts:
            keys: list[tuple[str, ...]] = [()]
            for dimension in dimensions:
                values = values_of(post, dimension, timezone=TIMEZONE)
                keys = [(*key, value) for key in keys for value in values]
            for key in keys:
                cells.setdefault(key, []).append(post)
        counted = {key: self.cell(found) for key, found in sorted(cells.items())}
        return Table(dimensions=dimensions, cells=counted, total=self.cell(posts), k=self._k)

    def roll_up(self, partition: Partition, thresholds: Thresholds) -> RolledUp:
        """The counts that are kept of a partition."""
        posts = [post for post in self._posts if partition_of(post) == partition]

        def count(dimensions: Sequence[Dimension], k: int) -> Tally:
            tally = Tally(k)
            for post in posts:
                values = (values_of(post, each, timezone=TIMEZONE) for each in dimensions)
                for key in itertools.product(*values):
                    tally.add(key, 1, [author_of(post.author)])
            return tally

        return roll_up(count, thresholds)

    def typical_scores(self, question: Question, against: Question) -> Mapping[str, float]:
        """The z-scores of Monroe et al. (2008) of all words of the first question's posts."""
        here, there = (self._words(self.matching(each)) for each in (question, against))
        all_here, all_there = sum(here.values()), sum(there.values())
        whole = (all_here + all_there) / 10
        scores: dict[str, float] = {}
        for word, posts in here.items():
            prior = (posts + there.get(word, 0)) / 10
            one, other = posts + prior, there.get(word, 0) + prior
            if len({*here, *there}) == 1:
                continue
            odds = one / (all_here + whole - one) / (other / (all_there + whole - other))
            scores[word] = math.log(odds) / math.sqrt(1 / one + 1 / other)
        return scores

    def _words(self, posts: Sequence[Post]) -> Mapping[str, int]:
        words = {
            token.forms[0]
            for post in posts
            for token in post.tokens
            if token.forms and len(token.forms[0]) > 2 and not token.forms[0].isdigit()
        }
        return {
            word: sum(any(token.forms[:1] == (word,) for token in post.tokens) for post in posts)
            for word in words
        }


def fill(store: Store, posts: Sequence[Post]) -> None:
    """Write posts where they belong and make them visible."""
    by_partition: dict[Partition, list[Post]] = {}
    for post in posts:
        by_partition.setdefault(partition_of(post), []).append(post)
    for partition, some in by_partition.items():
        store.write(partition, some)
    store.flush()


def check_agreement(store: Store, posts: Sequence[Post], question: Question, *, k: int) -> None:
    """Assert that every question's answer is the obvious one."""
    brute = BruteStore(posts, k=k)
    expected = brute.matching(question)
    assert store.count(question) == brute.count(question)
    dimensions: tuple[Dimension, ...] = ("language", "rule", "rule_version", "kind")
    for dimension in dimensions:
        assert store.top(question, by=dimension) == brute.table(question, (dimension,))
    bins: tuple[Bin, ...] = ("hour", "day", "week", "month")
    for each in bins:
        assert store.count_over_time(question, bin=each) == brute.table(question, (each,))
    crossed = store.count_over_time(question, bin="day", by="language")
    assert crossed == brute.table(question, ("day", "language"))
    everything = Question(scope=question.scope)
    assert store.compare(question, everything, by="language") == (
        brute.table(question, ("language",)),
        brute.table(everything, ("language",)),
    )
    terms = store.typical_terms(question, against=everything, limit=1_000)
    scores = {term.word: term.score for term in terms}
    assert scores == pytest.approx(brute.typical_scores(question, everything))
    assert [*scores.values()] == sorted(scores.values(), reverse=True)
    thresholds = Thresholds(2, lambda rule: rule == "rule")
    for partition in store.partitions():
        assert store.roll_up(partition, thresholds) == brute.roll_up(partition, thresholds)
    found = store.search(question, limit=1_000)
    assert {hit.post.id for hit in found} == {post.id for post in expected}
    readable = msgspec.structs.replace(question, readable=True)
    assert store.count(readable) == brute.count(readable)
    drawn = store.sample(readable, limit=3, seed=7)
    assert len(drawn) == min(3, len(brute.matching(readable)))
    assert {hit.post.id for hit in drawn} <= {post.id for post in brute.matching(readable)}
    for hit in found:
        original = next(post for post in expected if post.id == hit.post.id)
        assert hit.post == original


def where_is(store: Store, post: Post) -> list[Located]:
    """The places of one post."""
    return list(store.where([post.id]).get(post.id, ()))
