"""The tables of collecting: cursors, seen-keys, how sources do, and the re-check vault."""

from sqlalchemy import Boolean, Column, LargeBinary, MetaData, Table

from stream.database import WHOLE, WORDS

metadata = MetaData()

cursor = Table(
    "cursor",
    metadata,
    Column("source", WORDS, primary_key=True),
    Column("value", WORDS, nullable=False),
)

seen = Table(
    "seen",
    metadata,
    Column("source", WORDS, primary_key=True),
    Column("id", WORDS, primary_key=True),
    Column("content_hash", WORDS, nullable=False),
    Column("first_observed", WHOLE, nullable=False),
    Column("rev", WHOLE, nullable=False),
    Column("edited", WHOLE),
    Column("until", WHOLE, nullable=False, index=True),
)

source_author = Table(
    "source_author",
    metadata,
    Column("source", WORDS, primary_key=True),
    Column("digest", WORDS, primary_key=True),
    Column("seen", WHOLE, nullable=False),
)
"""At most k hashes of pseudonyms a source and key epoch, to know that at least so many people write
there.
"""

run = Table(
    "run",
    metadata,
    Column("number", WHOLE, primary_key=True),
    Column("source", WORDS, nullable=False, index=True),
    Column("started", WHOLE, nullable=False),
    Column("ended", WHOLE),
    Column("read", WHOLE, nullable=False),
    Column("appended", WHOLE, nullable=False),
    Column("outcome", WORDS, nullable=False),
    Column("cause", WORDS),
    Column("slot", WHOLE),
    Column("missed", WORDS),
    Column("error", WORDS),
)
"""`ingest.runs.Run`; what an older peil wrote has no cause. `missed` is JSON."""

tally = Table(
    "tally",
    metadata,
    Column("source", WORDS, primary_key=True),
    Column("hour", WHOLE, primary_key=True),
    Column("what", WORDS, primary_key=True),
    Column("amount", WHOLE, nullable=False),
)
"""What became of how many items of a source in an hour (its start in Unix ms)."""

condition = Table(
    "condition",
    metadata,
    Column("source", WORDS, primary_key=True),
    Column("ran", WHOLE),
    Column("slot", WHOLE),
    Column("missed", WORDS),
    Column("failures", WHOLE),
    Column("error", WORDS),
    Column("recovery", WORDS),
    Column("failing_since", WHOLE),
    Column("failed_at", WHOLE),
    Column("wait", WHOLE),
    Column("unanswered", WHOLE),
    Column("unread", WHOLE),
    Column("watermark", WHOLE),
    Column("budget", WORDS),
    Column("warnings", WORDS),
)
"""`ingest.runs.Condition`; `missed`, `budget` and `warnings` are JSON."""

pause = Table(
    "pause",
    metadata,
    Column("source", WORDS, primary_key=True),
    Column("actor", WORDS, nullable=False),
    Column("why", WORDS, nullable=False),
    Column("since", WHOLE, nullable=False),
    Column("until", WHOLE),
)

reference = Table(
    "reference",
    metadata,
    Column("source", WORDS, primary_key=True),
    Column("id", WORDS, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("until", WHOLE, nullable=False, index=True),
    Column("added", WHOLE),
    Column("asked", WHOLE, nullable=False),
    Column("missing", Boolean, nullable=False),
)
"""The re-check vault: where posts stand on their platforms, sealed; see `ingest.vault`. Of what an
older peil added it is not known when.
"""
