"""Give a data set its calibrations, and an attempt the estimated share of its mismatched pairs."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the tables; the views are dropped before and made anew afterwards."""
    op.add_column("calibration", sa.Column("sha256", sa.Text(), nullable=True))
    op.add_column("attempt", sa.Column("mismatch", sa.JSON(none_as_null=True), nullable=True))
    op.execute("ALTER TABLE decision_set RENAME COLUMN calibration_rule TO calibration")
    op.create_table(
        "dataset_calibration",
        sa.Column("dataset_id", sa.Integer(), nullable=False),
        sa.Column("score_fingerprint", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("calibration_fingerprint", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["dataset.id"], name=op.f("fk_dataset_calibration_dataset_id_dataset")
        ),
        sa.ForeignKeyConstraint(
            ["calibration_fingerprint"],
            ["calibration.fingerprint"],
            name=op.f("fk_dataset_calibration_calibration_fingerprint_calibration"),
        ),
        sa.PrimaryKeyConstraint(
            "dataset_id", "score_fingerprint", "number", name=op.f("pk_dataset_calibration")
        ),
    )


def downgrade() -> None:
    """Change them back."""
    op.drop_table("dataset_calibration")
    op.execute("ALTER TABLE decision_set RENAME COLUMN calibration TO calibration_rule")
    op.drop_column("attempt", "mismatch")
    op.drop_column("calibration", "sha256")
