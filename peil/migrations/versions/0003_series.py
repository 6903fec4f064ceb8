"""The counts that outlive the texts."""

import sqlalchemy as sa
from alembic import op

from stream.database import WHOLE, WORDS

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "volume",
        *(
            sa.Column(name, WORDS, primary_key=True)
            for name in ("partition", "period", "source", "language")
        ),
        sa.Column("posts", WHOLE, nullable=False),
    )
    op.create_table(
        "phenomenon",
        *(
            sa.Column(name, WORDS, primary_key=True)
            for name in ("partition", "period", "rule_version", "language", "sentiment")
        ),
        sa.Column("rule", WORDS, nullable=False),
        sa.Column("posts", WHOLE, nullable=False),
        sa.Column("authors", WHOLE, nullable=False),
    )
    op.create_index("ix_phenomenon_rule", "phenomenon", ["rule"])
