"""The tables of register, ledger and access log. No text of a post, no name of an author."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)

metadata = MetaData()

register = Table(
    "register",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("source", String, nullable=False, index=True),
    Column("owner", String, nullable=False),
    Column("purpose", String, nullable=False),
    Column("basis", String, nullable=False),
    Column("dpia", String, nullable=False),
    Column("obtained", String, nullable=False),
    Column("organisation", Boolean, nullable=False),
    Column("officer", String, nullable=False),
    Column("opened", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("closed", BigInteger),
)

erased_post = Table(
    "erased_post",
    metadata,
    Column("id", String, primary_key=True),
    Column("up_to_version", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
)

erased_author = Table(
    "erased_author",
    metadata,
    Column("author", String, primary_key=True),
    Column("up_to_rev", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
)

objection = Table(
    "objection",
    metadata,
    Column("account", String, primary_key=True),
    Column("since", BigInteger, nullable=False),
)
"""Accounts whose posts are never taken in, as keyed hashes that do not rotate."""

key_mark = Table(
    "key_mark",
    metadata,
    Column("name", String, primary_key=True),
    Column("mark", String, nullable=False),
)

access = Table(
    "access",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("actor", String, nullable=False),
    Column("purpose", String, nullable=False),
    Column("action", String, nullable=False),
    Column("outcome", String, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("previous", String, nullable=False),
    Column("digest", String, nullable=False),
)
