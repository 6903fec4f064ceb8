"""The counts of versions of rules that are not shown, where they outlive the texts."""

import sqlalchemy as sa
from alembic import op

from stream.database import WHOLE, WORDS

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "shadowed",
        *(
            sa.Column(name, WORDS, primary_key=True)
            for name in ("partition", "period", "rule_version")
        ),
        sa.Column("rule", WORDS, nullable=False),
        sa.Column("posts", WHOLE, nullable=False),
    )
    op.create_index("ix_shadowed_rule", "shadowed", ["rule"])
