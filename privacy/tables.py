"""The tables of register, ledger and access log. No text of a post, no name of an author."""

from sqlalchemy import Boolean, Column, Index, LargeBinary, MetaData, Table, text, true

from stream.database import WHOLE, WORDS

metadata = MetaData()

register = Table(
    "register",
    metadata,
    Column("number", WHOLE, primary_key=True),
    Column("source", WORDS, nullable=False, index=True),
    Column("owner", WORDS, nullable=False),
    Column("purpose", WORDS, nullable=False),
    Column("basis", WORDS, nullable=False),
    Column("dpia", WORDS, nullable=False),
    Column("obtained", WORDS, nullable=False),
    Column("organisation", Boolean, nullable=False),
    Column("officer", WORDS, nullable=False),
    Column("opened", WHOLE, nullable=False),
    Column("until", WHOLE, nullable=False),
    Column("closed", WHOLE),
    Column("platforms", WORDS),
    Column("opened_by", WORDS),
)
"""`platforms` with spaces between; it and `opened_by` are null in what an older peil opened."""

erased_post = Table(
    "erased_post",
    metadata,
    Column("id", WORDS, primary_key=True),
    Column("up_to_version", WHOLE, nullable=False),
    Column("until", WHOLE, nullable=False),
    Column("pending", Boolean, nullable=False, server_default=true()),
)
"""`pending` until the log was looked through for it: see `peil.erasing`."""

erased_author = Table(
    "erased_author",
    metadata,
    Column("author", WORDS, primary_key=True),
    Column("up_to_rev", WHOLE, nullable=False),
    Column("until", WHOLE, nullable=False),
    Column("pending", Boolean, nullable=False, server_default=true()),
)

for _ledger in (erased_post, erased_author):
    _pending = _ledger.c.pending
    Index(
        f"ix_{_ledger.name}_pending",
        _pending,
        sqlite_where=text("pending = 1"),
        postgresql_where=_pending,
    )

objection = Table(
    "objection",
    metadata,
    Column("account", WORDS, primary_key=True),
    Column("since", WHOLE, nullable=False),
)
"""Accounts whose posts are never taken in, as keyed hashes that do not rotate."""

key_mark = Table(
    "key_mark",
    metadata,
    Column("name", WORDS, primary_key=True),
    Column("mark", WORDS, nullable=False),
)

access = Table(
    "access",
    metadata,
    Column("number", WHOLE, primary_key=True, autoincrement=False),
    Column("at", WHOLE, nullable=False),
    Column("actor", WORDS, nullable=False),
    Column("purpose", WORDS, nullable=False),
    Column("action", WORDS, nullable=False),
    Column("outcome", WORDS, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("previous", WORDS, nullable=False),
    Column("digest", WORDS, nullable=False),
    Index("ix_access_actor_action_at", "actor", "action", "at"),
)
