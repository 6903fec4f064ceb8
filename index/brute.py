"""The obvious store, which says what the right answers are."""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date

from index.contract import Cell, Counted, Dimension, Question, RolledUp, Table, Term
from index.document import record_of
from index.rollups import roll_up
from index.tally import Tally, author_of
from index.typical import MIN_LETTERS
from index.values import values_of
from privacy.suppress import MOST_A_DAY, Thresholds
from rules.evaluator import evaluate
from stream.partitions import Partition, partition_of
from stream.post import Post


class BruteStore:
    """Answers by looking at every post, with the evaluator that defines the language."""

    def __init__(self, posts: Sequence[Post], *, timezone: str, k: int) -> None:
        self._posts = posts
        self._timezone = timezone
        self._k = k

    def matching(self, question: Question) -> list[Post]:
        """The posts that answer `question`, each id once."""
        found: dict[str, Post] = {}
        for post in self._posts:
            in_scope = question.scope == "both" or post.kept
            allowed = not (question.readable and post.special_category)
            after = question.since is None or post.created_at >= question.since
            before = question.until is None or post.created_at < question.until
            seen = question.seen_since is None or post.first_observed >= question.seen_since
            tree = question.query
            matches = tree is None or evaluate(tree, post, timezone=self._timezone).matched
            counted = not question.shadow or question.shadow in [m.name for m in post.shadows]
            if in_scope and allowed and after and before and seen and matches and counted:
                found[post.id] = post
        return list(found.values())

    def cell(self, posts: Sequence[Post]) -> Cell:
        """The count of these posts."""
        epochs: dict[str, set[str]] = {}
        for post in posts:
            epoch, _, digits = post.author.partition("-")
            epochs.setdefault(epoch, set()).add(digits)
        authors = max((len(known) for known in epochs.values()), default=0)
        days = Counter(
            (post.author, values_of(post, "day", timezone=self._timezone), partition_of(post))
            for post in posts
        )
        counted = sum(min(number, MOST_A_DAY) for number in days.values())
        return Cell(counted, min(self._k, authors), sum(record_of(post.id) for post in posts))

    def count(self, question: Question) -> Cell:
        return self.cell(self.matching(question))

    def table(self, question: Question, dimensions: tuple[Dimension, ...]) -> Table:
        """Counts per combination of values."""
        cells: dict[tuple[str, ...], list[Post]] = {}
        posts = self.matching(question)
        for post in posts:
            keys: list[tuple[str, ...]] = [()]
            for dimension in dimensions:
                values = values_of(post, dimension, timezone=self._timezone)
                keys = [(*key, value) for key in keys for value in values]
            for key in keys:
                cells.setdefault(key, []).append(post)
        counted = {key: self.cell(found) for key, found in sorted(cells.items())}
        return Table(dimensions=dimensions, cells=counted, total=self.cell(posts), k=self._k)

    def differ(self, first: Question, second: Question, least: int) -> bool:
        """Whether so many authors answer one of two questions and not the other."""
        one, other = ({post.id: post for post in self.matching(each)} for each in (first, second))
        either = {**one, **other}
        return self.cell([either[key] for key in one.keys() ^ other.keys()]).authors >= least

    def blocks(self, question: Question, least: int) -> list[date]:
        """The days at whose end another `least` authors are together."""
        by_day: dict[str, list[Post]] = {}
        for post in self.matching(question):
            (day,) = values_of(post, "day", timezone=self._timezone)
            by_day.setdefault(day, []).append(post)
        found: list[date] = []
        waiting: list[Post] = []
        for day in sorted(by_day):
            waiting += by_day[day]
            if self.cell(waiting).authors >= least:
                found.append(date.fromisoformat(day))
                waiting = []
        return found

    def roll_up(self, partition: Partition, thresholds: Thresholds) -> RolledUp:
        """The counts that are kept of a partition."""
        posts = [post for post in self._posts if partition_of(post) == partition]

        def count(dimensions: Sequence[Counted], k: int) -> Tally:
            tally = Tally(k)
            for post in posts:
                values = (values_of(post, each, timezone=self._timezone) for each in dimensions)
                for key in itertools.product(*values):
                    day = (post.author, values_of(post, "day", timezone=self._timezone))
                    tally.add_one(key, author_of(post.author), record=record_of(post.id), day=day)
            return tally

        return roll_up(count, thresholds)

    def terms(self, question: Question, against: Question, least: int) -> list[Term]:
        """The words that so many authors used in the posts of the first question."""
        here, there = (self._words(self.matching(each)) for each in (question, against))
        found = [
            Term(word, self.cell(posts), self.cell(there.get(word, [])))
            for word, posts in sorted(here.items())
        ]
        return [term for term in found if term.inside.authors >= least]

    def _words(self, posts: Sequence[Post]) -> Mapping[str, list[Post]]:
        """The posts that have each word."""
        found: dict[str, list[Post]] = {}
        for post in posts:
            for word in {token.forms[0] for token in post.tokens if token.forms}:
                if len(word) >= MIN_LETTERS and not word.isdigit():
                    found.setdefault(word, []).append(post)
        return found
