"""What was judged of a rule's samples: never a text and never a post."""

from sqlalchemy import Column, Index, MetaData, Table

from stream.database import WHOLE, WORDS

metadata = MetaData()

judgement = Table(
    "judgement",
    metadata,
    Column("sample", WORDS, primary_key=True),
    Column("row", WHOLE, primary_key=True, autoincrement=False),
    Column("rule", WORDS, nullable=False),
    Column("version", WORDS, nullable=False),
    Column("kind", WORDS, nullable=False),
    Column("language", WORDS, nullable=False),
    Column("drawn", WHOLE, nullable=False),
    Column("verdict", WORDS),
    Column("actor", WORDS),
    Column("at", WHOLE),
)
"""A row a text that was drawn; `verdict`, `actor` and `at` are empty until somebody judged it."""

Index("ix_judgement_rule_version", judgement.c.rule, judgement.c.version)
