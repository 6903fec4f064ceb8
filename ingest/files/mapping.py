"""An item of an export file as a raw post: tolerant of how each tool names its columns."""

import hashlib
import itertools
from collections.abc import Collection, Iterable, Mapping
from typing import Any, get_args

import msgspec

from ingest.contract import RawItem
from ingest.text import as_text
from ingest.timestamps import parse_moment
from stream.errors import Reject
from stream.post import Kind, RawDelete, RawPost

Item = Mapping[str, Any]

NAMES: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "post_id", "item_id", "native_id", "uri", "guid", "rest_id", "aweme_id"),
    "text": ("body", "text", "content", "message", "full_text", "caption", "description", "desc"),
    "title": ("title", "subject"),
    "author": ("author", "author_id", "user_id", "user_id_str", "user", "username", "account",
               "creator"),
    "created": ("timestamp", "created_at", "unix_timestamp", "date", "datetime", "published",
                "created", "createTime", "create_time", "taken_at"),
    "edited": ("edited_at", "updated_at", "collected_at"),
    "deleted": ("deleted", "is_deleted"),
    "links": ("links", "urls"),
    "tags": ("tags", "hashtags", "challenges"),
    "language": ("language", "lang", "languages"),
    "kind": ("kind", "type"),
    "thread": ("thread_id",),
    "media": ("has_media", "media", "images", "image_urls", "video_url", "attachments"),
    "platform": ("source_platform", "platform"),
    "likes": ("like_count", "likes", "favorite_count", "favourites_count", "digg_count",
              "diggCount"),
    "reposts": ("repost_count", "reposts", "retweet_count", "reblogs_count", "share_count",
                "shareCount", "shares"),
    "replies": ("reply_count", "replies", "replies_count", "comment_count", "commentCount",
                "comments"),
    "quotes": ("quote_count",),
}  # fmt: skip
"""By what names the columns go. `[settings.columns]` of a source puts its own name in front."""

PLATFORMS = frozenset(
    "4chan 8kun 9gag bluesky discord douyin facebook gab imgur instagram linkedin mastodon parler "
    "pinterest reddit snapchat telegram threads tiktok truthsocial tumblr twitter vk whatsapp x "
    "xiaohongshu youtube".split()
)
"""The platforms that an item of a file may name; a source's `platforms` adds others."""

KINDS: tuple[Kind, ...] = get_args(Kind)
NO = ("", "0", "false", "no", "none", "null", "nee", "[]")
AUTHOR_KEYS = ("id", "pk", "uid", "did", "username")
LABEL_KEYS = ("name", "title", "text")
COUNTS = ("stats", "statistics")


class Mapper(msgspec.Struct, frozen=True, kw_only=True):
    """How the items of one source are read: its platform, and its own names of columns."""

    platform: str
    platforms: Collection[str] = ()
    columns: Mapping[str, str] = {}

    def map(self, item: Item, *, observed_at: int) -> RawItem:
        """The raw post, or delete, in `item`; Reject when it holds neither."""
        envelope, item = _open_envelope(item)
        collected = envelope.get("timestamp_collected")
        native_id = self._text(item, "id") or str(envelope.get("item_id", ""))
        platform = self._platform(envelope) or self._platform(item) or self.platform
        text = self._text(item, "text")
        title = self._text(item, "title")
        if title and title not in text:
            text = f"{title}\n{text}".strip()
        author = self._author(item)
        created = self._value(item, "created")
        edited_at = parse_moment(self._value(item, "edited")) or parse_moment(collected)
        if not native_id:
            if not text:
                raise Reject("no id and no text under any name that is known")
            whole = f"{author}\0{created}\0{text}"
            native_id = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()
        if _yes(self._value(item, "deleted")):
            return RawDelete(
                platform=platform, native_id=native_id, observed_at=observed_at, edited_at=edited_at
            )
        if self._value(item, "text") is None and not title:
            raise Reject("no text under any name that is known")
        created_at = parse_moment(created)
        return RawPost(
            platform=platform,
            native_id=native_id,
            text=text,
            observed_at=observed_at,
            author=author,
            kind=self._kind(item, native_id),
            created_at=created_at,
            edited_at=edited_at,
            hashtags=tuple(_listed(self._value(item, "tags"))),
            links=tuple(_listed(self._value(item, "links"))),
            has_media=_yes(self._value(item, "media")),
            reach=self._reach(item),
            declared_lang=next(iter(_listed(self._value(item, "language"))), None),
            flags=() if created_at is not None or created in (None, "") else ("unread_date",),
        )

    def knows(self, names: Iterable[str]) -> bool:
        """Whether any of a file's columns is one that can be read."""
        known = {*itertools.chain.from_iterable(NAMES.values()), *self.columns.values()}
        return not known.isdisjoint(names)

    def _platform(self, item: Item) -> str:
        """The platform that an item names, by its short name; empty when it is not one that is
        known: then it could be anything, a name of a person among it.
        """
        stated = self._text(item, "platform").casefold()
        short = stated.removesuffix(".com").removesuffix(".net").removesuffix(".org")
        if short in PLATFORMS or short in self.platforms:
            return short
        return stated if stated in self.platforms else ""

    def _value(self, item: Item, name: str) -> Any:
        own = self.columns.get(name)
        for key in (own,) if own else NAMES[name]:
            if key in item and item[key] is not None:
                return item[key]
        return None

    def _text(self, item: Item, name: str) -> str:
        value = self._value(item, name)
        if isinstance(value, Mapping):
            value = value.get("text", "")
        return str(value).strip() if isinstance(value, str | int) else ""

    def _author(self, item: Item) -> str | None:
        value = self._value(item, "author")
        if isinstance(value, Mapping):
            value = next((value[key] for key in AUTHOR_KEYS if value.get(key)), None)
        return str(value) if isinstance(value, str | int) and value != "" else None

    def _kind(self, item: Item, native_id: str) -> Kind:
        stated = self._text(item, "kind").casefold()
        thread = self._text(item, "thread")
        fallback: Kind = "post"
        if thread and thread != native_id:
            fallback = "reply"
        for kind in KINDS:
            if kind == stated:
                return kind
        return fallback

    def _reach(self, item: Item) -> int | None:
        counts = [
            _count(self._value(item, name)) for name in ("likes", "reposts", "replies", "quotes")
        ]
        known = [count for count in counts if count is not None]
        return sum(known) if known else None


def _open_envelope(item: Item) -> tuple[Item, Item]:
    """Zeeschuimer wraps the platform's own object in an envelope; others have none."""
    data = item.get("data")
    if "item_id" not in item or not isinstance(data, Mapping):
        return {}, item
    opened: dict[str, Any] = {}
    for inner in (*map(data.get, COUNTS), data, data.get("legacy")):
        opened |= inner if isinstance(inner, Mapping) else {}
    for name in NAMES["text"]:  # some platforms write HTML, Truth Social as Mastodon does
        if isinstance(opened.get(name), str):
            opened[name] = as_text(opened[name], unread="quote-inline")
    return item, opened


def _label(tag: Mapping[str, Any]) -> Any:
    return next((tag[key] for key in LABEL_KEYS if key in tag), None)


def _yes(value: Any) -> bool:
    return bool(value) and str(value).strip().casefold() not in NO


def _count(value: Any) -> int | None:
    try:
        return None if value in (None, "") else int(float(value))
    except (TypeError, ValueError, OverflowError):
        return None


def _listed(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        return (part.strip(" []'\"") for part in value.split(",") if part.strip(" []'\""))
    if isinstance(value, list | tuple):
        named = (_label(part) if isinstance(part, Mapping) else part for part in value)
        return (str(part) for part in named if isinstance(part, str | int))
    return ()
