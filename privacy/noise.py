"""Noise for counts that may be shown: the same question about the same posts always gets the
same.

Two parts. One goes by the posts alone, as in the cell-key method of official statistics
(Thompson, Broadfoot and Elazar, "Methodology for the automatic confidentialisation of
statistical outputs from remote servers", 2013): each post has a record key, and this part is a
function of the sum of the keys. So asking for the same posts in many ways and taking the mean
leaves noise. The other part goes by the question too. So two questions with the same answer do
not show the same number, and that a post makes no difference cannot be seen by that.

Both are under a key of the folder: who knows the record keys (they are part of a post's id) can
still not tell the noise of a count. That key does not rotate: a second one would be a second
draw.
"""

import hashlib
import hmac

COINS = 8
"""Each part is the number of heads among so many coins less half of them: no bias, a variance of
a quarter of them. Both together have a standard deviation of 2 and are never more than 8.
"""

VARIANCE = COINS / 2
"""Of both parts together."""

KEY = "noise"
"""The name of the key in `privacy.keys`."""


class Noise:
    """Noise under `key`."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def __call__(self, posts: int, record: int, question: str) -> int:
        """What is added to a count of `posts` posts whose record keys have the sum `record`, when
        `question` asks for it.
        """
        heads = self._drawn(f"{posts}:{record}") + self._drawn(f"{posts}:{record}:{question}")
        return heads - COINS

    def _drawn(self, text: str) -> int:
        digest = hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), hashlib.sha256)
        return (digest[0] & ((1 << COINS) - 1)).bit_count()
