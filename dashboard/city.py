"""What the shell hands to the dashboard: one city's parts, and what its readers may ask."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Protocol

import msgspec
from sqlalchemy import Engine

from dashboard.calendar import Event, between
from dashboard.translations import Translations, translated
from dashboard.views.period import Period
from dashboard.views.sources import SourceState
from dashboard.views.timeline import Marks, marks_of
from index.answers import Answers, Log
from index.gaps import missed
from index.once import Once
from index.values import local_day
from privacy.access import AccessLog
from rules.documents import Book, RuleDocument
from rules.guidance import Guidance
from rules.judging.judgements import Judgements
from rules.life.library import Standings
from rules.life.readers import Shown
from rules.lint.meaning import Known
from stream.clock import Clock
from stream.errors import Stop
from stream.metrics import Metrics

if TYPE_CHECKING:
    from dashboard.rights import Reader


MOST_VIEWS = 500


class Ask(Protocol):
    """How the shell makes a door to the store for one reader."""

    def __call__(self, *, reader: str, purpose: str, log: Log) -> Answers:
        """The answers for an account, each written to `log` first. Cheap: once a request."""
        ...


class Covered:
    """The log of the questions of one page, for which one entry is written already. A read of
    texts has an entry of its own.
    """

    def __init__(self, log: Log) -> None:
        self._log = log

    def append(
        self, *, actor: str, purpose: str, action: str, payload: str, at_most: int | None = None
    ) -> int:
        if action != "texts":
            return 0
        return self._log.append(
            actor=actor, purpose=purpose, action=action, payload=payload, at_most=at_most
        )


class Unasked:
    """The log of what nobody asked yet: suggestions while a question is being written."""

    def append(
        self,
        *,
        actor: str,  # noqa: ARG002  (as the contract has it)
        purpose: str,  # noqa: ARG002  (the same)
        action: str,
        payload: str,  # noqa: ARG002  (the same)
        at_most: int | None = None,  # noqa: ARG002  (the same)
    ) -> int:
        raise Stop(f"{action} is a question, and a question is logged before it is answered")


class Snapshot:
    """What every reader sees until the next one: nobody sees one post come or go."""

    def __init__(self, reload: Callable[[], bool], *, clock: Clock) -> None:
        """`reload` sees what is new, and says whether there was anything."""
        self._reload = reload
        self._clock = clock
        self._lock = threading.Lock()
        self.number = 1
        self.taken_at = clock.now()
        self.views = Once(most=MOST_VIEWS)
        """What pages were made of while it lasts: it is the same for every reader."""

    def renew(self) -> bool:
        """Take the next one; whether there was anything new. May block while the store reloads."""
        with self._lock:
            newer = self._reload()
            self.taken_at = self._clock.now()
            if newer:
                self.number += 1
                self.views.forget()
            return newer


@dataclass(frozen=True, kw_only=True)
class City:
    """One city's dashboard: everything its pages are made of. Shared between threads."""

    timezone: str
    k: int
    clock: Clock
    database: Engine
    access: AccessLog
    metrics: Metrics
    shown: Callable[[], Shown]
    """The rules of which readers see counts now."""

    files: Callable[[], tuple[Book, Standings]]
    """The rules as their files are now, which may not count yet, and what became of every version
    of each.
    """

    guidance: Mapping[str, Guidance]
    events: Sequence[Event]
    translations: Translations
    source_titles: Mapping[str, Mapping[str, str]]
    """What each source is called: by language, then by id."""

    sources: Callable[[], Sequence[SourceState]]
    ask: Ask
    snapshot: Snapshot
    judgements: Judgements
    """What people said of texts that rules found."""

    known: Known
    """What lint is told of the folder, so that it can say something of a query."""

    single_author: bool = False
    """Whether one person alone answers for the rules: nobody else reviewed what is counted."""

    @property
    def book(self) -> Book:
        """The rules of which readers see counts: those that count now, and those that did."""
        return self.shown().book

    @property
    def today(self) -> date:
        """The day that is not over yet."""
        return local_day(self.clock.now(), self.timezone)

    def called(self, rule: RuleDocument, language: str) -> RuleDocument:
        """`rule` with what it says of itself in `language`, where that is written; its title is
        that of its guidance.
        """
        found = self.guidance.get(rule.id)
        page = found.pages.get(language) if found else None
        title, purpose, category, owner = (
            translated(self.translations, each, language)
            for each in (rule.title, rule.purpose, rule.category, rule.owner)
        )
        return msgspec.structs.replace(
            rule,
            title=page.title if page else title,
            purpose=purpose,
            category=category,
            owner=owner,
        )

    @property
    def ended(self) -> Mapping[str, date]:
        """Of those that count no more, by id, the day on which that ended."""
        ended = self.shown().ended
        return {rule: local_day(at, self.timezone) for rule, at in ended.items()}

    def rules(self, language: str) -> Mapping[str, RuleDocument]:
        """Those by id, as they are called in `language`."""
        return {rule.id: self.called(rule, language) for rule in self.book.rules.values()}

    def answers(self, reader: "Reader", action: str, **said: object) -> Answers:
        """The door to the store for one page or download, after its entry in the access log;
        `said` is what was asked, in words.
        """
        payload = msgspec.json.encode(said, enc_hook=str).decode()
        self.access.append(
            actor=reader.account, purpose=reader.purpose, action=action, payload=payload
        )
        log = Covered(self.access)
        return self.ask(reader=reader.account, purpose=reader.purpose, log=log)

    def reading(self, reader: "Reader") -> Answers:
        """The door to texts, where each question has an entry of its own."""
        return self.ask(reader=reader.account, purpose=reader.purpose, log=self.access)

    def answering(self, reader: "Reader") -> Answers:
        """The door for what helps to write a question, which is no question yet: nothing of it
        is logged, and no texts are to be had.
        """
        return self.ask(reader=reader.account, purpose=reader.purpose, log=Unasked())

    def marks(self, period: Period, *, language: str) -> Marks:
        """What is drawn on a time axis over `period`."""
        return marks_of(
            between(self.events, period.since, period.until),
            missed(self.database, since=period.start_ms, until=period.end_ms),
            language=language,
            timezone=self.timezone,
        )
