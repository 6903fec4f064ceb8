"""The gate: a raw, personal post goes in; a post without its person comes out, or nothing.

Everything after it (log, index, program log, metrics) sees only what it lets through.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

import msgspec
import regex

from privacy.characters import repair
from privacy.keys import KeyRing
from privacy.ledger import Ledger
from privacy.register import is_never
from privacy.scrubbing import PERSONAL_HOST, scrub
from privacy.settings import PrivacySettings
from stream.clock import DAY_MS, Clock
from stream.errors import Reject
from stream.events import AuthorDelete, Delete, Upsert
from stream.metrics import Metrics
from stream.placeholders import OPEN
from stream.post import Keep, Post, RawAuthorDelete, RawDelete, RawPost, Reach
from stream.version import MAX_REV, of_delete, pack, rev_of

EARLIEST = 946_684_800_000
"""2000-01-01: no platform that peil reads is older, so an earlier date is a mistake."""

AHEAD_MS = 600_000
"""A clock may be ten minutes ahead; a later date is a mistake."""

MAX_TAGS = 50
MAX_TAG_LETTERS = 100
_PLATFORM = regex.compile(r"[\p{L}\d][\p{L}\d._ -]{0,39}")
_LANGUAGE = regex.compile(r"[a-z]{2,3}")
_LINK = regex.compile(r"(?:https?://|\bwww\.)[^\s<>\"]+", regex.IGNORECASE)
_HOST = regex.compile(r"(?:[\p{L}\d-]+\.)+\p{L}{2,24}")


class Sighting(msgspec.Struct, frozen=True):
    """What is remembered of an item that a source may show again. Times in Unix ms; `edited` is
    the latest edit that the platform dated.
    """

    id: str
    content_hash: str
    first_observed: int
    rev: int
    edited: int | None = None


class Seen(Protocol):
    """The seen-keys of one source."""

    def lookup(self, ids: Sequence[str]) -> Mapping[str, Sighting]:
        """The sightings of those ids that were seen before."""
        ...


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """On what terms a source's posts are taken in. `live`: older than retention is too old;
    `approved`: the privacy officer approved platforms of the never-list.
    """

    source: str
    keep: Keep
    retention_days: int
    live: bool
    approved: bool = False


@dataclass(slots=True)
class Admitted:
    """What a batch became: every item is an event, a drop with its reason, or a rejection.

    `sightings` are to be stored once the events are acknowledged. `rejected` holds the index
    of an item in the batch and what is wrong with it, without its values.
    """

    events: list[Upsert | Delete | AuthorDelete] = field(default_factory=list)
    sightings: dict[str, Sighting] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)
    rejected: list[tuple[int, str]] = field(default_factory=list)


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
        self._settings = settings

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
        post = self._post(
            raw, sighting, terms, text=repaired.text, created=created, flags=tuple(flags)
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

    def _post(
        self,
        raw: RawPost,
        sighting: Sighting,
        terms: Terms,
        *,
        text: str,
        created: int,
        flags: tuple[str, ...],
    ) -> Post:
        handles = [*raw.handles]
        if raw.author is not None and _is_handle(raw.author):
            handles.append(raw.author)
        scrubbed = scrub(text, handles=handles, regions=self._settings.regions)
        for kind, count in scrubbed.counts.items():
            self._metrics.count("peil_gate_scrubbed_total", count, kind=kind)
        retention = min(terms.retention_days, self._settings.longest_retention_days)
        return Post(
            id=sighting.id,
            author=self._keys.author(raw.platform, raw.author, at=sighting.first_observed),
            source=terms.source,
            platform=raw.platform,
            kind=raw.kind,
            created_at=created,
            first_observed=sighting.first_observed,
            keep_until=sighting.first_observed + retention * DAY_MS,
            text=scrubbed.text,
            version=pack(min(sighting.rev, MAX_REV), 0),
            keep=terms.keep,
            hashtags=self._hashtags(raw.hashtags),
            domains=_domains([*raw.links, *_LINK.findall(text)]),
            has_media=raw.has_media,
            reach=_reach(raw.reach),
            declared_lang=_language(raw.declared_lang),
            flags=flags,
        )

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
        blocked = self._ledger.blocked(posts)
        if blocked:
            kept = [
                event
                for event in result.events
                if not (isinstance(event, Upsert) and event.post.id in blocked)
            ]
            result.dropped["erased"] += len(result.events) - len(kept)
            result.events = kept

    def _plausible(self, moment: int | None, observed_at: int) -> int | None:
        if moment is None or not EARLIEST <= moment <= observed_at + AHEAD_MS:
            return None
        return moment

    def _hashtags(self, tags: Iterable[str]) -> tuple[str, ...]:
        folded = (scrub(repair(tag).text.lstrip("#")).text.casefold() for tag in tags)
        clean = (
            tag
            for tag in folded
            if 0 < len(tag) <= MAX_TAG_LETTERS and OPEN not in tag and " " not in tag
        )
        return tuple(dict.fromkeys(clean))[:MAX_TAGS]


def _is_handle(author: str) -> bool:
    """Whether the author's own name can be looked for in the text: an ordinary word cannot."""
    return bool(regex.fullmatch(r"@?(?=\w*[\d_.-])[\w.-]{4,64}", author))


def _domains(links: Iterable[str]) -> tuple[str, ...]:
    """The hosts of `links`, without `www.`; hosts that name a person are left out."""
    hosts: dict[str, None] = {}
    for link in links:
        try:
            host = (urlsplit(link if "//" in link else f"//{link}").hostname or "").rstrip(".")
        except ValueError:
            continue
        host = host.casefold().removeprefix("www.")
        if _HOST.fullmatch(host) and not PERSONAL_HOST.search(host):
            hosts[host] = None
    return tuple(hosts)[:MAX_TAGS]


def _reach(count: int | None) -> Reach:
    """Likes, reposts and replies together, in four buckets: an exact number finds the post."""
    if not count or count < 0:
        return "none"
    if count < 10:  # noqa: PLR2004  (the buckets are documented in docs/privacy.md)
        return "low"
    return "medium" if count < 1000 else "high"  # noqa: PLR2004  (the same)


def _language(declared: str | None) -> str | None:
    code = (declared or "").casefold().replace("_", "-").split("-")[0]
    return code if _LANGUAGE.fullmatch(code) else None
