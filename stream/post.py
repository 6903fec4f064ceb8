"""A post on its way: personal as the collector got it, and as everything after the gate sees it.

What many are made of is left out of garbage collection (`gc=False`): nothing in it can refer back
to it, and looking through all of it again and again took most of the time of reading posts.
"""

from typing import Literal

import msgspec

Kind = Literal["post", "reply", "repost", "quote", "article"]
Keep = Literal["matched", "all"]
Reach = Literal["none", "low", "medium", "high"]


class RawPost(msgspec.Struct, frozen=True, kw_only=True):
    """What the platform said that peil needs; still personal. It never leaves the process.

    A collector fills it; only `privacy.gate` reads it. Times are Unix milliseconds, None when
    the platform did not say. `native_id` is the platform's own identity of the post, `author`
    of the account (None: unknown); `handles` are names in the text that the platform marked
    as persons, to be scrubbed as well. `reach` counts likes, reposts and replies together.
    """

    platform: str
    native_id: str
    text: str
    observed_at: int
    author: str | None = None
    kind: Kind = "post"
    created_at: int | None = None
    edited_at: int | None = None
    hashtags: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    handles: tuple[str, ...] = ()
    has_media: bool = False
    reach: int | None = None
    declared_lang: str | None = None
    flags: tuple[str, ...] = ()


class RawDelete(msgspec.Struct, frozen=True, kw_only=True):
    """The platform, or its export, says that a post is gone."""

    platform: str
    native_id: str
    observed_at: int
    edited_at: int | None = None


class RawAuthorDelete(msgspec.Struct, frozen=True, kw_only=True):
    """The platform says that an account and all its posts are gone."""

    platform: str
    author: str
    observed_at: int


class Token(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One position of a text.

    `start` and `end` are character offsets into `Post.text`, half open. `forms` are the folded
    forms that a term can match here, the word itself first (`#zwartepiet`, `zwartepiet`); a
    placeholder for something scrubbed has none. `cased` is the form as written (NFC), for
    `case:`; `lemma` and `parts` are filled by word analysis. `sentence` counts from 0.
    """

    start: int
    end: int
    forms: tuple[str, ...]
    cased: str
    sentence: int = 0
    lemma: str = ""
    parts: tuple[str, ...] = ()


class Label(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a model said of a text, or why it said nothing.

    `value` is None exactly when `abstained` gives the reason (`unsure`, `shed`, `language`,
    `too_short`, `not_selected`). `confidence` is a probability in 0..1, calibrated, 0 on an
    abstention without a computation. `model` and `version` name what decided.
    """

    value: str | None
    confidence: float
    model: str
    version: str
    abstained: str | None = None


class Match(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A rule that matched: `rule@version` and the token spans (first, last + 1) that made it."""

    rule: str
    version: str
    spans: tuple[tuple[int, int], ...] = ()

    @property
    def name(self) -> str:
        """`rule@version`, the way a match is named everywhere."""
        return f"{self.rule}@{self.version}"


class Place(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A place that a text names: its canonical name, its kind and the token span."""

    name: str
    kind: str
    start: int
    end: int


class Post(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A public post without its person; the only shape that enters the log and the store.

    `id` is a keyed hash of platform and native id; `author` is a pseudonym
    `<key epoch>-<32 hex digits>`, only ever counted (a missing author is one author for all).
    Times are Unix milliseconds. `text` is scrubbed. `first_observed` never moves on an edit;
    `keep_until` is the source's retention counted from it; `keep` says whether the source
    keeps what no rule matches. `special_category` says that a rule on a special category of
    personal data matched: the text is counted and never shown. `version` is packed by
    `stream.version`. The fields from `tokens` on are filled by enrichment. `shadows`, without
    spans, are versions of rules that are counted and not shown: they decide nothing of the post.
    """

    id: str
    author: str
    source: str
    platform: str
    kind: Kind
    created_at: int
    first_observed: int
    keep_until: int
    text: str
    version: int
    keep: Keep = "matched"
    hashtags: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    has_media: bool = False
    reach: Reach = "none"
    declared_lang: str | None = None
    flags: tuple[str, ...] = ()

    tokens: tuple[Token, ...] = ()
    lang: Label | None = None
    matches: tuple[Match, ...] = ()
    shadows: tuple[Match, ...] = ()
    sampled: bool = False
    special_category: bool = False
    topic: Label | None = None
    sentiment: Label | None = None
    places: tuple[Place, ...] = ()
    bands: tuple[str, ...] = ()

    @property
    def kept(self) -> bool:
        """Whether the post lives in class `kept`: a rule matched, or its source keeps all."""
        return bool(self.matches) or self.keep == "all"

    def unlabelled(self) -> "Post":
        """The post as the gate made it, to be enriched anew."""
        gated = {name: getattr(self, name) for name in GATED}
        return Post(**gated)


GATED = tuple(Post.__struct_fields__[: Post.__struct_fields__.index("tokens")])
"""What the gate fills of a post; enrichment fills the rest."""
