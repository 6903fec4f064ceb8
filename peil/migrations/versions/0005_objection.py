"""Accounts that objected; marks of the keys; dated edits among the seen-keys."""

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
    op.create_table(
        "key_mark",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("mark", sa.String(), nullable=False),
    )
    op.add_column("seen", sa.Column("edited", sa.BigInteger()))
