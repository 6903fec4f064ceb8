"""The tables of the store: the periods that were missed, and the counts that outlive the texts."""

from sqlalchemy import Column, MetaData, Table

from stream.database import WHOLE, WORDS

metadata = MetaData()

gap = Table(
    "gap",
    metadata,
    Column("source", WORDS, primary_key=True),
    Column("start", WHOLE, primary_key=True),
    Column("end", WHOLE, nullable=False),
    Column("why", WORDS, nullable=False),
)

volume = Table(
    "volume",
    metadata,
    Column("partition", WORDS, primary_key=True),
    Column("period", WORDS, primary_key=True),
    Column("source", WORDS, primary_key=True),
    Column("language", WORDS, primary_key=True),
    Column("posts", WHOLE, nullable=False),
)
"""How much there was in all; `index.contract.RolledUp.volumes` of a dropped partition."""

phenomenon = Table(
    "phenomenon",
    metadata,
    Column("partition", WORDS, primary_key=True),
    Column("period", WORDS, primary_key=True),
    Column("rule_version", WORDS, primary_key=True),
    Column("language", WORDS, primary_key=True),
    Column("sentiment", WORDS, primary_key=True),
    Column("rule", WORDS, nullable=False, index=True),
    Column("posts", WHOLE, nullable=False),
    Column("authors", WHOLE, nullable=False),
)
"""How much there was of each rule; `index.contract.RolledUp.phenomena` of a dropped partition."""

shadowed = Table(
    "shadowed",
    metadata,
    Column("partition", WORDS, primary_key=True),
    Column("period", WORDS, primary_key=True),
    Column("rule_version", WORDS, primary_key=True),
    Column("rule", WORDS, nullable=False, index=True),
    Column("posts", WHOLE, nullable=False),
)
"""How much there was of versions of rules that were counted and not shown;
`index.contract.RolledUp.shadows` of a dropped partition.
"""
