"""The counts that outlive the texts."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "volume",
        *(
            sa.Column(name, sa.String(), primary_key=True)
            for name in ("partition", "period", "source", "language")
        ),
        sa.Column("posts", sa.Integer(), nullable=False),
    )
    op.create_table(
        "phenomenon",
        *(
            sa.Column(name, sa.String(), primary_key=True)
            for name in ("partition", "period", "rule_version", "language", "sentiment")
        ),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("posts", sa.Integer(), nullable=False),
        sa.Column("authors", sa.Integer(), nullable=False),
    )
    op.create_index("ix_phenomenon_rule", "phenomenon", ["rule"])
