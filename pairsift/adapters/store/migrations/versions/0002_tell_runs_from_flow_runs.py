"""Record runs, and tell an attempt's run from its partition's own flow run."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the tables; the views are dropped before and made anew afterwards.

    Until now `flow_run_id` held the parent flow's id: it moves to where it belongs. Nobody recorded the partitions' own.
    """
    op.create_table(
        "run",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("dataset_id", sa.Integer(), nullable=False),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["dataset_id"], ["dataset.id"], name=op.f("fk_run_dataset_id_dataset")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
    )
    op.add_column("attempt", sa.Column("run_id", sa.Text(), nullable=True))
    op.create_index(op.f("ix_attempt_run_id"), "attempt", ["run_id"])
    op.execute("UPDATE attempt SET run_id = flow_run_id, flow_run_id = NULL")


def downgrade() -> None:
    """Change them back."""
    op.execute("UPDATE attempt SET flow_run_id = run_id")
    op.drop_index(op.f("ix_attempt_run_id"), "attempt")
    # Not as a batch: that copies the table on SQLite, and the copy's original cannot be dropped while others refer to it.
    op.drop_column("attempt", "run_id")
    op.drop_table("run")
