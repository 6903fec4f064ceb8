"""Which entries of the ledger were not looked up in the log yet: all, after an upgrade."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("erased_post", "erased_author"):
        pending: sa.Column[bool] = sa.Column(
            "pending", sa.Boolean(), nullable=False, server_default=sa.true()
        )
        op.add_column(table, pending)
        op.create_index(
            f"ix_{table}_pending",
            table,
            ["pending"],
            sqlite_where=sa.text("pending = 1"),
            postgresql_where=sa.text("pending"),
        )
