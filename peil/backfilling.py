"""What a rule that is active now finds among the posts of the last days that no rule matched.

Such a post is in the index as `recent` and goes within 72 hours. Backfilling appends it to topic
`posts` anew, as the gate made it, and no more: the workers do the rest as with any post. So

- it is matched by all rules that are active then and gets the labels that only kept posts have;
- its version has the newer generation, so the index worker takes it, writes it to `kept` and
  removes it from `recent`, in that order; the index keeps its one writer;
- what was erased meanwhile is kept out by the ledger, here before it is appended and again by the
  index worker; an edit that came later is newer and stays;
- doing it again, after a kill or beside a `peil run`, changes nothing: a post that was matched in
  the present generation is passed over, and one that is appended twice is taken once.

Its text stands in the log for another term (`stream.topics`). That is so only for what the rule
matches, which is kept for longer anyway. A rule that is withdrawn before the workers come to it
keeps none of it: the index lets it go with its day as before, and the log after that term, so up to
66 hours later than a text that was never appended anew.
"""

from collections.abc import Iterator, Sequence

import msgspec

from peil.importing import Progress
from peil.pipeline import Pipeline, actor
from privacy.suppress import Size, about, shown
from rules.documents import ActiveRule
from rules.life.publishing import RuleFeed
from rules.matching.matcher import Matcher
from stream.batches import batched
from stream.broker import Entry
from stream.codec import encode
from stream.errors import Stop
from stream.events import Upsert
from stream.post import Post
from stream.topics import POSTS
from stream.version import generation_of

BATCH = 1_000


class Backfilled(msgspec.Struct, frozen=True, kw_only=True):
    """How many posts the rule finds more: only the order of their number
    (`privacy.suppress.about`); None is "less than k, or none".
    """

    rule: str
    posts: int | None
    k: int


def backfill(pipeline: Pipeline, rule: str, *, progress: Progress) -> Backfilled:
    """Append what the active version of `rule` (or `rule@version`) matches in `recent` and was not
    matched by it yet. It is written in the access log before. Stop when the rule, or that version
    of it, is not active, or when the settings name no purpose.
    """
    if not pipeline.settings.purpose.strip():
        raise Stop("no purpose is set: write in config/peil.toml what you look for and why")
    active, generation = _active(pipeline, rule)
    pipeline.access.append(
        actor=actor(),
        purpose=pipeline.settings.purpose,
        action="backfill",
        payload=msgspec.json.encode({"rule": active.name}).decode(),
    )
    from enrich.places import Places  # noqa: PLC0415  (it takes a second to load)

    places = Places(pipeline.folder.config / "places.toml")
    matcher = Matcher([active], timezone=pipeline.settings.timezone, locate=places)
    posts, authors = 0, set[str]()
    for some in _recent(pipeline, progress):
        older = [post for post in some if generation_of(post.version) < generation]
        found = [post for post, matches in zip(older, matcher.match(older), strict=True) if matches]
        erased = pipeline.ledger.blocked(found)
        events = [Upsert(post.unlabelled()) for post in found if post.id not in erased]
        pipeline.broker.append(POSTS.name, [Entry(each.key, encode(each)) for each in events])
        posts += len(events)
        authors.update(each.post.author for each in events)
    k = pipeline.thresholds.of_rule(active.id)
    enough = shown(Size(posts, len(authors)), k=k) is not None
    return Backfilled(rule=active.name, posts=about(posts) if enough else None, k=k)


def _active(pipeline: Pipeline, rule: str) -> tuple[ActiveRule, int]:
    """The active version of `rule`, and the generation of the set that it is in."""
    published = RuleFeed(pipeline.broker).refresh()
    name, _, version = rule.partition("@")
    if published is not None:
        for each in published.rules:
            if each.id == name and each.version.startswith(version):
                return each, published.generation
    raise Stop(
        f"{rule!r} is not active, so it keeps no posts; `peil rules list` shows what is, and "
        "`peil rules activate` makes it so"
    )


def _recent(pipeline: Pipeline, progress: Progress) -> Iterator[Sequence[Post]]:
    pipeline.store.reload()
    partitions = {
        name: posts for name, posts in pipeline.store.partitions().items() if name.kind == "recent"
    }
    for name in partitions:
        for some in batched(pipeline.store.posts(name), BATCH):
            yield some
            progress("looked at", len(some), sum(partitions.values()))
