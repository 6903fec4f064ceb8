"""How many people write in a source, up to the threshold."""

import sqlalchemy as sa
from alembic import op

from stream.database import WORDS

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "source_author",
        sa.Column("source", WORDS, primary_key=True),
        sa.Column("digest", WORDS, primary_key=True),
        sa.Column("seen", sa.BigInteger(), nullable=False),
    )
