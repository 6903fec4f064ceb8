"""The topics of the log and how long each keeps what."""

from stream.broker import Topic
from stream.clock import HOUR_MS

TEXT_RETENTION_MS = 66 * HOUR_MS
"""An unmatched text may live 72 hours; this leaves room for the hourly check and for the time
between observation and append."""

POSTS = Topic(name="posts", retention_ms=TEXT_RETENTION_MS)
LABELLED = Topic(name="labelled", retention_ms=TEXT_RETENTION_MS)
QUARANTINE = Topic(name="quarantine", partitions=1, retention_ms=TEXT_RETENTION_MS, size_factor=2)
RULES = Topic(name="rules", partitions=1, compacted=True)

TOPICS = (POSTS, LABELLED, QUARANTINE, RULES)
