"""The order by chance in which posts are drawn. It goes by a seed and by nothing else: of two
questions each draws the posts that answer both in the same order. So nobody who writes a wish in
other words gets other texts, and who draws again gets the same.
"""

import hashlib
import random
from collections.abc import Iterable, Sequence

from index.document import RECORD_BITS, record_of
from stream.post import Post

RECORDS = 1 << RECORD_BITS
BLOCK = 1 << 10
"""Records that are drawn from together; of ten million posts some six hundred."""

Slice = tuple[int, int]
"""Records: the first one, and the last + 1."""


class Chance:
    """The order of one seed: blocks of records from one of them on, all the way round."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        chosen = random.Random(seed)  # noqa: S311  (a draw that can be repeated)
        self._start = chosen.randrange(RECORDS // BLOCK) * BLOCK

    def slices(self, records: int) -> Sequence[Slice]:
        """The blocks that come first in it and hold so many records at least."""
        width = min(RECORDS, -(-records // BLOCK) * BLOCK)
        end = self._start + width
        return [(self._start, min(end, RECORDS)), *([(0, end - RECORDS)] if end > RECORDS else [])]

    def first(self, posts: Iterable[Post], limit: int) -> Sequence[Post]:
        """At most `limit` of `posts`, those that come first."""
        return sorted(posts, key=self._place)[:limit]

    def _place(self, post: Post) -> tuple[int, bytes]:
        block = (record_of(post.id) - self._start) % RECORDS // BLOCK
        text = f"{self._seed}:{post.id}"
        return block, hashlib.blake2b(text.encode(), digest_size=8).digest()
