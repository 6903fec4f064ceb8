"""The Python API: a working folder, and the questions that may be asked of it."""

import os
from pathlib import Path
from types import TracebackType
from typing import Self

from index.answers import Answers, Count, Counts, LongBin, Texts
from index.contract import Bin, Dimension
from peil.folder import WorkingFolder
from peil.pipeline import Pipeline
from peil.settings import load_settings
from stream.clock import SystemClock


class Connection:
    """An open working folder. Every question is written in the access log with its purpose."""

    def __init__(self, pipeline: Pipeline, *, purpose: str | None) -> None:
        self._pipeline = pipeline
        self._purpose = purpose

    @property
    def _answers(self) -> Answers:
        self._pipeline.store.reload()
        return self._pipeline.answers(purpose=self._purpose)

    def search(self, query: str = "", *, limit: int = 50, reason: str = "") -> Texts:
        """Texts drawn at random, keyword in context; none when fewer than k authors wrote them.
        Whole texts need a `reason`, which is logged. Stop above the quota of a day.
        """
        return self._answers.texts(query, limit=limit, reason=reason)

    def count(self, query: str = "") -> Count:
        """How many posts match; None is "less than k, or none"."""
        return self._answers.count(query)

    def over_time(self, query: str = "", *, bin: Bin | None = None) -> Counts:  # noqa: A002  (a bin of time is called a bin)
        """Counts per day, week or month."""
        return self._answers.over_time(query, bin=bin)

    def top(self, query: str = "", *, by: Dimension, limit: int = 50) -> Counts:
        """The largest counts per value of `by`."""
        return self._answers.top(query, by=by, limit=limit)

    def long_series(self, rule: str = "", *, bin: LongBin = "week") -> Counts:  # noqa: A002  (the same)
        """A rule's posts (empty: all posts) by week or month, also where the texts are gone."""
        return self._answers.long_series(rule, bin=bin)

    def close(self) -> None:
        """Release files and connections."""
        self._pipeline.__exit__(None, None, None)

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
