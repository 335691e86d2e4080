"""Name target sets, and hold with a decision what compares its pair with a reference set."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the tables; the views are dropped before and made anew afterwards."""
    op.add_column("decision", sa.Column("neg_clip_loss", sa.Double(), nullable=True))
    op.add_column("decision", sa.Column("norm_sim", sa.Double(), nullable=True))
    op.create_table(
        "target_set",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("score_fingerprint", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_target_set")),
    )
    op.create_index(op.f("ix_target_set_name_target_set_score_fingerprint"), "target_set", ["name", "score_fingerprint"])


def downgrade() -> None:
    """Change them back."""
    op.drop_table("target_set")
    op.drop_column("decision", "norm_sim")
    op.drop_column("decision", "neg_clip_loss")
