"""The chain: enrichers in the order of what they need, costly ones only where it pays."""

import hashlib
from collections.abc import Sequence

import msgspec

from enrich.contract import Enricher, Field
from stream.errors import Stop
from stream.post import Post

SAMPLE_SPACE = 1 << 32


def ordered(enrichers: Sequence[Enricher]) -> list[Enricher]:
    """The enrichers so that each comes after those that fill what it requires; the given order
    otherwise. Stop when that cannot be, with the names.
    """
    waiting, filled, result = list(enrichers), set[Field](), list[Enricher]()
    for enricher in waiting:
        twice = [other.name for other in waiting if other.provides & enricher.provides]
        if len(twice) > 1:
            raise Stop(f"enrichers {', '.join(twice)} fill the same field; leave one out")
    while waiting:
        ready = next((each for each in waiting if each.requires <= filled), None)
        if ready is None:
            needs = "; ".join(
                f"{each.name} needs {', '.join(sorted(each.requires - filled))}" for each in waiting
            )
            raise Stop(f"the enrichers cannot be put in an order: {needs}; add what fills it")
        waiting.remove(ready)
        filled |= ready.provides
        result.append(ready)
    return result


def sampled(post_id: str, share: float) -> bool:
    """Whether the post falls in the sample: by its id alone, so always the same answer."""
    number = int.from_bytes(hashlib.blake2b(post_id.encode(), digest_size=4).digest(), "big")
    return number < share * SAMPLE_SPACE


class Chain:
    """Enrichers in order. Costly ones see a post only when a rule matched it, its source keeps
    all, or it falls in the sample; for others they abstain with `not_selected`.
    """

    def __init__(self, enrichers: Sequence[Enricher], *, sample_share: float) -> None:
        self._enrichers = ordered(enrichers)
        self._share = sample_share

    @property
    def versions(self) -> dict[str, str]:
        """The version of every enricher, the rules' left out: they have their own."""
        return {each.name: each.version for each in self._enrichers if each.name != "matches"}

    def run(self, posts: Sequence[Post]) -> Sequence[Post]:
        """The posts with all labels, in the same order."""
        posts = [
            msgspec.structs.replace(post, sampled=sampled(post.id, self._share)) for post in posts
        ]
        for enricher in self._enrichers:
            if not enricher.costly:
                posts = list(enricher(posts))
                continue
            chosen = [post for post in posts if post.kept or post.sampled]
            labelled = iter(enricher(chosen) if chosen else ())
            posts = [
                next(labelled)
                if post.kept or post.sampled
                else enricher.abstain(post, "not_selected")
                for post in posts
            ]
        return posts
