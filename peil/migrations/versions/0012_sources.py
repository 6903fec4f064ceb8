"""How sources do: their slots, errors and pauses, and what became of their items by the hour."""

import sqlalchemy as sa
from alembic import op

from stream.database import WHOLE, WORDS

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("run", sa.Column("cause", WORDS))
    op.add_column("run", sa.Column("slot", WHOLE))
    op.add_column("run", sa.Column("missed", WORDS))
    op.add_column("run", sa.Column("error", WORDS))
    op.create_table(
        "tally",
        sa.Column("source", WORDS, primary_key=True),
        sa.Column("hour", WHOLE, primary_key=True, autoincrement=False),
        sa.Column("what", WORDS, primary_key=True),
        sa.Column("amount", WHOLE, nullable=False),
    )
    op.create_table(
        "condition",
        sa.Column("source", WORDS, primary_key=True),
        sa.Column("ran", WHOLE),
        sa.Column("slot", WHOLE),
        sa.Column("missed", WORDS),
        sa.Column("failures", WHOLE),
        sa.Column("error", WORDS),
        sa.Column("recovery", WORDS),
        sa.Column("failing_since", WHOLE),
        sa.Column("failed_at", WHOLE),
        sa.Column("wait", WHOLE),
        sa.Column("watermark", WHOLE),
        sa.Column("budget", WORDS),
        sa.Column("warnings", WORDS),
    )
    op.create_table(
        "pause",
        sa.Column("source", WORDS, primary_key=True),
        sa.Column("actor", WORDS, nullable=False),
        sa.Column("why", WORDS, nullable=False),
        sa.Column("since", WHOLE, nullable=False),
        sa.Column("until", WHOLE),
    )
