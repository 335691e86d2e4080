"""Let an attempt be decided and exported under several decision sets, and a partition say which one it shows."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

EXPORT = "attempt_id, decision_set_id, out_uri, name, uri, rows, sha256, size, export_fingerprint, created_at"
OLD_EXPORT = "attempt_id, out_uri, name, uri, rows, sha256, size, export_fingerprint, created_at"


def upgrade() -> None:
    """Change the tables; the views are dropped before and made anew afterwards."""
    _create_decided()
    op.execute(
        "INSERT INTO decided_attempt "
        "SELECT id, decision_set_id, n_kept, n_dropped, n_quarantined, mismatch, ended_at FROM attempt "
        "WHERE status = 'committed' AND decision_set_id IS NOT NULL"
    )
    op.drop_column("attempt", "mismatch")
    op.add_column("partition", sa.Column("shown_decision_set_id", sa.Integer(), nullable=True))
    op.execute(
        "UPDATE partition SET shown_decision_set_id = "
        "(SELECT decision_set_id FROM attempt WHERE attempt.id = partition.committed_attempt_id)"
    )
    op.execute(
        "CREATE TABLE moved_export AS SELECT export.*, attempt.decision_set_id "
        "FROM export JOIN attempt ON attempt.id = export.attempt_id"
    )
    op.drop_table("export")
    _create_export(of_sets=True)
    op.execute(f"INSERT INTO export ({EXPORT}) SELECT {EXPORT} FROM moved_export")
    op.drop_table("moved_export")


def downgrade() -> None:
    """Change them back: of decisions made again only those of the committed attempts' own sets are known then."""
    op.execute(
        "CREATE TABLE moved_export AS SELECT export.* FROM export "
        "JOIN attempt ON attempt.id = export.attempt_id AND attempt.decision_set_id = export.decision_set_id"
    )
    op.drop_table("export")
    _create_export(of_sets=False)
    op.execute(f"INSERT INTO export ({OLD_EXPORT}) SELECT {OLD_EXPORT} FROM moved_export")
    op.drop_table("moved_export")
    op.drop_column("partition", "shown_decision_set_id")
    op.add_column("attempt", sa.Column("mismatch", sa.JSON(none_as_null=True), nullable=True))
    op.execute(
        "UPDATE attempt SET mismatch = (SELECT mismatch FROM decided_attempt "
        "WHERE attempt_id = attempt.id AND decided_attempt.decision_set_id = attempt.decision_set_id)"
    )
    op.drop_table("decided_attempt")


def _create_decided() -> None:
    op.create_table(
        "decided_attempt",
        sa.Column("attempt_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("decision_set_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("n_kept", sa.Integer(), nullable=False),
        sa.Column("n_dropped", sa.Integer(), nullable=False),
        sa.Column("n_quarantined", sa.Integer(), nullable=False),
        sa.Column("mismatch", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempt.id"], name=op.f("fk_decided_attempt_attempt_id_attempt")),
        sa.ForeignKeyConstraint(
            ["decision_set_id"], ["decision_set.id"], name=op.f("fk_decided_attempt_decision_set_id_decision_set")
        ),
        sa.PrimaryKeyConstraint("attempt_id", "decision_set_id", name=op.f("pk_decided_attempt")),
    )


def _create_export(*, of_sets: bool) -> None:
    decision_set = [
        sa.Column("decision_set_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["decision_set_id"], ["decision_set.id"], name=op.f("fk_export_decision_set_id_decision_set")
        ),
    ]
    op.create_table(
        "export",
        sa.Column("attempt_id", sa.Integer(), nullable=False),
        *(decision_set if of_sets else []),
        sa.Column("out_uri", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("export_fingerprint", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempt.id"], name=op.f("fk_export_attempt_id_attempt")),
        sa.PrimaryKeyConstraint(
            *(["attempt_id", "decision_set_id"] if of_sets else ["attempt_id"]),
            "out_uri",
            "name",
            name=op.f("pk_export"),
        ),
    )
