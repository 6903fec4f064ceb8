"""Every version of every rule and list, and what became of it."""

import sqlalchemy as sa
from alembic import op

from stream.database import WHOLE, WORDS

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rule_document",
        sa.Column("number", WHOLE, primary_key=True),
        sa.Column("rule", WORDS, nullable=False),
        sa.Column("version", WORDS, nullable=False),
        sa.Column("content", WORDS, nullable=False),
        sa.Column("at", WHOLE, nullable=False),
        sa.Column("actor", WORDS, nullable=False),
    )
    op.create_index("ix_rule_document_rule_version", "rule_document", ["rule", "version"])
    op.create_table(
        "keyword_list",
        sa.Column("name", WORDS, primary_key=True),
        sa.Column("version", WHOLE, primary_key=True, autoincrement=False),
        sa.Column("content", WORDS, nullable=False),
        sa.Column("at", WHOLE, nullable=False),
        sa.Column("actor", WORDS, nullable=False),
    )
    op.create_table(
        "rule_state",
        sa.Column("number", WHOLE, primary_key=True),
        sa.Column("rule", WORDS, nullable=False),
        sa.Column("version", WORDS, nullable=False),
        sa.Column("state", WORDS, nullable=False),
        sa.Column("at", WHOLE, nullable=False),
        sa.Column("actor", WORDS, nullable=False),
        sa.Column("note", WORDS, nullable=False),
    )
    op.create_index("ix_rule_state_rule_version", "rule_state", ["rule", "version"])
