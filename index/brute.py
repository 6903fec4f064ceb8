"""The obvious store, which says what the right answers are."""

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date

from index.contract import Cell, Dimension, Question, RolledUp, Table
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
            tree = question.query
            matches = tree is None or evaluate(tree, post, timezone=self._timezone).matched
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

        def count(dimensions: Sequence[Dimension], k: int) -> Tally:
            tally = Tally(k)
            for post in posts:
                values = (values_of(post, each, timezone=self._timezone) for each in dimensions)
                for key in itertools.product(*values):
                    day = (post.author, values_of(post, "day", timezone=self._timezone))
                    tally.add_one(key, author_of(post.author), record=record_of(post.id), day=day)
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
            if token.forms and len(token.forms[0]) >= MIN_LETTERS and not token.forms[0].isdigit()
        }
        return {
            word: sum(any(token.forms[:1] == (word,) for token in post.tokens) for post in posts)
            for word in words
        }
