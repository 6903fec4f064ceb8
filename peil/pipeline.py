"""The composition root: the one place that knows which part is plugged into which."""

import logging
import os
import pwd
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from index.answers import Answers, Log
from index.contract import Asked, Scope, Store
from index.series import Series
from index.worker import IndexStep
from ingest.declarations import Declaration, read_folder, sound
from ingest.sources import Source
from peil.backends import INDEX, UPGRADE
from peil.foundation import Foundation
from peil.ingestion import Ingestion
from peil.locks import Held
from peil.rulebook import Rulebook
from peil.subjects import Subjects
from peil.timetable import wrong_times
from privacy.noise import KEY as NOISE_KEY
from privacy.noise import Noise
from privacy.suppress import Thresholds
from rules.documents import Book, Enrich
from rules.files import load_book
from rules.judging.judgements import Judgements
from rules.life.publishing import Manifest, RuleFeed
from rules.life.readers import ReadersBook
from rules.life.special import Special
from rules.lists import Lists
from rules.matching.matcher import Matcher
from stream.broker import Entry
from stream.codec import encode
from stream.errors import Retry
from stream.events import Gap
from stream.post import Post
from stream.topics import LABELLED, POSTS
from stream.worker import Step, Worker

logger = logging.getLogger(__name__)

if TYPE_CHECKING:
    from enrich.chain import Chain
    from enrich.steps import Matches


class Pipeline(Foundation):
    """All parts over one working folder, each made when it is first asked for."""

    # Collecting.

    @cached_property
    def declarations(self) -> Mapping[str, Declaration]:
        """The files of all sources, wrong ones too."""
        timetable = partial(wrong_times, timezone=self.settings.timezone)
        return read_folder(self.folder.config / "sources", timetable=timetable)

    @cached_property
    def sources(self) -> Mapping[str, Source]:
        """The sources whose files are sound: a wrong one costs its own source."""
        return sound(self.declarations)

    @cached_property
    def ingestion(self) -> Ingestion:
        return Ingestion(self)

    # Rules and enrichment.

    @cached_property
    def book(self) -> Book:
        """The rules and lists in `config`, with every version that a list ever had."""
        return self.book_in(self.folder.config)

    def book_in(self, config: Path) -> Book:
        """The same of the files below `config`."""
        book = load_book(config)
        return msgspec.structs.replace(
            book, older=(*book.older, *self.rulebook.library.described())
        )

    @cached_property
    def readers_book(self) -> ReadersBook:
        """The same for whoever reads answers: what counts is as it was brought in, and what cannot
        be read now as it was last.
        """
        return ReadersBook(self.book, self.rulebook.library)

    def enrich_example(self, post: Post) -> Post:
        """Label a text that somebody wrote as posts are, as far as rules can ask for it."""
        return self._examples(post)

    @cached_property
    def _examples(self) -> Enrich:
        from enrich.examples import Examples  # noqa: PLC0415  (it loads models: only when asked for)

        return Examples(self.folder.config / "places.toml")

    @cached_property
    def rulebook(self) -> Rulebook:
        return Rulebook(
            engine=self.database,
            broker=lambda: self.broker,
            locks=self.locks,
            clock=self.clock,
            settings=self.settings.rules,
            actor=actor(),
            enrich=self.enrich_example,
        )

    @cached_property
    def lists(self) -> Lists:
        """The keyword lists of the book, as the parser asks for them."""
        return self.book.lookup()

    @cached_property
    def _chain(self) -> "tuple[Chain, Matches]":
        # Models take a second to load, and most commands need none.
        from enrich.catalogue import Parts, default_chain  # noqa: PLC0415  (so it is loaded here)

        settings = self.settings.enrich
        return default_chain(
            Parts(
                places=self.folder.config / "places.toml",
                models=Path(settings.models) if settings.models else self.folder.models,
                matcher=Matcher((), timezone=self.settings.timezone),
                settings=settings,
            )
        )

    def publish_rules(self) -> Manifest:
        """Make the rules that are active the set that counts."""
        chain, _ = self._chain
        return self.rulebook.start(self.book, models=chain.versions)

    def enrich_worker(self, *, in_time: bool = False) -> Worker:
        """The worker from `posts` to `labelled`. With `in_time` it sheds labels rather than fall
        behind; without, it takes the time that the labels take.
        """
        from enrich.worker import EnrichStep  # noqa: PLC0415  (the same)

        chain, matches = self._chain
        step = EnrichStep(
            chain,
            matches,
            feed=RuleFeed(self.broker),
            timezone=self.settings.timezone,
            clock=self.clock,
            metrics=self.metrics,
            affordable=lambda: self._affordable(worker) if in_time else None,
        )
        worker = self._worker("enrich", POSTS.name, step, self._pass_gap)
        return worker

    def _affordable(self, worker: Worker) -> int | None:
        settings = self.settings.enrich
        return settings.affordable if worker.lag() > settings.backlog else None

    def _pass_gap(self, gap: Gap) -> None:
        self.broker.append(LABELLED.name, [Entry(gap.key, encode(gap))])

    # Store.

    @cached_property
    def store(self) -> Store:
        store = self.backend.store()
        return self.closing(store, store.close)

    def held(self, ids: Sequence[str]) -> Collection[str]:
        """Which of `ids` the index has."""
        self.store.reload()
        return self.store.where(ids).keys()

    @cached_property
    def series(self) -> Series:
        return Series(self.database)

    @property
    def thresholds(self) -> Thresholds:
        """Below how many authors what is hidden, by the rules of this folder."""
        return Thresholds(self.settings.privacy.k, self._is_special)

    def _is_special(self, rule: str) -> bool:
        """By its file and by what is counted, which can be another version: the stricter one."""
        file = self.book.rules.get(rule)
        return (
            (file is not None and file.special_category)
            or self.readers_book().is_special(rule)
            or self._counted_as_special(rule)
        )

    @cached_property
    def _counted_as_special(self) -> Special:
        return Special(self.rulebook.library)

    def upgrade_store(self, *, stopping: Callable[[], bool] = lambda: False) -> None:
        """Write anew what an older peil left in the index. Before all that writes to it; does
        nothing where all is of this release. Where others do it, waits for them until `stopping()`
        turns true.
        """
        with self.locks.wait_for(UPGRADE, clock=self.clock, give_up=stopping) as mine:

            def go_on(_done: int, _of: int) -> None:
                if not mine:
                    raise Retry("another process may write the index of an older peil anew now")

            if mine and (written := self.store.upgrade(go_on)):
                logger.warning("the index of an older peil was written anew: %d posts", written)

    def index_worker(self, *, stopping: Callable[[], bool] = lambda: False) -> Worker:
        """The worker from `labelled` into the store, for whoever may index (`indexing`, or
        `backend.serving`). An index of an older peil is written anew first, or until `stopping()`.
        """
        self.upgrade_store(stopping=stopping)
        step = IndexStep(
            self.store,
            ledger=self.ledger,
            engine=self.database,
            clock=self.clock,
            metrics=self.metrics,
            longest_retention_ms=self.retention_ms,
        )
        return self._worker("index", LABELLED.name, step, step.record_gap)

    def _worker(self, group: str, topic: str, step: Step, on_gap: Callable[[Gap], None]) -> Worker:
        worker = Worker(
            self.broker,
            group=group,
            topics=[topic],
            step=step,
            quarantine=self.quarantine,
            clock=self.clock,
            metrics=self.metrics,
            on_gap=on_gap,
            settings=self.settings.stream,
        )
        return self.closing(worker, worker.close)

    def indexing(
        self, *, stopping: Callable[[], bool] = lambda: False
    ) -> AbstractContextManager[Held]:
        """Be the one who indexes while the block runs; false when a `peil run` does it anyway, or
        when `stopping()` turns true while another one does it.
        """
        return self.locks.wait_for(
            INDEX, clock=self.clock, give_up=lambda: stopping() or self.backend.is_served()
        )

    def subjects(self) -> Subjects:
        """What a backtest can be of: the rules of this folder and all versions there were."""
        return Subjects(self.book, self.rulebook.library.standings(), lists=self.lists)

    @cached_property
    def judgements(self) -> Judgements:
        """What was judged of samples of rules."""
        return Judgements(self.database, clock=self.clock)

    def answers(
        self,
        *,
        purpose: str | None = None,
        scope: Scope = "kept",
        reader: str | None = None,
        log: Log | None = None,
        store: Asked | None = None,
    ) -> Answers:
        """What somebody may ask: by default the person at this machine, for the purpose of the
        settings, of this folder's store and in its access log.
        """
        return Answers(
            store or self.store,
            log=log or self.access,
            actor=reader or actor(),
            purpose=self.settings.purpose if purpose is None else purpose,
            thresholds=self.thresholds,
            series=self.series,
            timezone=self.settings.timezone,
            metrics=self.metrics,
            lists=self.lists,
            clock=self.clock,
            noise=Noise(self.keys.key(NOISE_KEY)),
            text_reads_a_day=self.settings.privacy.text_reads_a_day,
            scope=scope,
        )


def actor() -> str:
    """Who asks, by the operating system and not by the environment, which anybody can change."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a user without a name, as in a container
        return f"uid {os.getuid()}"
