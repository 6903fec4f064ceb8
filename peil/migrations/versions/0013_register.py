"""Who opened a source, and for which platforms."""

import sqlalchemy as sa
from alembic import op

from stream.database import WORDS

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("register", sa.Column("platforms", WORDS))
    op.add_column("register", sa.Column("opened_by", WORDS))
