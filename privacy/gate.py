"""The gate: a raw, personal post goes in; a post without its person comes out, or nothing.

Everything after it (log, index, program log, metrics) sees only what it lets through.
"""

from collections.abc import Mapping, Sequence

import regex

from privacy.characters import repair
from privacy.contract import Admitted, Seen, Sighting, Terms
from privacy.keys import KeyRing
from privacy.ledger import Ledger
from privacy.redaction import Redaction
from privacy.register import is_never
from privacy.settings import PrivacySettings
from stream.clock import DAY_MS, Clock
from stream.errors import Reject
from stream.events import AuthorDelete, Delete, Upsert
from stream.metrics import Metrics
from stream.post import RawAuthorDelete, RawDelete, RawPost
from stream.version import MAX_REV, of_delete, rev_of

EARLIEST = 946_684_800_000
"""2000-01-01: no platform that peil reads is older, so an earlier date is a mistake."""

AHEAD_MS = 600_000
"""A clock may be ten minutes ahead; a later date is a mistake."""

_PLATFORM = regex.compile(r"[\p{L}\d][\p{L}\d._ -]{0,39}")


class Gate:
    """Decides for every raw item. Not shared between threads; asks the ledger once a batch."""

    def __init__(
        self,
        keys: KeyRing,
        *,
        ledger: Ledger,
        clock: Clock,
        metrics: Metrics,
        settings: PrivacySettings,
    ) -> None:
        self._keys = keys
        self._ledger = ledger
        self._clock = clock
        self._metrics = metrics
        self._redaction = Redaction(keys, metrics=metrics, settings=settings)

    def admit(
        self,
        items: Sequence[RawPost | RawDelete | RawAuthorDelete],
        *,
        terms: Terms,
        seen: Seen | None,
    ) -> Admitted:
        """Decide a batch, in its order; an id that comes twice is seen again the second time.

        Blocks for the ledger and the seen-keys. One bad item costs only itself.
        """
        result = Admitted()
        ids = [
            None
            if isinstance(item, RawAuthorDelete)
            else self._keys.post_id(item.platform, item.native_id)
            for item in items
        ]
        accounts = [
            self._keys.objection(item.platform, item.author)
            if isinstance(item, RawPost) and item.author is not None
            else ""
            for item in items
        ]
        objected = self._ledger.objected(set(accounts) - {""})
        keyed = [key for key in ids if key is not None]
        known = dict(seen.lookup(keyed)) if seen else {}
        deleted = dict(self._ledger.deleted(keyed))
        left = self._left(items, ids, terms, known) if known else {}
        for number, (item, key, account) in enumerate(zip(items, ids, accounts, strict=True)):
            if account in objected:
                result.dropped["erased"] += 1
                continue
            try:
                match item:
                    case RawPost():
                        self._admit_post(
                            item,
                            key or "",
                            terms,
                            known=known,
                            deleted=deleted,
                            left=left,
                            result=result,
                        )
                    case RawDelete():
                        event = self._deletion(item, key or "", terms, known)
                        deleted[event.id] = max(event.version, deleted.get(event.id, 0))
                        result.events.append(event)
                    case RawAuthorDelete():
                        authors = self._keys.authors(item.platform, item.author)
                        result.events.append(AuthorDelete(authors, item.observed_at))
            except Reject as error:
                result.rejected.append((number, str(error)))
            except (ValueError, TypeError, AttributeError, OverflowError) as error:
                result.rejected.append((number, f"not a usable item: {type(error).__name__}"))
        self._leave_out_erased(result)
        for reason, count in result.dropped.items():
            self._metrics.count(
                "peil_ingest_dropped_total", count, source=terms.source, reason=reason
            )
        return result

    def _admit_post(
        self,
        raw: RawPost,
        key: str,
        terms: Terms,
        *,
        known: dict[str, Sighting],
        deleted: Mapping[str, int],
        left: Mapping[str, int],
        result: Admitted,
    ) -> None:
        if not _PLATFORM.fullmatch(raw.platform):
            raise Reject("its platform is not a short name")
        if is_never(raw.platform) and not terms.approved:
            result.dropped["needs_officer"] += 1
            return
        repaired = repair(raw.text)
        if not repaired.text and not raw.has_media:
            result.dropped["no_text"] += 1
            return
        flags = list(dict.fromkeys([*raw.flags, *repaired.flags]))
        created = self._plausible(raw.created_at, raw.observed_at)
        if created is None:
            flags.append("no_date" if raw.created_at is None else "bad_date")
            created = raw.observed_at
        content = self._keys.content_hash(repaired.text, *raw.links, str(raw.has_media))
        edited = self._plausible(raw.edited_at, raw.observed_at)
        # Only an edit after it brings a deleted post back: when it was seen proves nothing.
        if key in deleted and (edited is None or edited <= rev_of(deleted[key])):
            result.dropped["deleted"] += 1
            return
        before = known.get(key)
        first_observed = raw.observed_at
        rev = edited if edited is not None else first_observed
        if before is not None:
            first_observed = min(before.first_observed, first_observed)
            rev = max(edited if edited is not None else raw.observed_at, before.rev + 1)
            # What left with its author comes back with them: it is seen for the first time since.
            came_back = before.rev <= left.get(key, -1) < rev
            if content == before.content_hash and key not in deleted and not came_back:
                result.dropped["seen"] += 1
                return
            # Only two dated edits can be told apart by time: what was seen without a date is
            # older than an edit.
            if edited is not None and before.edited is not None and edited < before.edited:
                result.dropped["older"] += 1
                return
        if terms.live and created < self._clock.now() - terms.retention_days * DAY_MS:
            result.dropped["too_old"] += 1
            return
        dated = edited if edited is not None or before is None else before.edited
        sighting = Sighting(key, content, first_observed, rev, dated)
        post = self._redaction.post(
            raw, sighting, terms, text=repaired.text, created_at=created, flags=tuple(flags)
        )
        result.events.append(Upsert(post))
        known[key] = result.sightings[key] = sighting

    def _left(
        self,
        items: Sequence[RawPost | RawDelete | RawAuthorDelete],
        ids: Sequence[str | None],
        terms: Terms,
        known: Mapping[str, Sighting],
    ) -> Mapping[str, int]:
        """What of `known` was erased with its author, by id with the rev up to which it was. Only
        what could still be held is looked at.
        """
        since = self._clock.now() - terms.retention_days * DAY_MS
        authors = {
            before.id: self._keys.author(item.platform, item.author, at=before.first_observed)
            for item, key in zip(items, ids, strict=True)
            if isinstance(item, RawPost)
            and (before := known.get(key or "")) is not None
            and before.first_observed > since
        }
        gone = self._ledger.gone(authors.values())
        return {key: gone[author] for key, author in authors.items() if author in gone}

    def _deletion(
        self, raw: RawDelete, key: str, terms: Terms, known: Mapping[str, Sighting]
    ) -> Delete:
        edited = self._plausible(raw.edited_at, raw.observed_at)
        rev = edited if edited is not None else raw.observed_at
        if key in known:
            rev = max(rev, known[key].rev)
        return Delete(key, of_delete(min(rev, MAX_REV)), terms.source)

    def _leave_out_erased(self, result: Admitted) -> None:
        posts = [event.post for event in result.events if isinstance(event, Upsert)]
        # By version too: beside one that is erased may stand a newer one that is not.
        erased = {(post.id, post.version) for post in self._ledger.erased(posts)}
        if erased:
            kept = [
                event
                for event in result.events
                if not (isinstance(event, Upsert) and (event.post.id, event.post.version) in erased)
            ]
            result.dropped["erased"] += len(result.events) - len(kept)
            result.events = kept

    def _plausible(self, moment: int | None, observed_at: int) -> int | None:
        if moment is None or not EARLIEST <= moment <= observed_at + AHEAD_MS:
            return None
        return moment
