"""What was judged of samples of a rule's texts: no text and no post."""

import sqlalchemy as sa
from alembic import op

from stream.database import WHOLE, WORDS

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "judgement",
        sa.Column("sample", WORDS, primary_key=True),
        sa.Column("row", WHOLE, primary_key=True, autoincrement=False),
        sa.Column("rule", WORDS, nullable=False),
        sa.Column("version", WORDS, nullable=False),
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("language", WORDS, nullable=False),
        sa.Column("drawn", WHOLE, nullable=False),
        sa.Column("verdict", WORDS),
        sa.Column("actor", WORDS),
        sa.Column("at", WHOLE),
    )
    op.create_index("ix_judgement_rule_version", "judgement", ["rule", "version"])
