"""Posts as they are counted: with what each count asks of them found once."""

from collections.abc import Hashable

import msgspec

from index.contract import Dimension
from index.document import record_of
from index.tally import Author, author_of
from index.values import local_hour, values_of
from stream.partitions import partition_of
from stream.post import Post


class Counted(msgspec.Struct, frozen=True, gc=False):
    """A post without its text and tokens, as it counts on the clock of `timezone`."""

    post: Post
    timezone: str
    author: Author
    author_day: Hashable
    record: int

    @classmethod
    def of(cls, post: Post, timezone: str) -> "Counted":
        """What is counted of `post`."""
        return cls(
            msgspec.structs.replace(post, text="", tokens=()),
            timezone,
            author_of(post.author),
            author_day_of(post, timezone),
            record_of(post.id),
        )

    def values(self, dimension: Dimension) -> tuple[str, ...]:
        """The values that the post counts under."""
        return values_of(self.post, dimension, timezone=self.timezone)


def author_day_of(post: Post, timezone: str) -> Hashable:
    """What tells apart the days of an author on each of which so many posts count."""
    day = local_hour(post.created_at, timezone) // 24
    return *author_of(post.author), day, partition_of(post)
