"""Keep what people say of pairs, and why and by whom a policy's version was saved."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the tables; the views are dropped before and made anew afterwards."""
    op.add_column("policy", sa.Column("note", sa.Text(), nullable=True))
    op.add_column("policy", sa.Column("made_by", sa.Text(), nullable=True))
    op.create_table(
        "label",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("dataset_id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("good", sa.Boolean(), nullable=False),
        sa.Column("drawn", sa.Boolean(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["dataset_id"], ["dataset.id"], name=op.f("fk_label_dataset_id_dataset")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_label")),
    )
    op.create_index(op.f("ix_label_dataset_id_label_uid"), "label", ["dataset_id", "uid"], unique=False)


def downgrade() -> None:
    """Change them back; what was said of pairs is lost."""
    op.drop_index(op.f("ix_label_dataset_id_label_uid"), table_name="label")
    op.drop_table("label")
    op.drop_column("policy", "made_by")
    op.drop_column("policy", "note")
