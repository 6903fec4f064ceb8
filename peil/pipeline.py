"""The composition root: the one place that knows which part is plugged into which."""

import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from sqlalchemy import Engine

from index.answers import Answers
from index.local import LocalStore
from index.worker import IndexStep
from ingest.cursors import Cursors
from ingest.intake import Intake
from ingest.seen import SeenKeys
from ingest.sources import Source, load_sources
from ingest.vault import Vault
from peil.database import open_database
from peil.folder import WorkingFolder
from peil.settings import Settings
from privacy.access import AccessLog
from privacy.gate import Gate
from privacy.keys import KeyRing
from privacy.ledger import Ledger
from privacy.register import Register
from rules.documents import Book, load_book
from rules.publishing import Manifest, RuleFeed, publish
from stream.broker import Broker
from stream.clock import DAY_MS, Clock
from stream.local import LocalBroker
from stream.metrics import Metrics, PrometheusMetrics
from stream.quarantine import Quarantine
from stream.worker import Worker

if TYPE_CHECKING:
    from enrich.chain import Chain


class Pipeline:
    """All parts over one working folder, each made when it is first asked for.

    One a process; not shared between threads unless a part says that it may be. Use it as a
    context: leaving it closes what was opened.
    """

    def __init__(self, folder: WorkingFolder, settings: Settings, *, clock: Clock) -> None:
        self.folder = folder
        self.settings = settings
        self.clock = clock
        self._closers: list[Callable[[], None]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        while self._closers:
            self._closers.pop()()

    # What everything stands on.

    @cached_property
    def metrics(self) -> PrometheusMetrics:
        return PrometheusMetrics()

    @cached_property
    def database(self) -> Engine:
        engine = open_database(self.folder.database)
        self._closers.append(engine.dispose)
        return engine
