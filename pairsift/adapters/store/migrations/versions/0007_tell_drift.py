"""Keep statistics of every committed attempt, reference windows, and how attempts compare with them."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the tables; the views are dropped before and made anew afterwards."""
    op.create_table(
        "statistics",
        sa.Column("attempt_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("tested", sa.Integer(), nullable=False),
        sa.Column("above_half", sa.Integer(), nullable=False),
        sa.Column("signals", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempt.id"], name=op.f("fk_statistics_attempt_id_attempt")),
        sa.PrimaryKeyConstraint("attempt_id", name=op.f("pk_statistics")),
    )
    op.create_table(
        "reference_window",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("dataset_id", sa.Integer(), nullable=False),
        sa.Column("score_fingerprint", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("decision_set_id", sa.Integer(), nullable=True),
        sa.Column("partitions", sa.JSON(), nullable=False),
        sa.Column("pairs", sa.BigInteger(), nullable=False),
        sa.Column("kept", sa.BigInteger(), nullable=True),
        sa.Column("tested", sa.BigInteger(), nullable=False),
        sa.Column("above_half", sa.BigInteger(), nullable=False),
        sa.Column("signals", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["dataset_id"], ["dataset.id"], name=op.f("fk_reference_window_dataset_id_dataset")),
        sa.ForeignKeyConstraint(
            ["decision_set_id"], ["decision_set.id"], name=op.f("fk_reference_window_decision_set_id_decision_set")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reference_window")),
        sa.UniqueConstraint(
            "dataset_id",
            "score_fingerprint",
            "number",
            name=op.f("uq_reference_window_dataset_id_score_fingerprint_number"),
        ),
    )
    op.create_table(
        "drift",
        sa.Column("attempt_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("window_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempt.id"], name=op.f("fk_drift_attempt_id_attempt")),
        sa.ForeignKeyConstraint(["window_id"], ["reference_window.id"], name=op.f("fk_drift_window_id_reference_window")),
        sa.PrimaryKeyConstraint("attempt_id", "window_id", name=op.f("pk_drift")),
    )


def downgrade() -> None:
    """Change them back."""
    op.drop_table("drift")
    op.drop_table("reference_window")
    op.drop_table("statistics")
