"""The tables of accounts, sessions and what readers save. No text of a post."""

from sqlalchemy import Column, MetaData, Table

from stream.database import WHOLE, WORDS

metadata = MetaData()

account = Table(
    "account",
    metadata,
    Column("name", WORDS, primary_key=True),
    Column("password", WORDS, nullable=False),
    Column("roles", WORDS, nullable=False),
    Column("created", WHOLE, nullable=False),
    Column("removed", WHOLE),
)
"""Who may enter. A name that was removed stays taken: it stands in the access log."""

session = Table(
    "session",
    metadata,
    Column("digest", WORDS, primary_key=True),
    Column("account", WORDS, nullable=False, index=True),
    Column("way", WORDS, nullable=False),
    Column("purpose", WORDS),
    Column("started", WHOLE, nullable=False),
    Column("seen", WHOLE, nullable=False),
    Column("until", WHOLE, nullable=False),
)
"""Open sessions, by the hash of a token that only the browser has."""

link = Table(
    "link",
    metadata,
    Column("digest", WORDS, primary_key=True),
    Column("account", WORDS, nullable=False),
    Column("until", WHOLE, nullable=False),
)
"""One-time links that nobody used yet, by the hash of what stands in them."""

stored_query = Table(
    "stored_query",
    metadata,
    Column("id", WORDS, primary_key=True),
    Column("words", WORDS, nullable=False),
    Column("account", WORDS, nullable=False),
    Column("created", WHOLE, nullable=False),
)
"""The words of queries, so that an address holds only an id."""

saved_search = Table(
    "saved_search",
    metadata,
    Column("id", WORDS, primary_key=True),
    Column("account", WORDS, nullable=False, index=True),
    Column("title", WORDS, nullable=False),
    Column("query", WORDS, nullable=False),
    Column("note", WORDS, nullable=False),
    Column("until", WHOLE, nullable=False),
    Column("created", WHOLE, nullable=False),
)
"""What a reader keeps of Explore, with the id of its query and an end."""
