"""What topic `posts` and topic `labelled` carry, and the keys that order it."""

import msgspec

from stream.post import Post


class Upsert(msgspec.Struct, frozen=True, tag="upsert"):
    """A post is new or newer. Its key is the post's id."""

    post: Post

    @property
    def key(self) -> str:
        return self.post.id


class Delete(msgspec.Struct, frozen=True, tag="delete"):
    """A post is gone; `version` is packed by `stream.version.of_delete`. Its key is the id."""

    id: str
    version: int
    source: str

    @property
    def key(self) -> str:
        return self.id


class AuthorDelete(msgspec.Struct, frozen=True, tag="author_delete"):
    """Everything of one author up to and including `up_to_rev` is gone.

    `authors` holds the pseudonyms of all live key epochs. `rev` is in Unix milliseconds.
    """

    authors: tuple[str, ...]
    up_to_rev: int

    @property
    def key(self) -> str:
        return f"author:{self.authors[0]}"


class Gap(msgspec.Struct, frozen=True, tag="gap"):
    """A source was not seen between `start` (inclusive) and `end` (exclusive), Unix ms."""

    source: str
    start: int
    end: int
    why: str

    @property
    def key(self) -> str:
        return f"gap:{self.source}:{self.start}"


Event = Upsert | Delete | AuthorDelete | Gap
