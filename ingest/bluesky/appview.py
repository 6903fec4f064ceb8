"""Bluesky's public interface: an account, its feed, and posts by their addresses.

It is XRPC over HTTP without a login. Facts: https://atproto.com/specs/xrpc, the lexicons
`app.bsky.actor.getProfile`, `app.bsky.feed.getAuthorFeed` and `app.bsky.feed.getPosts`, and what an
AppView does, in https://github.com/bluesky-social/atproto (`packages/bsky`).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar
from urllib.parse import urlencode

import msgspec

from ingest.bluesky.records import OPT_OUT, Label, read_record
from ingest.bluesky.refusal import refusal_in
from ingest.contract import Budget, Standing
from ingest.timestamps import parse_moment
from ingest.web.answers import UNREADABLE
from ingest.web.client import OK, Page, Web
from ingest.web.limits import Allowance
from stream.clock import Clock
from stream.errors import PeilError, Reject, Retry, Stop

DOWN = 3
"""When so many questions in a row fail for the moment, it is the server."""

PAGE = 100
"""Items of a feed that are asked for at once, the most that are given."""

LOT = 25
"""Posts that are asked about at once, the most that are answered."""

REFUSED = 400
FIRST_SERVER_ERROR = 500
Shape = TypeVar("Shape")


class Refused(Stop):
    """The interface refuses a question; `error` is its own word for why."""

    def __init__(self, message: str, *, error: str) -> None:
        super().__init__(message)
        self.error = error


class Account(msgspec.Struct, frozen=True):
    """An account; `postsCount` is told where it is asked for by itself, not with a post."""

    did: str
    labels: list[Label] | None = None
    postsCount: int = 0  # noqa: N815  (the lexicon's name)

    @property
    def opted_out(self) -> bool:
        """Whether it is shown to people who logged in only."""
        return any(label.val == OPT_OUT for label in self.labels or ())


class Reason(msgspec.Struct, frozen=True):
    """Why an item is in a feed, other than that it was written there."""

    type: str = msgspec.field(name="$type", default="")
    indexedAt: str = ""  # noqa: N815  (the lexicon's name)


class Post(msgspec.Struct, frozen=True):
    """A post as it is shown, with its record as it was written."""

    uri: str
    author: Account
    record: msgspec.Raw
    indexedAt: str = ""  # noqa: N815  (the lexicon's name)
    likeCount: int = 0  # noqa: N815  (the same)
    repostCount: int = 0  # noqa: N815  (the same)
    replyCount: int = 0  # noqa: N815  (the same)
    quoteCount: int = 0  # noqa: N815  (the same)

    @property
    def reach(self) -> int:
        """Likes, reposts, replies and quotes together."""
        return self.likeCount + self.repostCount + self.replyCount + self.quoteCount


class Item(msgspec.Struct, frozen=True):
    """An item of a feed."""

    post: Post
    reason: Reason | None = None

    @property
    def reposted(self) -> bool:
        """Whether it is in the feed because the account reposted it."""
        return self.reason is not None and self.reason.type.endswith("#reasonRepost")

    @property
    def shown_at(self) -> int | None:
        """When it came into the feed (Unix ms)."""
        reposted = self.reason.indexedAt if self.reason is not None else ""
        return parse_moment(reposted if self.reposted else self.post.indexedAt)


class Feed(msgspec.Struct, frozen=True):
    """A page of a feed, newest first; without a `cursor` it is the last. A page may be short, or
    empty, with more to follow.
    """

    feed: list[msgspec.Raw]
    cursor: str | None = None

    @property
    def over(self) -> bool:
        """Whether nothing is here, and nothing follows."""
        return not self.feed and self.cursor is None


class Posts(msgspec.Struct, frozen=True):
    """Posts that were asked for, those that are shown. They are looked at one by one: a bad one
    costs itself.
    """

    posts: list[msgspec.Raw]


class Named(msgspec.Struct, frozen=True):
    """Which post one is, whatever else it says."""

    uri: str


class AppView:
    """Asks one server. Every call blocks, and raises Retry when the server is busy, fails or
    nearly refuses, `Refused` with its word for why, and Stop when a person must look: a block
    page, an answer of another form. Not shared between threads.
    """

    def __init__(self, address: str, *, web: Web, clock: Clock) -> None:
        self._address = address
        self._web = web
        self._allowance = Allowance(address, clock=clock)
        self._failed = 0
        """Lots in a row that it could not be asked about."""

    @property
    def budget(self) -> Budget | None:
        """What the server said last of its limits."""
        return self._allowance.budget

    def account(self, name: str) -> Account:
        """The account of a handle or DID."""
        return self._ask("app.bsky.actor.getProfile", {"actor": name}, Account)

    def feed(self, did: str, *, cursor: str | None) -> Feed:
        """A page of what an account wrote, its replies included, and what it reposted.

        A cursor of another time may be answered with an error, and with an empty page.
        """
        asked = {"actor": did, "limit": PAGE, "filter": "posts_with_replies"}
        if cursor is not None:
            asked["cursor"] = cursor
        return self._ask("app.bsky.feed.getAuthorFeed", asked, Feed)

    def posts(self, uris: Sequence[str]) -> Mapping[str, Post | None]:
        """Those of up to `LOT` posts that are shown, by their addresses; None for one that cannot
        be read.
        """
        found = self._ask("app.bsky.feed.getPosts", {"uris": uris}, Posts)
        try:
            return dict(map(_named, found.posts))
        except UNREADABLE as error:
            raise Stop(
                f"{self._address} shows a post that does not say which ({error}); see whether peil "
                "has a newer version"
            ) from None

    def standings(self, uris: Sequence[str]) -> Iterator[Standing]:
        """What is said of each post, in order, a lot at a time: one that is not shown is
        `missing`, one whose author opted out since is `gone`. An error is `unknown`.

        Raises Retry when the server wants to be left alone, or fails for the third lot in a row.
        """
        for start in range(0, len(uris), LOT):
            lot = uris[start : start + LOT]
            try:
                shown = self.posts(lot)
                self._failed = 0
            except (Retry, Stop) as error:
                self._failed += 1
                after = error.after if isinstance(error, Retry) else None
                if after or self._failed >= DOWN:
                    raise Retry(str(error), after=after) from error
                shown = None  # it may be this lot: it is not to hold up the others
            for uri in lot:
                yield "unknown" if shown is None else _standing(uri, shown)

    def _ask(self, method: str, asked: Mapping[str, object], shape: type[Shape]) -> Shape:
        self._allowance.check()
        url = f"{self._address}/xrpc/{method}?{urlencode(asked, doseq=True)}"
        page = self._web.ask(url, headers={"Accept": "application/json"})
        self._allowance.note(page.headers)
        where = f"{self._address}/xrpc/{method} answers with status {page.status}"
        if page.status >= FIRST_SERVER_ERROR:
            raise Retry(where)
        if page.body.lstrip()[:1] == b"<":
            raise Stop(
                f"{where} and a web page instead of data: a block page or a login wall; look at it "
                "in a browser"
            )
        if page.status != OK:
            raise _refusal(page, where)
        try:
            return msgspec.json.decode(page.body, type=shape)
        except (msgspec.ValidationError, RecursionError) as error:
            raise Stop(
                f"{where}, but in another form: {error}; see whether peil has a newer version"
            ) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Retry(f"{where}, but its answer is no JSON, or broke off") from error


def _named(raw: msgspec.Raw) -> tuple[str, Post | None]:
    try:
        post = msgspec.json.decode(raw, type=Post)
    except UNREADABLE:
        return msgspec.json.decode(raw, type=Named).uri, None
    return post.uri, post


def _standing(uri: str, shown: Mapping[str, Post | None]) -> Standing:
    if uri not in shown:
        return "missing"
    post = shown[uri]
    if post is None:
        return "unknown"
    try:
        opted_out = post.author.opted_out or read_record(post.record).opted_out
    except Reject:
        opted_out = False
    return "gone" if opted_out else "there"


def _refusal(page: Page, where: str) -> PeilError:
    """What a status below 500 means."""
    said = refusal_in(page.body)
    if said is not None:
        where += f" ({said.error}: {said.message})"
    message = f"{where}; look at it in a browser, and mend the source"
    if page.status == REFUSED and said is not None:
        return Refused(message, error=said.error)
    return Stop(message)
