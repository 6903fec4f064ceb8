"""What every question of a reader goes through before anything of it is counted."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Protocol, TypedDict

import msgspec

from index.contract import Asked, Question, Scope
from index.disclosure import Disclosure
from index.simplest import settled, with_dates
from index.subject import Subject
from index.values import local_day
from rules.lists import Lists
from rules.parser import parse
from rules.tree import Node
from stream.clock import Clock
from stream.errors import Stop
from stream.metrics import Metrics


class Within(TypedDict, total=False):
    """The time of a question as in `Question`: Unix milliseconds, open where nothing is said."""

    since: int | None
    until: int | None


class Log(Protocol):
    """Where a question is written down before it is answered."""

    def append(
        self,
        *,
        actor: str,
        purpose: str,
        action: str,
        payload: str,
        at_most: int | None = None,
    ) -> int:
        """Durable on return; an error means that nothing may be answered. TooOften, and nothing
        written, when `actor` did this `at_most` times in the last 24 hours already.
        """
        ...


class Inquiry:
    """One reader with one purpose: a question is read, written in the access log, and made the
    simplest one that may be asked in its place. Stop without a purpose.
    """

    def __init__(
        self,
        store: Asked,
        *,
        log: Log,
        actor: str,
        purpose: str,
        disclosure: Disclosure,
        timezone: str,
        metrics: Metrics,
        lists: Lists,
        clock: Clock,
        scope: Scope,
    ) -> None:
        if not purpose.strip():
            raise Stop(
                "no purpose is set: write in config/peil.toml what you look for and why, "
                'for example purpose = "prevention: nuisance around New Year"'
            )
        self._store = store
        self._log = log
        self._actor = actor
        self._purpose = purpose
        self._disclosure = disclosure
        self._timezone = timezone
        self._metrics = metrics
        self._lists = lists
        self._clock = clock
        self.scope: Scope = scope

    @property
    def now(self) -> int:
        """The moment in Unix milliseconds."""
        return self._clock.now()

    @property
    def today(self) -> date:
        """The local day that is not over yet."""
        return local_day(self.now, self._timezone)

    def read(
        self, query: str | Subject, *, since: int | None = None, until: int | None = None
    ) -> Question:
        """The question in `query` (empty: all posts) as it was typed; QueryError with all its
        mistakes.
        """
        return Question(query=self._tree(query), since=since, until=until, scope=self.scope)

    def typed(self, query: str | Subject, *, since: int | None, until: int | None) -> Question:
        """The same with its `date:` in the period."""
        return self.dated(self.read(query, since=since, until=until), _words(query))

    def dated(self, question: Question, query: str) -> Question:
        """`question`, which was written as `query`, with its `date:` in the period."""
        return with_dates(question, query, timezone=self._timezone)

    def asked(
        self,
        action: str,
        query: str | Subject,
        period: Within,
        *,
        scope: Scope | None = None,
        reason: str = "",
        at_most: int | None = None,
    ) -> Question:
        """What is asked of the store for `query`, which is in the access log now. TooOften as in
        `Log`.
        """
        question = msgspec.structs.replace(
            self.typed(query, since=period.get("since"), until=period.get("until")),
            scope=scope or self.scope,
        )
        said = {"query": _words(query), "scope": question.scope, **period}
        if reason:
            said["reason"] = reason
        self.write(action, said, at_most=at_most)
        return self.settled(question)

    def write(self, action: str, said: Mapping[str, Any], *, at_most: int | None = None) -> None:
        """Put a question into the access log; nothing may be answered before. Stop when what was
        said with it (a reason, the name of a rule) is no text that can be kept.
        """
        try:
            payload = msgspec.json.encode(said).decode()
        except UnicodeEncodeError as error:
            raise Stop(
                "what was typed is no UTF-8 text, so it cannot be written in the access log: type "
                f"it again without {error.object[error.start : error.end]!r}"
            ) from error
        self._log.append(
            actor=self._actor,
            purpose=self._purpose,
            action=action,
            payload=payload,
            at_most=at_most,
        )
        self._metrics.count("peil_answers_total", question=action.split(":", maxsplit=1)[0])

    def settled(self, question: Question, *, least: int | None = None) -> Question:
        """What is asked of the store: whole days that are over, and nothing in it that makes a
        difference of fewer than `least` authors, or else than k.
        """
        return settled(
            question,
            self._store,
            least=self._disclosure.k(question) if least is None else least,
            today=self.today,
            timezone=self._timezone,
        )

    def _tree(self, query: str | Subject) -> Node | None:
        if isinstance(query, Subject):
            return query.tree
        return parse(query, lists=self._lists, use="search").tree if query.strip() else None


def _words(query: str | Subject) -> str:
    return query.query if isinstance(query, Subject) else query
