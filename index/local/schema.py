"""The fields of a stored post, and a post as a document of tantivy."""

import tantivy

from index.tally import author_of
from index.values import local_hour, values_of
from rules.folding import fold
from stream.codec import encode_post
from stream.post import Post

VERSION = 3
"""Part of the store's manifest: an index of another version is built anew, not read."""

CASED, LEMMA, PART = "\ue001", "\ue002", "\ue003"
"""Marks in front of a token's other forms, which share its position in the one token field."""

LABELS = ("language", "topic", "sentiment", "source", "platform", "kind", "reach", "rule",
          "rule_version", "place", "hashtag", "domain")  # fmt: skip
"""Dimensions that are kept as words; times are kept as local hours and days."""

SPECIAL = "yes"
"""The one value of field `special`: a rule on a special category of personal data matched."""

QUERY_FIELDS = {"lang": "language"}
"""Fields of the rule language whose name in the index is another."""


def schema() -> tantivy.Schema:
    """The schema of every partition."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("tokens", tokenizer_name="whitespace", index_option="position")
    builder.add_text_field("id", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("author", tokenizer_name="raw", index_option="basic")
    for name in (*LABELS, "folded_place", "has", "special"):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic", fast=True)
    for name in ("id_high", "id_low", "who"):
        builder.add_unsigned_field(name, fast=True)
    for name in ("epoch", "ms", "hour", "day", "version", "keep_until", "first_observed"):
        builder.add_integer_field(name, fast=True)
    builder.add_bytes_field("post", stored=True)
    return builder.build()


def document(post: Post, *, timezone: str) -> tantivy.Document:
    """`post` as it is stored and found."""
    result = tantivy.Document()
    tokens = [
        tantivy.Token(text=form, position=position, char_offset_from=0, char_offset_to=0)
        for position, token in enumerate(post.tokens)
        for form in _forms(token.forms, token.cased, token.lemma, token.parts)
    ]
    result.add_pre_tokenized_text("tokens", tantivy.PreTokenizedString("", tokens))
    result.add_text("id", post.id)
    result.add_text("author", post.author)
    for name in LABELS:
        for value in values_of(post, name, timezone=timezone):  # type: ignore[arg-type]  # a tuple of dimensions
            result.add_text(name, value)
    for place in {fold(place.name) for place in post.places}:
        result.add_text("folded_place", place)
    for name, present in (("link", bool(post.domains)), ("media", post.has_media)):
        if present:
            result.add_text("has", name)
    if post.special_category:
        result.add_text("special", SPECIAL)
    high, low = id_numbers(post.id)
    result.add_unsigned("id_high", high)
    result.add_unsigned("id_low", low)
    epoch, who = author_of(post.author)
    result.add_integer("epoch", epoch)
    result.add_unsigned("who", who)
    hour = local_hour(post.created_at, timezone)
    result.add_integer("ms", post.created_at)
    result.add_integer("hour", hour)
    result.add_integer("day", hour // 24)
    result.add_integer("version", post.version)
    result.add_integer("keep_until", post.keep_until)
    result.add_integer("first_observed", post.first_observed)
    result.add_bytes("post", encode_post(post))
    return result


def _forms(forms: tuple[str, ...], cased: str, lemma: str, parts: tuple[str, ...]) -> list[str]:
    found = list(dict.fromkeys(forms))
    if cased:
        found.append(CASED + cased)
    if lemma:
        found.append(LEMMA + lemma)
    found += [PART + part for part in dict.fromkeys(parts)]
    return found


def id_numbers(post_id: str) -> tuple[int, int]:
    """The two halves of a post's id (32 hex digits) as numbers of 64 bits."""
    return int(post_id[:16], 16), int(post_id[16:], 16)
