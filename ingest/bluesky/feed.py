"""An account's feed read backwards: page after page, and what of a page is wanted."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec

from ingest.bluesky.appview import Account, AppView, Feed, Item, Refused
from ingest.bluesky.records import read_record, shape
from ingest.contract import NO_ACCIDENT, Batch, Rejected
from ingest.web.answers import UNREADABLE
from stream.errors import Reject, Retry, Stop
from stream.post import RawPost


class Period(msgspec.Struct, frozen=True):
    """What is wanted of a feed: from `start` on, before `end` if there is one (Unix ms)."""

    start: int
    end: int | None = None

    def holds(self, moment: int | None) -> bool:
        """Whether an item of then is wanted; one without a date is."""
        return moment is None or (self.start <= moment and (self.end is None or moment < self.end))


class Part(msgspec.Struct, frozen=True):
    """What a page brought, without a cursor, and whether all that follows it is too old."""

    batch: Batch
    last: bool


def pages(view: AppView, account: Account, walk: dict[str, Any]) -> Iterator[Feed]:
    """From `walk["page"]`, which moves along, or from the newest item: page after page, to the
    end.

    A place that another run left may mean nothing to the server any more: it refuses it, or shows
    an empty page as the last. Then the feed is read from its newest item once more.
    """
    page = _left(view, account, walk) or _newest(view, account)
    asked = {walk.get("page")}
    while True:
        if page.cursor is not None and page.cursor in asked:
            raise Stop("its feed goes round in a circle; see whether peil has a newer version")
        walk["page"] = page.cursor
        asked.add(page.cursor)
        yield page
        if page.cursor is None:
            return
        page = _page(view, account, page.cursor)


def _left(view: AppView, account: Account, walk: dict[str, Any]) -> Feed | None:
    """The page at the place that another run left; None when there is none to trust."""
    left = walk.get("page")
    if left is None:
        return None
    try:
        page = _page(view, account, left)
    except Refused:
        page = None
    if page is None or (page.over and not walk.get("again")):
        walk.update(page=None, again=True)
        return None
    return page


def _newest(view: AppView, account: Account) -> Feed:
    page = _page(view, account, None)
    if page.over and account.postsCount:
        raise Retry(f"its feed is empty, and it wrote {account.postsCount} posts")
    return page


def _page(view: AppView, account: Account, cursor: str | None) -> Feed:
    """A page. That it is the end is believed when it is said twice: what follows an empty page
    that was a mistake would not be looked for again.
    """
    page = view.feed(account.did, cursor=cursor)
    return view.feed(account.did, cursor=cursor) if page.over else page


def part(page: Feed, *, did: str, period: Period, now: int) -> Part:
    """What of a page of the feed of `did` is wanted for `period`; Stop when it cannot be read.

    Left out, and counted: what the account reposted, what others wrote, what is for people who
    logged in only, and what is of another time.
    """
    posts: list[RawPost] = []
    rejected: list[Rejected] = []
    skipped: Counter[str] = Counter()
    moments: list[int] = []
    for position, raw in enumerate(page.feed, 1):
        try:
            moment, found = _look(raw, did=did, period=period, now=now)
        except Exception as error:  # noqa: BLE001  (whatever it is, it may cost one item only)
            reason = str(error) if isinstance(error, Reject) else type(error).__name__
            where = f"feed of {did}: item {position} of a page"
            rejected.append(Rejected(where, reason, shape(raw)))
            continue
        if moment is not None:
            moments.append(moment)
        if isinstance(found, RawPost):
            posts.append(found)
        else:
            skipped[found] += 1
    if len(rejected) >= NO_ACCIDENT and len(rejected) == len(page.feed):
        raise Stop(
            f"no item of a page of its feed could be read ({rejected[-1].why}); the format has "
            "changed, see whether peil has a newer version"
        )
    return Part(
        Batch(cursor={}, read=len(page.feed), items=posts, rejected=rejected, skipped=skipped),
        last=page.cursor is None or (bool(moments) and max(moments) < period.start),
    )


def _look(
    raw: msgspec.Raw, *, did: str, period: Period, now: int
) -> tuple[int | None, RawPost | str]:
    """When an item is of, and its post, or why it is left out; Reject when it cannot be read.

    A post is of when it was written, or of when it was first seen where its date lies ahead: so
    an AppView orders a feed.
    """
    try:
        item = msgspec.json.decode(raw, type=Item)
    except UNREADABLE as error:
        raise Reject(f"no item of a feed: {error}") from None
    post, shown_at = item.post, item.shown_at
    if item.reposted:
        return shown_at, "repost"
    if post.author.did != did:
        return shown_at, "of_others"
    record = read_record(post.record)
    written = record.to_post(uri=post.uri, did=did, observed_at=now)
    dates = [date for date in (shown_at, written.created_at) if date is not None]
    moment = min(dates, default=None)
    if post.author.opted_out or record.opted_out:
        return moment, "opted_out"
    if not period.holds(moment):
        return moment, "other_period"
    return moment, msgspec.structs.replace(written, reach=post.reach)
