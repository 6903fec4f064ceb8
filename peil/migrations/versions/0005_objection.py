"""Accounts that objected."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "objection",
        sa.Column("account", sa.String(), primary_key=True),
        sa.Column("since", sa.BigInteger(), nullable=False),
    )
