"""Leases between machines."""

import sqlalchemy as sa
from alembic import op

from stream.database import WHOLE, WORDS

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "lease",
        sa.Column("role", WORDS, primary_key=True),
        sa.Column("holder", WORDS, nullable=False),
        sa.Column("number", WHOLE, nullable=False),
        sa.Column("until", WHOLE, nullable=False),
    )
