"""Name evaluation sets, and hold with a decision which member of one its pair is."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the tables; the views are dropped before and made anew afterwards."""
    op.add_column("decision", sa.Column("evaluation_match", sa.Text(), nullable=True))
    op.add_column("decision", sa.Column("evaluation_distance", sa.Double(), nullable=True))
    op.create_table(
        "evaluation_set",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("score_fingerprint", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluation_set")),
    )
    name = op.f("ix_evaluation_set_name_evaluation_set_score_fingerprint")
    op.create_index(name, "evaluation_set", ["name", "score_fingerprint"])


def downgrade() -> None:
    """Change them back."""
    op.drop_table("evaluation_set")
    op.drop_column("decision", "evaluation_distance")
    op.drop_column("decision", "evaluation_match")
