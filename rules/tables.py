"""The sequence of generations: it grows when what decides labels changes."""

from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table

metadata = MetaData()

generation = Table(
    "generation",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("digest", String, nullable=False),
)
