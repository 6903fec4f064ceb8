"""A post as a document of tantivy."""

from functools import lru_cache

import tantivy

from index.document import NUMBERS, WORDS, document, forms_at, id_numbers
from stream.codec import encode_post
from stream.post import Post

VERSION = 5
"""Part of the store's manifest: an index of another version is built anew, not read."""

_forms = lru_cache(maxsize=50_000)(forms_at)


def schema() -> tantivy.Schema:
    """The schema of every partition."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("tokens", tokenizer_name="whitespace", index_option="position")
    builder.add_text_field("id", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("author", tokenizer_name="raw", index_option="basic")
    for name in WORDS:
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic", fast=True)
    for name in ("id_high", "id_low", "who"):
        builder.add_unsigned_field(name, fast=True)
    for name in NUMBERS:
        builder.add_integer_field(name, fast=True, indexed=name == "author_day")
    builder.add_bytes_field("post", stored=True)
    return builder.build()


def stored(post: Post, *, timezone: str) -> tantivy.Document:
    """`post` as it is stored and found."""
    found = document(post, timezone=timezone)
    result = tantivy.Document()
    tokens = [
        tantivy.Token(text=form, position=position, char_offset_from=0, char_offset_to=0)
        for position, token in enumerate(post.tokens)
        for form in _forms(token.forms, token.cased, token.lemma, token.parts)
    ]
    result.add_pre_tokenized_text("tokens", tantivy.PreTokenizedString("", tokens))
    result.add_text("id", post.id)
    result.add_text("author", post.author)
    for name, values in found.words.items():
        for value in values:
            result.add_text(name, value)
    high, low = id_numbers(post.id)
    result.add_unsigned("id_high", high)
    result.add_unsigned("id_low", low)
    result.add_unsigned("who", found.who)
    for name, number in found.numbers.items():
        result.add_integer(name, number)
    result.add_bytes("post", encode_post(post))
    return result
