"""The topics of the log and how long each keeps what."""

from stream.broker import Topic
from stream.clock import DAY_MS, HOUR_MS

TEXT_RETENTION_MS = 66 * HOUR_MS
"""An unmatched text may live 72 hours; this leaves room for the hourly check and for the time
between observation and append."""

TOMBSTONE_MS = DAY_MS
"""A reader that was away for less than this still sees a tombstone of a compacted topic."""

PARTITIONS = 4

QUARANTINE = Topic(name="quarantine", partitions=1, retention_ms=TEXT_RETENTION_MS, size_factor=2)
RULES = Topic(name="rules", partitions=1, compacted=True)


def topics(*, partitions: int) -> tuple[Topic, ...]:
    """All topics, those of posts in so many partitions: at most as many workers of a group share
    the work.
    """
    return (
        Topic(name="posts", partitions=partitions, retention_ms=TEXT_RETENTION_MS),
        Topic(name="labelled", partitions=partitions, retention_ms=TEXT_RETENTION_MS),
        QUARANTINE,
        RULES,
    )


TOPICS = topics(partitions=PARTITIONS)
POSTS, LABELLED, *_ = TOPICS
