"""Records of `app.bsky.feed.post`, as streams and the public API show them, to raw posts.

The facts are the lexicons `app.bsky.feed.post`, `app.bsky.richtext.facet`, `app.bsky.embed.*` and
`com.atproto.label.defs` of https://github.com/bluesky-social/atproto.
"""

from collections.abc import Iterator, Mapping

import msgspec

from ingest.contract import skeleton
from ingest.timestamps import parse_moment
from ingest.web.answers import UNREADABLE
from stream.errors import Reject
from stream.post import Kind, RawPost

PLATFORM = "bluesky"
POSTS = "app.bsky.feed.post"
"""The collection that posts lie in."""

OPT_OUT = "!no-unauthenticated"
"""Who sets this label on a post or a profile shows it to people who logged in, and to nobody else:
it is not collected.
"""

MEDIA = frozenset({"app.bsky.embed.images", "app.bsky.embed.video", "app.bsky.embed.gallery"})
MENTION = "app.bsky.richtext.facet#mention"
LINK = "app.bsky.richtext.facet#link"
TAG = "app.bsky.richtext.facet#tag"
SHORTEST_NAME = 3

_TID_LETTERS = "234567abcdefghijklmnopqrstuvwxyz"
_TID_LENGTH = 13
_TID_CLOCK_BITS = 10


class Span(msgspec.Struct, frozen=True, gc=False):
    """A stretch of the text in bytes of UTF-8, half open."""

    byteStart: int  # noqa: N815  (the lexicon's name)
    byteEnd: int  # noqa: N815  (the same)


class Feature(msgspec.Struct, frozen=True, gc=False):
    """What a stretch of text is: a mention, a link or a tag."""

    type: str = msgspec.field(name="$type", default="")
    uri: str = ""
    tag: str = ""


class Facet(msgspec.Struct, frozen=True, gc=False):
    """A stretch of text and what it is."""

    index: Span
    features: list[Feature] = []


class Label(msgspec.Struct, frozen=True, gc=False):
    """A label that an author put on something of theirs."""

    val: str = ""


class SelfLabels(msgspec.Struct, frozen=True, gc=False):
    """What the author says of a record."""

    values: list[Label] = []

    @property
    def opted_out(self) -> bool:
        """Whether it may be shown to people who logged in only."""
        return any(label.val == OPT_OUT for label in self.values)


class External(msgspec.Struct, frozen=True, gc=False):
    """A link with a preview."""

    uri: str = ""


class Quoted(msgspec.Struct, frozen=True, gc=False):
    """The record that is quoted; in a quote with media its address lies one level deeper."""

    uri: str = ""
    record: "Quoted | None" = None


class Embed(msgspec.Struct, frozen=True, gc=False):
    """What is shown below the text. One with `media` and a `record` is a quote with media."""

    type: str = msgspec.field(name="$type", default="")
    external: External | None = None
    media: "Embed | None" = None
    record: Quoted | None = None


class Reply(msgspec.Struct, frozen=True, gc=False):
    """That a post answers another one; not which."""


class Record(msgspec.Struct, frozen=True, gc=False):
    """What is read of a post's record; everything else in it is passed over."""

    text: str
    createdAt: str = ""  # noqa: N815  (the lexicon's name)
    langs: list[str] | None = None
    tags: list[str] | None = None
    facets: list[Facet] | None = None
    reply: Reply | None = None
    embed: Embed | None = None
    labels: SelfLabels | None = None

    @property
    def opted_out(self) -> bool:
        """Whether its author keeps it from people who did not log in."""
        return self.labels is not None and self.labels.opted_out

    def to_post(
        self,
        *,
        uri: str,
        did: str,
        observed_at: int,
        created_at: int | None = None,
        edited_at: int | None = None,
    ) -> RawPost:
        """The raw post of `uri` by `did`. `observed_at` is when the network showed it (Unix ms).
        `created_at` is for who knows when it was made: the record's own date, which counts
        otherwise, is its author's word and often false.
        """
        embed = self.embed
        marked = list(self._marked())
        links = [feature.uri for _, feature in marked if feature.type == LINK and feature.uri]
        tags = [feature.tag for _, feature in marked if feature.type == TAG and feature.tag]
        if embed is not None:
            links += [
                each.external.uri
                for each in (embed, embed.media)
                if each is not None and each.external is not None and each.external.uri
            ]
        return RawPost(
            platform=PLATFORM,
            native_id=uri,
            text=self.text,
            observed_at=observed_at,
            author=did,
            kind=self._kind(),
            created_at=parse_moment(self.createdAt) if created_at is None else created_at,
            edited_at=edited_at,
            hashtags=tuple(dict.fromkeys([*tags, *(self.tags or ())])),
            links=tuple(dict.fromkeys(links)),
            handles=tuple(
                name
                for name, feature in marked
                if feature.type == MENTION and len(name) >= SHORTEST_NAME
            ),
            has_media=embed is not None
            and (embed.type in MEDIA or (embed.media is not None and embed.media.type in MEDIA)),
            declared_lang=self.langs[0] if self.langs else None,
        )

    def _kind(self) -> Kind:
        if self.reply is not None:
            return "reply"
        if self.embed is not None and self.embed.record is not None:
            quoted = self.embed.record.record or self.embed.record
            if f"/{POSTS}/" in quoted.uri:
                return "quote"
        return "post"

    def _marked(self) -> Iterator[tuple[str, Feature]]:
        """Every feature with the words that it marks, `""` where its offsets fit no words."""
        encoded = self.text.encode("utf-8", "surrogatepass") if self.facets else b""
        for facet in self.facets or ():
            start, end = facet.index.byteStart, facet.index.byteEnd
            words = ""
            if 0 <= start < end <= len(encoded):
                try:
                    words = encoded[start:end].decode().strip("@ ")
                except UnicodeDecodeError:
                    words = ""  # it begins or ends within a character
            for feature in facet.features:
                yield words, feature


_RECORD = msgspec.json.Decoder(Record)


def read_record(raw: bytes | msgspec.Raw) -> Record:
    """The record in `raw` (JSON); Reject, without its values, when it is none of a post."""
    try:
        return _RECORD.decode(raw)
    except UNREADABLE as error:
        raise Reject(f"no record of a post: {error}") from None


def shape(raw: bytes | msgspec.Raw) -> Mapping[str, str]:
    """The keys and types of a record, none of its values; empty when it is no JSON."""
    try:
        return skeleton(msgspec.json.decode(raw))
    except UNREADABLE:
        return {}


def at_uri(did: str, rkey: str) -> str:
    """The address of a post: its platform's own identity, the same at every server."""
    return f"at://{did}/{POSTS}/{rkey}"


def moment_of(rkey: str) -> int | None:
    """When the record of this key says that it was made (Unix ms), None when the key does not say:
    keys of posts are TIDs (https://atproto.com/specs/tid), 53 bits of Unix microseconds and ten
    of a clock's number, in a base 32 of their own.
    """
    if len(rkey) != _TID_LENGTH:
        return None
    number = 0
    for letter in rkey:
        digit = _TID_LETTERS.find(letter)
        if digit < 0:
            return None
        number = number * 32 + digit
    return (number >> _TID_CLOCK_BITS) // 1000
