"""The first tables."""

import sqlalchemy as sa
from alembic import op

from stream.database import WHOLE, WORDS

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "gap",
        sa.Column("source", WORDS, primary_key=True),
        sa.Column("start", sa.BigInteger(), primary_key=True),
        sa.Column("end", sa.BigInteger(), nullable=False),
        sa.Column("why", WORDS, nullable=False),
    )
    op.create_table(
        "cursor",
        sa.Column("source", WORDS, primary_key=True),
        sa.Column("value", WORDS, nullable=False),
    )
    op.create_table(
        "run",
        sa.Column("number", WHOLE, primary_key=True),
        sa.Column("source", WORDS, nullable=False),
        sa.Column("started", sa.BigInteger(), nullable=False),
        sa.Column("ended", sa.BigInteger()),
        sa.Column("read", WHOLE, nullable=False),
        sa.Column("appended", WHOLE, nullable=False),
        sa.Column("outcome", WORDS, nullable=False),
    )
    op.create_index("ix_run_source", "run", ["source"])
    op.create_table(
        "seen",
        sa.Column("source", WORDS, primary_key=True),
        sa.Column("id", WORDS, primary_key=True),
        sa.Column("content_hash", WORDS, nullable=False),
        sa.Column("first_observed", sa.BigInteger(), nullable=False),
        sa.Column("rev", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_seen_until", "seen", ["until"])
    op.create_table(
        "access",
        sa.Column("number", WHOLE, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", WORDS, nullable=False),
        sa.Column("purpose", WORDS, nullable=False),
        sa.Column("action", WORDS, nullable=False),
        sa.Column("outcome", WORDS, nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("previous", WORDS, nullable=False),
        sa.Column("digest", WORDS, nullable=False),
    )
    op.create_table(
        "erased_author",
        sa.Column("author", WORDS, primary_key=True),
        sa.Column("up_to_rev", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "erased_post",
        sa.Column("id", WORDS, primary_key=True),
        sa.Column("up_to_version", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "register",
        sa.Column("number", WHOLE, primary_key=True),
        sa.Column("source", WORDS, nullable=False),
        sa.Column("owner", WORDS, nullable=False),
        sa.Column("purpose", WORDS, nullable=False),
        sa.Column("basis", WORDS, nullable=False),
        sa.Column("dpia", WORDS, nullable=False),
        sa.Column("obtained", WORDS, nullable=False),
        sa.Column("organisation", sa.Boolean(), nullable=False),
        sa.Column("officer", WORDS, nullable=False),
        sa.Column("opened", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("closed", sa.BigInteger()),
    )
    op.create_index("ix_register_source", "register", ["source"])
    op.create_table(
        "generation",
        sa.Column("number", WHOLE, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("digest", WORDS, nullable=False),
    )
