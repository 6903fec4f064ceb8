"""The tables of collecting: cursors, seen-keys, runs and the re-check vault."""

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
"""At most k hashes of pseudonyms a source, to know that at least so many people write there."""

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
)

reference = Table(
    "reference",
    metadata,
    Column("source", WORDS, primary_key=True),
    Column("id", WORDS, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("until", WHOLE, nullable=False, index=True),
    Column("asked", WHOLE, nullable=False),
    Column("missing", Boolean, nullable=False),
)
"""The re-check vault: where posts stand on their platforms, sealed; see `ingest.vault`."""
