"""Accounts, sessions and what readers of the dashboard save; the access log by who did what."""

import sqlalchemy as sa
from alembic import op

from stream.database import WHOLE, WORDS

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("name", WORDS, primary_key=True),
        sa.Column("password", WORDS, nullable=False),
        sa.Column("roles", WORDS, nullable=False),
        sa.Column("created", WHOLE, nullable=False),
        sa.Column("removed", WHOLE),
    )
    op.create_table(
        "session",
        sa.Column("digest", WORDS, primary_key=True),
        sa.Column("account", WORDS, nullable=False),
        sa.Column("way", WORDS, nullable=False),
        sa.Column("purpose", WORDS),
        sa.Column("started", WHOLE, nullable=False),
        sa.Column("seen", WHOLE, nullable=False),
        sa.Column("until", WHOLE, nullable=False),
    )
    op.create_index("ix_session_account", "session", ["account"])
    op.create_table(
        "link",
        sa.Column("digest", WORDS, primary_key=True),
        sa.Column("account", WORDS, nullable=False),
        sa.Column("until", WHOLE, nullable=False),
    )
    op.create_table(
        "stored_query",
        sa.Column("id", WORDS, primary_key=True),
        sa.Column("words", WORDS, nullable=False),
        sa.Column("account", WORDS, nullable=False),
        sa.Column("created", WHOLE, nullable=False),
    )
    op.create_table(
        "saved_search",
        sa.Column("id", WORDS, primary_key=True),
        sa.Column("account", WORDS, nullable=False),
        sa.Column("title", WORDS, nullable=False),
        sa.Column("query", WORDS, nullable=False),
        sa.Column("note", WORDS, nullable=False),
        sa.Column("until", WHOLE, nullable=False),
        sa.Column("created", WHOLE, nullable=False),
    )
    op.create_index("ix_saved_search_account", "saved_search", ["account"])
    op.create_index("ix_access_actor_action_at", "access", ["actor", "action", "at"])
