"""The Python API: a working folder, and the questions that may be asked of it."""

import os
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Self

from index.answers import Answers, LongBin, Within
from index.contract import Bin, Dimension
from index.results import Count, Counts, Texts, TypicalTerm
from index.trial import Backtest
from index.values import start_of
from index.versions import LongSeries
from peil.folder import WorkingFolder
from peil.pipeline import Pipeline
from peil.settings import load_settings
from stream.clock import SystemClock
from stream.errors import Stop


class Connection:
    """An open working folder. Every question is written in the access log with its purpose."""

    def __init__(self, pipeline: Pipeline, *, purpose: str | None) -> None:
        self._pipeline = pipeline
        self._purpose = purpose

    @property
    def _answers(self) -> Answers:
        self._pipeline.store.reload()
        return self._pipeline.answers(purpose=self._purpose)

    def search(
        self,
        query: str = "",
        *,
        limit: int = 50,
        reason: str = "",
        since: date | None = None,
        until: date | None = None,
    ) -> Texts:
        """Texts drawn at random, keyword in context; none when fewer than k authors wrote them.
        Whole texts need a `reason`, which is logged. Stop above the quota of a day.

        Here and below `since` is the first day and `until` the day after the last.
        """
        period = self._period(since, until)
        return self._answers.texts(query, limit=limit, reason=reason, **period)

    def count(
        self, query: str = "", *, since: date | None = None, until: date | None = None
    ) -> Count:
        """How many posts match; None is "less than k, or none"."""
        return self._answers.count(query, **self._period(since, until))

    def over_time(
        self,
        query: str = "",
        *,
        bin: Bin | None = None,  # noqa: A002  (a bin of time is called a bin)
        since: date | None = None,
        until: date | None = None,
    ) -> Counts:
        """Counts per hour, day, week or month; without `bin` per what can be shown best."""
        return self._answers.over_time(query, bin=bin, by=None, **self._period(since, until))

    def top(
        self,
        query: str = "",
        *,
        by: Dimension,
        limit: int = 50,
        since: date | None = None,
        until: date | None = None,
    ) -> Counts:
        """The largest counts per value of `by`."""
        return self._answers.top(query, by=by, limit=limit, **self._period(since, until))

    def typical_terms(
        self,
        query: str,
        *,
        limit: int = 20,
        since: date | None = None,
        until: date | None = None,
    ) -> Sequence[TypicalTerm]:
        """Words that stand out in the matching posts against all others of the period."""
        return self._answers.typical_terms(query, limit=limit, **self._period(since, until))

    def backtest(
        self,
        query: str = "",
        *,
        rule: str = "",
        against: str = "",
        since: date | None = None,
        until: date | None = None,
    ) -> Backtest:
        """What a query, or a `rule` (its id, or `RULE@VERSION`), would have caught: of everything
        of the last days, and of what was kept. Also the difference to `against`, without it to
        the version of the rule that is active. Stop without a query and without a rule.
        """
        if bool(query) is bool(rule):
            raise Stop("give a query or a rule to backtest")
        subjects = self._pipeline.subjects()
        subject = subjects.rule(rule) if rule else subjects.typed(query)
        return self._answers.backtest(
            subject,
            against=subjects.against(against, subject),
            **self._period(since, until),
        )

    def _period(self, since: date | None, until: date | None) -> Within:
        zone = self._pipeline.settings.timezone
        return {
            "since": None if since is None else start_of(since, zone),
            "until": None if until is None else start_of(until, zone),
        }

    def long_series(self, rule: str = "", *, bin: LongBin = "week") -> LongSeries:  # noqa: A002  (the same)
        """A rule's posts (empty: all posts) by week or month, also where the texts are gone; with
        those of each version, and the factors by which a changed rule's counts can be joined.
        """
        return self._answers.long_series(rule, bin=bin)

    def close(self) -> None:
        """Release files and connections."""
        self._pipeline.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def connect(folder: str | Path = ".", *, purpose: str | None = None) -> Connection:
    """Open the working folder at `folder`, made by `peil init`.

    `purpose` is what the questions are for; the settings' purpose when it is left out. Stop
    when the folder is none, or when no purpose is set.
    """
    working = WorkingFolder.open(Path(folder))
    settings = load_settings(working.settings, environ=os.environ)
    pipeline = Pipeline(working, settings, clock=SystemClock())
    return Connection(pipeline, purpose=purpose)
