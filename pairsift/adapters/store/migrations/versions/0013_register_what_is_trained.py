"""Register fusion heads, of which no older version made one, and adapters, by name; and what a head says of a pair."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

TABLES = ("fusion_head", "adapter")


def upgrade() -> None:
    """Change the tables; the views are dropped before and made anew afterwards."""
    op.add_column("score", sa.Column("pair_fusion_match", sa.Double(), nullable=True))
    op.drop_table("fusion_head")
    for table in TABLES:
        op.create_table(
            table,
            sa.Column("id", sa.Integer(), nullable=False),
            sa.Column("name", sa.Text(), nullable=False),
            sa.Column("space", sa.Text(), nullable=False),
            sa.Column("encoder", sa.Text(), nullable=False),
            sa.Column("shape", sa.JSON(), nullable=False),
            sa.Column("data", sa.JSON(), nullable=False),
            sa.Column("metrics", sa.JSON(), nullable=False),
            sa.Column("uri", sa.Text(), nullable=False),
            sa.Column("sha256", sa.Text(), nullable=False),
            sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
            sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
            sa.UniqueConstraint("name", name=op.f(f"uq_{table}_name")),
        )
        op.create_index(op.f(f"ix_{table}_space"), table, ["space"], unique=False)


def downgrade() -> None:
    """Change them back; what was trained is no longer known, its files stay."""
    op.drop_column("score", "pair_fusion_match")
    for table in TABLES:
        op.drop_index(op.f(f"ix_{table}_space"), table_name=table)
        op.drop_table(table)
    op.create_table(
        "fusion_head",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("encoder_fingerprint", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fusion_head")),
        sa.UniqueConstraint("sha256", name=op.f("uq_fusion_head_sha256")),
    )
    op.create_index(op.f("ix_fusion_head_encoder_fingerprint"), "fusion_head", ["encoder_fingerprint"], unique=False)
