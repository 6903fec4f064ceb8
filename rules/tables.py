"""The sequence of generations: it grows when what decides labels changes."""

from sqlalchemy import Column, MetaData, Table

from stream.database import WHOLE, WORDS

metadata = MetaData()

generation = Table(
    "generation",
    metadata,
    Column("number", WHOLE, primary_key=True, autoincrement=False),
    Column("at", WHOLE, nullable=False),
    Column("digest", WORDS, nullable=False),
)
