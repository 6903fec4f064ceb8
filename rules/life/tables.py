"""The sequence of generations, and every version of every rule and list with its life.

Rows of `rule_document` and `rule_state` are added and never changed.
"""

from sqlalchemy import Column, Index, MetaData, Table

from stream.database import WHOLE, WORDS

metadata = MetaData()

generation = Table(
    "generation",
    metadata,
    Column("number", WHOLE, primary_key=True, autoincrement=False),
    Column("at", WHOLE, nullable=False),
    Column("digest", WORDS, nullable=False),
)
"""It grows when what decides labels changes."""

rule_document = Table(
    "rule_document",
    metadata,
    Column("number", WHOLE, primary_key=True),
    Column("rule", WORDS, nullable=False),
    Column("version", WORDS, nullable=False),
    Column("content", WORDS, nullable=False),
    Column("at", WHOLE, nullable=False),
    Column("actor", WORDS, nullable=False),
)
"""`rules.life.versions.Version` as JSON: the newest row of a version tells its title and owner."""

Index("ix_rule_document_rule_version", rule_document.c.rule, rule_document.c.version)

keyword_list = Table(
    "keyword_list",
    metadata,
    Column("name", WORDS, primary_key=True),
    Column("version", WHOLE, primary_key=True, autoincrement=False),
    Column("content", WORDS, nullable=False),
    Column("at", WHOLE, nullable=False),
    Column("actor", WORDS, nullable=False),
)
"""`rules.documents.KeywordList` as JSON; the entries of a version never change."""

rule_state = Table(
    "rule_state",
    metadata,
    Column("number", WHOLE, primary_key=True),
    Column("rule", WORDS, nullable=False),
    Column("version", WORDS, nullable=False),
    Column("state", WORDS, nullable=False),
    Column("at", WHOLE, nullable=False),
    Column("actor", WORDS, nullable=False),
    Column("note", WORDS, nullable=False),
)
"""`rules.life.history.Change`: the newest row of a version tells its state."""

Index("ix_rule_state_rule_version", rule_state.c.rule, rule_state.c.version)
