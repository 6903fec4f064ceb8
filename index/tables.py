"""The tables of the store: the periods that were missed, and the counts that outlive the texts."""

from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table

metadata = MetaData()

gap = Table(
    "gap",
    metadata,
    Column("source", String, primary_key=True),
    Column("start", BigInteger, primary_key=True),
    Column("end", BigInteger, nullable=False),
    Column("why", String, nullable=False),
)

volume = Table(
    "volume",
    metadata,
    Column("partition", String, primary_key=True),
    Column("period", String, primary_key=True),
    Column("source", String, primary_key=True),
    Column("language", String, primary_key=True),
    Column("posts", Integer, nullable=False),
)
"""How much there was in all; `index.contract.RolledUp.volumes` of a dropped partition."""

phenomenon = Table(
    "phenomenon",
    metadata,
    Column("partition", String, primary_key=True),
    Column("period", String, primary_key=True),
    Column("rule_version", String, primary_key=True),
    Column("language", String, primary_key=True),
    Column("sentiment", String, primary_key=True),
    Column("rule", String, nullable=False, index=True),
    Column("posts", Integer, nullable=False),
    Column("authors", Integer, nullable=False),
)
"""How much there was of each rule; `index.contract.RolledUp.phenomena` of a dropped partition."""
