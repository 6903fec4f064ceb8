"""Accounts that objected; marks of the keys; dated edits among the seen-keys."""

import sqlalchemy as sa
from alembic import op

from stream.database import WORDS

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "objection",
        sa.Column("account", WORDS, primary_key=True),
        sa.Column("since", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "key_mark",
        sa.Column("name", WORDS, primary_key=True),
        sa.Column("mark", WORDS, nullable=False),
    )
    op.add_column("seen", sa.Column("edited", sa.BigInteger()))
