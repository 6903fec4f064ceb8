"""The rules of a working folder: brought in from its files, and published as their lives say."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec
from sqlalchemy import Engine

from peil.guidance import personal
from peil.locks import Locks
from rules.documents import Book, Enrich, unchanged
from rules.life.asking import needs_review, wish
from rules.life.history import PUBLISHED, REVIEWED_AGAIN, Change, State, step
from rules.life.library import Library, Standing, Turn, those_in
from rules.life.publishing import Manifest, has_published, last_published, publish
from rules.life.readiness import missing
from rules.life.syncing import Synced, differing, sync
from rules.life.takeover import adopt, carry_over, end_overdue
from rules.life.versions import Version, resolve
from rules.settings import RulesSettings
from stream.broker import Broker
from stream.clock import Clock, to_datetime
from stream.errors import Retry, Stop

logger = logging.getLogger(__name__)

PUBLISHING = "publish-rules"
"""The lock of who publishes: what is published is what stood in the database then."""

SINGLE_AUTHOR = (
    "one person alone answers for the rules here (rules.single_author): files count at once, and "
    "nobody else reviews them"
)


class Rulebook:
    """What becomes of rules, and what goes out on topic `rules`. `broker` is opened when needed;
    by `enrich` examples get what posts get.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        broker: Callable[[], Broker],
        locks: Locks,
        clock: Clock,
        settings: RulesSettings,
        actor: str,
        enrich: Enrich = unchanged,
    ) -> None:
        self.library = Library(engine, clock=clock)
        self._engine = engine
        self._broker = broker
        self._locks = locks
        self._clock = clock
        self._settings = settings
        self._actor = actor
        self._enrich = enrich

    def start(self, book: Book, *, models: Mapping[str, str]) -> Manifest:
        """Publish what is to count when workers begin. With a single author the files of `book`
        come in first; else they wait for a sync, and it is said which.
        """
        self._take_over()
        for unread in book.unread:
            logger.warning("%s; a version of it that counts goes on", unread)
        if self._settings.single_author:
            told = {unread.name for unread in book.unread}
            for each in self._sync(book):
                if each.says and each.rule not in told:
                    logger.warning("rule %s: %s", each.rule, each.says)
        elif waiting := differing(self.library, book):
            logger.warning(
                "files that do not count yet, because they were not brought in with `peil rules "
                "sync`: %s",
                ", ".join(waiting),
            )
        manifest = self._publish(models)
        if not manifest.rules:
            logger.warning("no rule is active, so no post will be kept: see `peil rules list`")
        return manifest

    def publish(self) -> Manifest | None:
        """Publish what counts now, with the models that were published last; None, and nothing
        is published, before workers began for the first time.
        """
        return self._publish(None) if has_published(self._broker()) else None

    def sync(self, book: Book, *, as_drafts: bool = False, whole: bool = True) -> Sequence[Synced]:
        """Bring the files of `book` in, as drafts or, with a single author, to count at once, and
        publish. One that is not the `whole` of the folder says nothing of rules that are not in it.
        """
        self._take_over()
        found = self._sync(book, as_drafts=as_drafts, whole=whole)
        self.publish()
        standings = self.library.standings()
        return [_as_it_stands(each, standings.get(each.rule, ())) for each in found]

    def move(
        self,
        rule: str,
        versions: Iterable[str],
        state: State,
        *,
        note: str,
        seen: Sequence[Standing] = (),
    ) -> Sequence[Change]:
        """Bring these versions of a rule into `state`, and publish; Stop says what is missing, and
        what somebody changed since they were `seen`.
        """
        self._adopt()
        with self.library.turn() as turn:
            for each in seen:
                turn.check_still(each)
            changes = self._moved(turn, rule, versions, state, note=note)
        self._publish_moved(rule, state)
        return changes

    def withdraw(self, rule: str, *, note: str) -> Sequence[Change]:
        """Withdraw all that counts of a rule by now, and publish."""
        self._adopt()
        with self.library.turn() as turn:
            held = turn.standings().get(rule, ())
            counting = [each.change.version for each in held if each.state in PUBLISHED]
            changes = self._moved(turn, rule, counting, "withdrawn", note=note)
        self._publish_moved(rule, "withdrawn")
        return changes

    def _moved(
        self, turn: Turn, rule: str, versions: Iterable[str], state: State, *, note: str
    ) -> Sequence[Change]:
        changes: list[Change] = []
        for version in versions:
            changes += turn.move(
                rule,
                version,
                state,
                by=self._actor,
                note=note,
                single_author=self._settings.single_author,
            )
        return changes

    def _publish_moved(self, rule: str, state: State) -> None:
        try:
            self.publish()
        except Retry as error:
            raise Retry(
                f"it is written down that {rule} is {state}, and could not be published: {error}. "
                "A running peil does so within the hour, and so does the next change of a rule",
                after=error.after,
            ) from error

    def renew(self, held: Standing, book: Book) -> Sequence[Change]:
        """Take in what the file of a version that was reviewed says otherwise now and what was
        asked for in a sync by somebody else; nothing when the file asks for nothing. Stop says
        what is missing, and what somebody changed since it was `held` so.
        """
        version, actor = self.asked(held, book), self._actor
        if version is None:
            return ()
        asked = wish(held, version)
        with self.library.turn() as turn:
            turn.check_still(held)
            who = [each.by for each in turn.history(version.document.id) if each.note == asked]
            if not who:
                raise Stop(f"{version.name} was not synced as its file is now: `peil rules sync`")
            if who[0] == actor:
                raise Stop(f"{actor} asked for this change: somebody else must review it")
            turn.describe(version, by=who[0])
            changes = [turn.note(held, f"{REVIEWED_AGAIN} {who[0]}", by=actor)]
        self.publish()
        return changes

    def asked(self, held: Standing, book: Book) -> Version | None:
        """What the file of a reviewed version says otherwise now, if that needs a review."""
        document = book.rules.get(held.change.rule)
        version = None if document is None else resolve(document, book.lookup())
        if version is None or version.name != held.change.name:
            return None
        return version if needs_review(held, version) else None

    def check_following(self, held: Standing, state: State) -> None:
        """Stop when this version cannot come into `state` by this person; nothing is written."""
        change = msgspec.structs.replace(
            held.change, state=state, at=self._clock.now(), by=self._actor, note=""
        )
        history = self.library.history(change.rule)
        step(history, change, single_author=self._settings.single_author)

    def lacks(self, version: Version, book: Book) -> Sequence[str]:
        """What keeps a version from being reviewed or from counting."""
        today = to_datetime(self._clock.now()).date()
        return missing(version, book=book, today=today, personal=personal, enrich=self._enrich)

    def standings_of(self, rule: str) -> Sequence[Standing]:
        """The versions of `rule`; Stop when there is none."""
        self._adopt()
        found = self.library.standings()
        if rule not in found:
            raise Stop(
                f"no version of rule {rule!r} was brought in; `peil rules sync` does it, and "
                "`peil rules list` shows what there is"
            )
        return found[rule]

    def active(self) -> Sequence[str]:
        """The rules of which a version is active."""
        return [each.change.rule for each in those_in(self.library.standings(), "active")]

    def _sync(self, book: Book, *, as_drafts: bool = False, whole: bool = True) -> Sequence[Synced]:
        return sync(
            self.library,
            book,
            by=self._actor,
            today=to_datetime(self._clock.now()).date(),
            single_author=self._settings.single_author,
            as_drafts=as_drafts,
            whole=whole,
            personal=personal,
            enrich=self._enrich,
        )

    def _adopt(self) -> None:
        if self.library.is_empty():
            for change in adopt(self.library, last_published(self._broker()), by=self._actor):
                logger.warning("%s is active: %s", change.name, change.note)

    def _take_over(self) -> None:
        self._adopt()
        for change in carry_over(self.library):
            logger.warning("%s is %s: %s", change.name, change.state, change.note)

    def _publish(self, models: Mapping[str, str] | None) -> Manifest:
        with self._locks.wait_for(PUBLISHING, clock=self._clock):
            today = to_datetime(self._clock.now()).date()
            for change in end_overdue(self.library, today=today):
                logger.warning("%s is over: %s", change.name, change.note)
            standings = self.library.standings()
            return publish(
                self._broker(),
                [each.version for each in those_in(standings, "active")],
                shadows=[each.version for each in those_in(standings, "shadow", "outgoing")],
                engine=self._engine,
                clock=self._clock,
                models=models,
            )


def _as_it_stands(synced: Synced, standings: Sequence[Standing]) -> Synced:
    """The same after publishing, which ends what is over."""
    for each in standings:
        if each.change.version == synced.version and each.state != synced.state:
            return msgspec.structs.replace(synced, state=each.state, says=each.change.note)
    return synced
