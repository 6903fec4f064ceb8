"""The only door to the store for a reader: suppressed, coarsened, written in the access log."""

from collections.abc import Sequence
from typing import Literal, Unpack

import msgspec

from index.backtest import ALL_ASIDES, Asides, Backtests
from index.breakdowns import BINS, MAX_VALUES, Asking, Breakdowns
from index.contract import Asked, Bin, Dimension, Question, Scope
from index.disclosure import Disclosure
from index.drift import Drift, Drifts
from index.inquiry import Inquiry, Log, Within
from index.readings import MAX_TEXTS, Readings
from index.results import Comparison, Completion, Count, Counts, Facets, Texts, TypicalTerm
from index.series import Series
from index.subject import Subject
from index.trial import Backtest, Suggestions
from index.values import bins_between, start_of
from index.versions import LongSeries, Shadowed, Versions, by_bin
from index.wording import Wording
from privacy.noise import Noise
from privacy.suppress import Thresholds
from rules.folding import fold
from rules.lists import Lists
from stream.clock import Clock
from stream.metrics import Metrics

__all__ = ["BINS", "MAX_TEXTS", "Answers", "Log", "LongBin", "Side", "Within"]

LongBin = Literal["week", "month"]


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One of two questions that are compared; times as in `Question`."""

    query: str = ""
    since: int | None = None
    until: int | None = None


class Answers:
    """What one reader may ask, for one purpose. Every question is logged before it is answered.

    With `scope="both"` counts also hold what no rule matched and is not gone yet: what a rule
    would have caught. Texts of those are never shown, nor of what a rule on a special category
    of personal data matched; a question about such a rule has a higher threshold.
    """

    def __init__(
        self,
        store: Asked,
        *,
        log: Log,
        actor: str,
        purpose: str,
        thresholds: Thresholds,
        series: Series,
        timezone: str,
        metrics: Metrics,
        lists: Lists,
        clock: Clock,
        noise: Noise,
        text_reads_a_day: int,
        scope: Scope = "kept",
    ) -> None:
        self._store = store
        self._disclosure = Disclosure(
            thresholds=thresholds, noise=noise, timezone=timezone, metrics=metrics
        )
        self._inquiry = Inquiry(
            store,
            log=log,
            actor=actor,
            purpose=purpose,
            disclosure=self._disclosure,
            timezone=timezone,
            metrics=metrics,
            lists=lists,
            clock=clock,
            scope=scope,
        )
        self._breakdowns = Breakdowns(store, self._disclosure, timezone=timezone)
        self._wording = Wording(store, self._disclosure)
        self._backtests = Backtests(store, self._inquiry, self._disclosure, timezone=timezone)
        self._series = series
        self._versions = Versions(
            store, inquiry=self._inquiry, disclosure=self._disclosure, series=series
        )
        self._drifts = Drifts(
            store, inquiry=self._inquiry, disclosure=self._disclosure, series=series
        )
        self._timezone = timezone
        self._readings = Readings(
            store,
            inquiry=self._inquiry,
            disclosure=self._disclosure,
            timezone=timezone,
            quota=text_reads_a_day,
        )

    def question(
        self, query: str = "", *, since: int | None = None, until: int | None = None
    ) -> Question:
        """The question in `query` (empty: all posts); QueryError with all its mistakes."""
        return self._inquiry.read(query, since=since, until=until)

    def count(self, query: str | Subject = "", **period: Unpack[Within]) -> Count:
        """How many posts match."""
        question = self._inquiry.asked("count", query, period)
        k = self._disclosure.k(question)
        return Count(posts=self._disclosure.count(self._store, question, k=k), k=k)

    def over_time(
        self,
        query: str = "",
        *,
        bin: Bin | None = None,
        by: Dimension | None = None,
        **period: Unpack[Within],
    ) -> Counts:
        """Counts per bin, every bin of the time in which anything at all may be shown. Without
        `bin` the finest of day, week and month in which most of it can be shown.

        With `by` also per value of that dimension (`cells` by bin and value): every value of
        which anything may be shown, in every bin.
        """
        question = self._inquiry.asked(
            "over_time" if by is None else f"over_time:{by}", query, period
        )
        asking = Asking(period.get("since"), period.get("until"), self._inquiry.today)
        return self._breakdowns.over_time(
            question,
            asking,
            k=self._disclosure.k(question),
            bins=BINS if bin is None else (bin,),
            by=by,
        )

    def long_series(self, rule: str = "", *, bin: LongBin = "week") -> LongSeries:
        """Counts of a rule's posts (empty: of all posts, matched or not) since counting began,
        by week or month: what is in the index and, for what is gone, what was counted then. Of a
        rule also those of each version, and the factors by which they can be joined.
        """
        query = f"rule:{rule}" if rule else ""
        question = self._inquiry.asked("long_series", query, {}, scope="kept" if rule else "both")
        gone = self._series.phenomenon(rule, bin=bin) if rule else self._series.volumes(bin=bin)
        k = self._disclosure.k(question)
        table = self._store.count_over_time(question, bin=bin)
        here = self._disclosure.counts(question, table, table.cells, k=k, keep_hidden=True).cells
        cells: dict[tuple[str, ...], int | None] = {
            (each,): _sum(here.get((each,)), gone.get(each))
            for each in bins_between(
                [*gone, *(key[0] for key, posts in here.items() if posts)], bin
            )
        }
        total = _sum(*cells.values())
        result = LongSeries(dimensions=(bin,), cells=cells, total=total, k=k)
        if not rule:
            return result
        return msgspec.structs.replace(
            result,
            versions=by_bin(self._versions.active(rule, bin=bin), [key[0] for key in cells]),
            splices=self._versions.splices(rule),
        )

    def shadowed(self, shadow: str, *, active: str = "") -> Shadowed:
        """A version that is counted and not shown (`rule@version`) beside the `active` one of the
        same rule, and its share of all posts, by day or week.
        """
        self._inquiry.write("shadowed", {"shadow": shadow, "active": active})
        return self._versions.shadowed(shadow, active)

    def drifts(self, rules: Sequence[str]) -> Sequence[Drift]:
        """Those of `rules` whose share of all posts is not what it was in the weeks before."""
        self._inquiry.write("drifts", {"rules": rules})
        return self._drifts.of(rules)

    def top(
        self, query: str = "", *, by: Dimension, limit: int = 50, **period: Unpack[Within]
    ) -> Counts:
        """The largest counts per value of `by`."""
        return self._top(self._inquiry.asked(f"top:{by}", query, period), by, limit)

    def facets(
        self, query: str = "", *, by: Sequence[Dimension], limit: int = 20, **period: Unpack[Within]
    ) -> Facets:
        """The count of a question and its largest counts per value of each of `by`: one question
        in the access log.
        """
        question = self._inquiry.asked(f"facets:{','.join(by)}", query, period)
        k = self._disclosure.k(question)
        return Facets(
            count=Count(posts=self._disclosure.count(self._store, question, k=k), k=k),
            by={each: self._top(question, each, limit) for each in by},
        )

    def compare(self, first: Side, second: Side, *, by: Dimension, limit: int = 20) -> Comparison:
        """Two queries, or two periods of one, side by side over the values of `by`: one question
        in the access log, with both in it.
        """
        sides = [
            self._inquiry.typed(each.query, since=each.since, until=each.until)
            for each in (first, second)
        ]
        self._inquiry.write(
            f"compare:{by}", {"first": first, "second": second, "scope": self._inquiry.scope}
        )
        one, other = (self._top(self._inquiry.settled(side), by, MAX_VALUES) for side in sides)
        largest = sorted(
            {*one.cells, *other.cells},
            key=lambda key: (-max(one.cells.get(key) or 0, other.cells.get(key) or 0), key),
        )
        return Comparison(first=_only(one, largest[:limit]), second=_only(other, largest[:limit]))

    def backtest(
        self,
        subject: Subject,
        *,
        against: Subject | None = None,
        asides: Asides = ALL_ASIDES,
        **period: Unpack[Within],
    ) -> Backtest:
        """What a query would have caught, of everything of the last days and of what was kept:
        one question in the access log. With `against` also what it would gain and lose.
        """
        return self._backtests.run(subject, against=against, period=period, asides=asides)

    def complete(self, prefix: str, *, limit: int = 10) -> Sequence[Completion]:
        """Frequent words that begin with `prefix` and that at least k authors used before today,
        by the order of their numbers of posts and then by the alphabet. It is help with typing
        and no question: nothing is logged of it.
        """
        stem, k = fold(prefix.strip()), self._disclosure.thresholds.k
        if not stem:
            return []
        until = start_of(self._inquiry.today, self._timezone)
        words = self._store.words(stem, limit=limit, least=k, until=until)
        return [Completion(word=word, posts=posts) for word, posts in words.items()]

    def _top(self, question: Question, by: Dimension, limit: int) -> Counts:
        return self._breakdowns.top(question, by, limit, k=self._disclosure.k(question))

    def typical_terms(
        self, query: str, *, limit: int = 20, **period: Unpack[Within]
    ) -> Sequence[TypicalTerm]:
        """Words that stand out in the matching posts against all of the period: which, and how
        far, is made of counts that may be shown.
        """
        question = self._inquiry.asked("typical_terms", query, period)
        return self._wording.typical(question, k=self._disclosure.k(question), limit=limit)

    def suggest(
        self, subject: Subject, *, limit: int = 30, **period: Unpack[Within]
    ) -> Suggestions:
        """Words, and two words beside each other, that stand out in what a query finds and that
        it does not look for: of everything of the last days, or of what was kept where in those
        too few people wrote what it finds. One question in the access log.
        """
        return self._backtests.suggest(subject, period=period, limit=limit)

    def texts(
        self,
        query: str | Subject = "",
        *,
        limit: int = 10,
        reason: str = "",
        turn: int = 0,
        **period: Unpack[Within],
    ) -> Texts:
        """At most 50 texts drawn at random, keyword in context, when k authors wrote them, and
        no more than k where 50 would be nearly all. Asked again it gives the same texts; others in
        another `turn`, which for who judges is how many verdicts there are. With a `reason`, which
        is logged, the context is the whole text. Stop above the quota, and where the question is
        about a rule on a special category: that costs nothing of the quota.
        """
        return self._readings.texts(
            query, limit=limit, reason=reason.strip(), turn=turn, period=period
        )


def _sum(*counts: int | None) -> int | None:
    """What may be shown of several counts together; None when that is none of them."""
    shown_ones = [count for count in counts if count is not None]
    return sum(shown_ones) if shown_ones else None


def _only(counts: Counts, keys: Sequence[tuple[str, ...]]) -> Counts:
    cells = {key: counts.cells[key] for key in keys if key in counts.cells}
    return msgspec.structs.replace(counts, cells=cells)
