"""The chain: enrichers in the order of what they need, the costly ones only where it pays."""

import hashlib
from collections.abc import Sequence

import msgspec

from enrich.contract import Enricher, Field
from stream.errors import Stop
from stream.post import Post

RANKS = 1 << 32


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


def rank(post_id: str) -> float:
    """A number in 0..1 by the post's id alone: whoever goes by it chooses the same posts again."""
    digest = hashlib.blake2b(post_id.encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") / RANKS


class Chain:
    """Enrichers in order; each sees the posts of its scope and abstains for the others, with
    `not_selected` or `shed`.
    """

    def __init__(self, enrichers: Sequence[Enricher], *, sample_share: float) -> None:
        self._enrichers = ordered(enrichers)
        self._share = sample_share

    @property
    def versions(self) -> dict[str, str]:
        """The version of every enricher, the rules' left out: they have their own."""
        return {each.name: each.version for each in self._enrichers if each.name != "matches"}

    def run(self, posts: Sequence[Post], *, affordable: int | None = None) -> Sequence[Post]:
        """The posts with all labels, in the same order.

        `affordable` is how many posts there is time to label; None: all that are chosen. Which
        ones depends on their ids alone, never on what they say, and the sample goes first: so
        shares among the labelled stay true under load.
        """
        posts = [_sampled(post, share=self._share) for post in posts]
        for enricher in self._enrichers:
            match enricher.scope:
                case "every":
                    posts = list(enricher(posts))
                case "chosen":
                    posts = _partly(enricher, posts, None)
                case "affordable":
                    posts = _partly(enricher, posts, affordable)
        return posts


def _sampled(post: Post, *, share: float) -> Post:
    sampled = rank(post.id) < share
    return post if post.sampled == sampled else msgspec.structs.replace(post, sampled=sampled)


def _partly(enricher: Enricher, posts: Sequence[Post], affordable: int | None) -> list[Post]:
    """The posts, labelled by `enricher` where they are chosen and affordable."""
    chosen = [number for number, post in enumerate(posts) if post.kept or post.sampled]
    labelled = sorted(chosen, key=lambda number: rank(posts[number].id))[:affordable]
    results = enricher([posts[number] for number in labelled]) if labelled else ()
    outcome = dict(zip(labelled, results, strict=True))
    shed = set(chosen) - set(labelled)
    return [
        outcome[number]
        if number in outcome
        else enricher.abstain(post, "shed" if number in shed else "not_selected")
        for number, post in enumerate(posts)
    ]
