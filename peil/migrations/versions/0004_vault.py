"""The re-check vault."""

import sqlalchemy as sa
from alembic import op

from stream.database import WORDS

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reference",
        sa.Column("source", WORDS, primary_key=True),
        sa.Column("id", WORDS, primary_key=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("asked", sa.BigInteger(), nullable=False),
        sa.Column("missing", sa.Boolean(), nullable=False),
    )
    op.create_index("ix_reference_until", "reference", ["until"])
