"""From a raw post that is admitted to the post without its person: what is kept of it, and how."""

from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

import regex

from privacy.characters import repair
from privacy.contract import Sighting, Terms
from privacy.keys import KeyRing
from privacy.scrubbing import PERSONAL_HOST, scrub
from privacy.settings import PrivacySettings
from stream.clock import DAY_MS
from stream.metrics import Metrics
from stream.placeholders import OPEN
from stream.post import Post, RawPost, Reach
from stream.version import MAX_REV, pack

MAX_TAGS = 50
MAX_TAG_LETTERS = 100
_LANGUAGE = regex.compile(r"[a-z]{2,3}")
_LINK = regex.compile(r"(?:https?://|\bwww\.)[^\s<>\"]+", regex.IGNORECASE)
_HOST = regex.compile(r"(?:[\p{L}\d-]+\.)+\p{L}{2,24}")


class Redaction:
    """Takes over the fields of an allow-list, each without what leads to a person."""

    def __init__(self, keys: KeyRing, *, metrics: Metrics, settings: PrivacySettings) -> None:
        self._keys = keys
        self._metrics = metrics
        self._settings = settings

    def post(
        self,
        raw: RawPost,
        sighting: Sighting,
        terms: Terms,
        *,
        text: str,
        created_at: int,
        flags: tuple[str, ...],
    ) -> Post:
        """`raw` as what is kept of it. `text` is its text repaired; `created_at` is plausible."""
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
            created_at=created_at,
            first_observed=sighting.first_observed,
            keep_until=sighting.first_observed + retention * DAY_MS,
            text=scrubbed.text,
            version=pack(min(sighting.rev, MAX_REV), 0),
            keep=terms.keep,
            hashtags=_hashtags(raw.hashtags, handles=handles, regions=self._settings.regions),
            domains=_domains([*raw.links, *_LINK.findall(text)]),
            has_media=raw.has_media,
            reach=_reach(raw.reach),
            declared_lang=_language(raw.declared_lang),
            flags=flags,
        )


def _hashtags(
    tags: Iterable[str], *, handles: Sequence[str], regions: Sequence[str]
) -> tuple[str, ...]:
    """`tags` as they are searched, without those of which anything leads to a person."""
    repaired = (repair(tag).text.lstrip("#") for tag in tags)
    scrubbed = (scrub(tag, handles=handles, regions=regions).text for tag in repaired)
    clean = (
        tag
        for tag in map(str.casefold, scrubbed)
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
