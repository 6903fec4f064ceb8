"""The enrich worker's step: from topic `posts` to topic `labelled`."""

from collections import Counter
from collections.abc import Callable, Sequence

import msgspec

from enrich.chain import Chain
from enrich.steps import Matches
from rules.life.publishing import RuleFeed
from rules.matching.matcher import Matcher
from stream.broker import Entry, Record
from stream.clock import DAY_MS, HOUR_MS, Clock
from stream.codec import encode
from stream.errors import Stop
from stream.events import Upsert
from stream.metrics import Metrics
from stream.post import Post
from stream.topics import LABELLED
from stream.version import pack, rev_of
from stream.worker import Result, decode_records

SPECIAL_TERM_MS = 30 * DAY_MS
"""What a rule on a special category of personal data matches is kept no longer than this."""

LATE_MS = 4 * HOUR_MS
"""What comes so long after its first observation, because enrichment was far behind, and is matched
by no rule passes without its words: in `labelled` they would outlive the 72 hours. It still counts.
"""


class EnrichStep:
    """A `stream.worker.Step` on topic `posts`. Deletes and gaps pass through in their place.

    `affordable` is asked before each batch how many of its posts there is time to label.
    """

    def __init__(
        self,
        chain: Chain,
        matches: Matches,
        *,
        feed: RuleFeed,
        timezone: str,
        clock: Clock,
        metrics: Metrics,
        affordable: Callable[[], int | None] = lambda: None,
    ) -> None:
        self._chain = chain
        self._matches = matches
        self._feed = feed
        self._timezone = timezone
        self._clock = clock
        self._metrics = metrics
        self._affordable = affordable
        self._generation: int | None = None
        self._special: frozenset[str] = frozenset()

    def __call__(self, records: Sequence[Record]) -> Result:
        self._refresh()
        decoded, rejected = decode_records(records)
        upserts = [event.post for _, event in decoded if isinstance(event, Upsert)]
        posts = self._chain.run(upserts, affordable=self._affordable())
        self._count(posts)
        labelled = iter(posts)
        emits: list[tuple[str, Entry]] = []
        for record, event in decoded:
            if isinstance(event, Upsert):
                post = self._stamp(next(labelled))
                emits.append((LABELLED.name, Entry(record.key, encode(Upsert(post)))))
            else:
                emits.append((LABELLED.name, Entry(record.key, record.value)))
        return Result(emits=emits, rejected=rejected)

    def _refresh(self) -> None:
        rules = self._feed.refresh()
        if rules is not None:
            every = (*rules.rules, *rules.shadows)
            shadows = frozenset(rule.name for rule in rules.shadows)
            matcher = Matcher(every, timezone=self._timezone, locate=self._matches.locate)
            self._matches.use(matcher, shadows=shadows)
            self._generation = rules.generation
            self._special = frozenset(rule.id for rule in rules.rules if rule.special_category)
        if self._generation is None:
            raise Stop("no rules are published; `peil run` and `peil import` do it at their start")

    def _count(self, posts: Sequence[Post]) -> None:
        self._metrics.count("peil_enrich_matched_total", sum(bool(post.matches) for post in posts))
        labels = Counter(
            (field, label.abstained or "given")
            for post in posts
            for field, label in (
                ("lang", post.lang),
                ("topic", post.topic),
                ("sentiment", post.sentiment),
            )
            if label is not None
        )
        for (field, outcome), count in labels.items():
            self._metrics.count("peil_enrich_labels_total", count, field=field, outcome=outcome)

    def _stamp(self, post: Post) -> Post:
        version = pack(rev_of(post.version), self._generation or 0)
        if not post.kept and post.first_observed < self._clock.now() - LATE_MS:
            self._metrics.count("peil_enrich_late_total")
            return _without_words(post, version)
        if self._special.isdisjoint(match.rule for match in post.matches):
            return msgspec.structs.replace(post, version=version)
        return msgspec.structs.replace(
            post,
            version=version,
            special_category=True,
            keep_until=min(post.keep_until, post.first_observed + SPECIAL_TERM_MS),
        )


def _without_words(post: Post, version: int) -> Post:
    return msgspec.structs.replace(
        post, version=version, text="", tokens=(), hashtags=(), domains=()
    )
