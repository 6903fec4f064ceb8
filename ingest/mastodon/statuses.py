"""A status as Mastodon's API gives it, and the raw post that it becomes.

Fields as the documentation has them (docs.joinmastodon.org/entities/Status and Account). Only
what is named here is looked at.
"""

from typing import Any

import msgspec

from ingest.text import as_text
from ingest.timestamps import parse_moment
from ingest.web.answers import encodable
from stream.errors import Reject
from stream.post import Kind, RawPost

PLATFORM = "mastodon"


class Account(msgspec.Struct, frozen=True):
    """Who wrote a status. `acct` lacks the host where the account is the server's own."""

    acct: str
    noindex: bool | None = None
    indexable: bool | None = None
    limited: bool | None = None
    suspended: bool | None = None


class Mention(msgspec.Struct, frozen=True):
    """An account that a status names."""

    acct: str = ""
    username: str = ""


class Tag(msgspec.Struct, frozen=True):
    """A tag of a status."""

    name: str


class Option(msgspec.Struct, frozen=True):
    """An answer that a poll offers."""

    title: str = ""


class Poll(msgspec.Struct, frozen=True):
    """The poll of a status."""

    options: tuple[Option, ...] = ()


class Status(msgspec.Struct, frozen=True):
    """A status. `id` is the server's own and opaque, `uri` the same on every server."""

    id: str
    uri: str
    visibility: str
    account: Account
    content: str | None
    created_at: str | None
    edited_at: str | None = None
    spoiler_text: str | None = None
    language: str | None = None
    in_reply_to_id: str | None = None
    reblog: Any = None
    quote: Any = None
    replies_count: int | None = None
    reblogs_count: int | None = None
    favourites_count: int | None = None
    mentions: tuple[Mention, ...] = ()
    tags: tuple[Tag, ...] = ()
    media_attachments: tuple[Any, ...] = ()
    poll: Poll | None = None


def read(item: Any) -> Status:
    """The status in an item of the API; Reject, without a value of it, when it is none."""
    try:
        status = msgspec.convert(item, Status)
    except msgspec.ValidationError as error:
        raise Reject(str(error)) from None
    if not status.id or not status.uri or not status.account.acct:
        raise Reject("its id, its uri or its account's name is empty")
    if any(encodable(each) != each for each in (status.id, status.uri)):
        raise Reject("its id or its uri is no good Unicode")
    return status


def written(item: Any) -> int | None:
    """When an item of the API was written (Unix ms), as far as it can be told."""
    return parse_moment(item.get("created_at")) if isinstance(item, dict) else None


def unwanted(status: Status) -> str | None:
    """Why a status is not collected, None when nothing is against it.

    `noindex`: its author wants to be in no search engine. `indexable = false`: in no search of
    posts; servers set it for everybody who did not choose. `limited`: the server's moderators
    hide the account. `discoverable` is about being recommended, not about being found.
    """
    account = status.account
    if status.reblog is not None:
        return "reblog"
    if status.visibility != "public":
        return "not_public"
    if account.noindex:
        return "noindex"
    if account.indexable is False:
        return "not_indexable"
    if account.limited or account.suspended:
        return "limited"
    return None


def to_post(status: Status, *, domain: str, observed_at: int) -> RawPost:
    """The raw post of a status on the server of `domain`.

    What the author wrote is the text: the content warning, the content, a poll's answers. Not
    what describes the media, and no preview of a link, which servers add later.
    """
    answers = [option.title for option in status.poll.options] if status.poll else []
    warning = (status.spoiler_text or "").strip()  # a plain text, as the answers are
    parts = [warning, as_text(status.content or "", unread="quote-inline"), *answers]
    acct = status.account.acct.casefold()
    created = parse_moment(status.created_at)
    return RawPost(
        platform=PLATFORM,
        native_id=status.uri,
        text="\n".join(part for part in parts if part),
        observed_at=observed_at,
        author=acct if "@" in acct else f"{acct}@{domain.casefold()}",
        kind=_kind(status),
        created_at=created,
        # Of two servers one may not have heard of an edit: what it shows is older.
        edited_at=parse_moment(status.edited_at) or created,
        hashtags=tuple(tag.name for tag in status.tags),
        handles=tuple(
            name for each in status.mentions for name in (each.acct, each.username) if name
        ),
        has_media=bool(status.media_attachments),
        reach=sum(
            max(0, count or 0)
            for count in (status.favourites_count, status.reblogs_count, status.replies_count)
        ),
        declared_lang=status.language,
    )


def _kind(status: Status) -> Kind:
    if status.quote is not None:
        return "quote"
    return "reply" if status.in_reply_to_id is not None else "post"
