"""The tables of collecting: cursors, seen-keys, runs and the re-check vault."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)  # fmt: skip

metadata = MetaData()

cursor = Table(
    "cursor",
    metadata,
    Column("source", String, primary_key=True),
    Column("value", String, nullable=False),
)

seen = Table(
    "seen",
    metadata,
    Column("source", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("content_hash", String, nullable=False),
    Column("first_observed", BigInteger, nullable=False),
    Column("rev", BigInteger, nullable=False),
    Column("edited", BigInteger),
    Column("until", BigInteger, nullable=False, index=True),
)

source_author = Table(
    "source_author",
    metadata,
    Column("source", String, primary_key=True),
    Column("digest", String, primary_key=True),
    Column("seen", BigInteger, nullable=False),
)
"""At most k hashes of pseudonyms a source, to know that at least so many people write there."""

run = Table(
    "run",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("source", String, nullable=False, index=True),
    Column("started", BigInteger, nullable=False),
    Column("ended", BigInteger),
    Column("read", Integer, nullable=False),
    Column("appended", Integer, nullable=False),
    Column("outcome", String, nullable=False),
)

reference = Table(
    "reference",
    metadata,
    Column("source", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("until", BigInteger, nullable=False, index=True),
    Column("asked", BigInteger, nullable=False),
    Column("missing", Boolean, nullable=False),
)
"""The re-check vault: where posts stand on their platforms, sealed; see `ingest.vault`."""
