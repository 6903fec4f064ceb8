"""Whether a source answered and could be read, since when its warnings hold, and when a post was
added to the re-check vault.
"""

import sqlalchemy as sa
from alembic import op

from stream.database import WHOLE

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("condition", sa.Column("unanswered", WHOLE))
    op.add_column("condition", sa.Column("unread", WHOLE))
    op.add_column("reference", sa.Column("added", WHOLE))
    # They had no date: the next run says again what still holds.
    condition = sa.table("condition", sa.column("warnings"))
    op.execute(condition.update().values(warnings=None))
