"""The tables of the store: the periods that a source or a worker missed."""

from sqlalchemy import BigInteger, Column, MetaData, String, Table

metadata = MetaData()

gap = Table(
    "gap",
    metadata,
    Column("source", String, primary_key=True),
    Column("start", BigInteger, primary_key=True),
    Column("end", BigInteger, nullable=False),
    Column("why", String, nullable=False),
)
