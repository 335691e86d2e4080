"""Create the first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the tables; the views are dropped before and made anew afterwards."""
    op.create_table(
        "calibration",
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("score_fingerprint", sa.Text(), nullable=False),
        sa.Column("summary", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("pk_calibration")),
    )
    op.create_table(
        "dataset",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("active_decision_set_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dataset")),
        sa.UniqueConstraint("name", name=op.f("uq_dataset_name")),
    )
    op.create_table(
        "decision",
        sa.Column("attempt_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("decision_set_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("alignment_z", sa.Double(), nullable=True),
        sa.Column("alignment_p", sa.Double(), nullable=True),
        sa.Column("alignment_q", sa.Double(), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("rank", sa.Integer(), nullable=True),
        sa.Column("multiplicity", sa.Integer(), nullable=True),
        sa.Column("export_row", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("attempt_id", "decision_set_id", "ordinal", name=op.f("pk_decision")),
        sqlite_with_rowid=False,
    )
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
    with op.batch_alter_table("fusion_head", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_fusion_head_encoder_fingerprint"), ["encoder_fingerprint"], unique=False)

    op.create_table(
        "model",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_model_fingerprint")),
    )
    op.create_table(
        "policy",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy")),
        sa.UniqueConstraint("name", "version", name=op.f("uq_policy_name_version")),
        sa.UniqueConstraint("sha256", name=op.f("uq_policy_sha256")),
    )
    op.create_table(
        "score",
        sa.Column("attempt_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("image_width", sa.Integer(), nullable=True),
        sa.Column("image_height", sa.Integer(), nullable=True),
        sa.Column("image_aspect_ratio", sa.Double(), nullable=True),
        sa.Column("image_sharpness", sa.Double(), nullable=True),
        sa.Column("image_brightness", sa.Double(), nullable=True),
        sa.Column("image_contrast", sa.Double(), nullable=True),
        sa.Column("image_entropy", sa.Double(), nullable=True),
        sa.Column("image_phash", sa.Text(), nullable=True),
        sa.Column("text_characters", sa.Integer(), nullable=True),
        sa.Column("text_words", sa.Integer(), nullable=True),
        sa.Column("text_language", sa.Text(), nullable=True),
        sa.Column("text_language_confidence", sa.Double(), nullable=True),
        sa.Column("text_share_removed", sa.Double(), nullable=True),
        sa.Column("text_filename_likeness", sa.Double(), nullable=True),
        sa.Column("text_url_likeness", sa.Double(), nullable=True),
        sa.Column("text_code_likeness", sa.Double(), nullable=True),
        sa.Column("pair_alignment", sa.Double(), nullable=True),
        sa.Column("baseline_image_quality", sa.Double(), nullable=True),
        sa.Column("baseline_text_quality", sa.Double(), nullable=True),
        sa.Column("baseline_pair_quality", sa.Double(), nullable=True),
        sa.Column("unmeasurable", sa.JSON(), nullable=False),
        sa.Column("extra", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("attempt_id", "ordinal", name=op.f("pk_score")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "decision_set",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("dataset_id", sa.Integer(), nullable=False),
        sa.Column("policy_id", sa.Integer(), nullable=False),
        sa.Column("calibration_rule", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["dataset_id"], ["dataset.id"], name=op.f("fk_decision_set_dataset_id_dataset")),
        sa.ForeignKeyConstraint(["policy_id"], ["policy.id"], name=op.f("fk_decision_set_policy_id_policy")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decision_set")),
        sa.UniqueConstraint(
            "dataset_id",
            "policy_id",
            "calibration_rule",
            name=op.f("uq_decision_set_dataset_id_policy_id_calibration_rule"),
        ),
    )
    op.create_table(
        "partition",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("dataset_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("members", sa.JSON(), nullable=False),
        sa.Column("input_fingerprint", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("committed_attempt_id", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["dataset_id"], ["dataset.id"], name=op.f("fk_partition_dataset_id_dataset")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_partition")),
        sa.UniqueConstraint("dataset_id", "key", name=op.f("uq_partition_dataset_id_key")),
    )
    with op.batch_alter_table("partition", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_partition_committed_attempt_id"), ["committed_attempt_id"], unique=False)

    op.create_table(
        "attempt",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("partition_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("boot_id", sa.Text(), nullable=True),
        sa.Column("pid_namespace", sa.Text(), nullable=True),
        sa.Column("process_start", sa.BigInteger(), nullable=True),
        sa.Column("flow_run_id", sa.Text(), nullable=True),
        sa.Column("config_hash", sa.Text(), nullable=False),
        sa.Column("versions", sa.JSON(), nullable=False),
        sa.Column("input_fingerprint", sa.Text(), nullable=False),
        sa.Column("score_fingerprint", sa.Text(), nullable=False),
        sa.Column("decision_fingerprint", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("dtype", sa.Text(), nullable=False),
        sa.Column("decision_set_id", sa.Integer(), nullable=True),
        sa.Column("calibration_fingerprint", sa.Text(), nullable=True),
        sa.Column("chunks", sa.JSON(), nullable=True),
        sa.Column("n_read", sa.Integer(), nullable=True),
        sa.Column("n_kept", sa.Integer(), nullable=True),
        sa.Column("n_dropped", sa.Integer(), nullable=True),
        sa.Column("n_quarantined", sa.Integer(), nullable=True),
        sa.Column("damage", sa.JSON(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["calibration_fingerprint"],
            ["calibration.fingerprint"],
            name=op.f("fk_attempt_calibration_fingerprint_calibration"),
        ),
        sa.ForeignKeyConstraint(
            ["decision_set_id"], ["decision_set.id"], name=op.f("fk_attempt_decision_set_id_decision_set")
        ),
        sa.ForeignKeyConstraint(["partition_id"], ["partition.id"], name=op.f("fk_attempt_partition_id_partition")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempt")),
        sa.UniqueConstraint("partition_id", "number", name=op.f("uq_attempt_partition_id_number")),
    )
    with op.batch_alter_table("attempt", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_attempt_flow_run_id"), ["flow_run_id"], unique=False)

    op.create_table(
        "attempt_model",
        sa.Column("attempt_id", sa.Integer(), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempt.id"], name=op.f("fk_attempt_model_attempt_id_attempt")),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"], name=op.f("fk_attempt_model_model_id_model")),
        sa.PrimaryKeyConstraint("attempt_id", "model_id", name=op.f("pk_attempt_model")),
    )
    op.create_table(
        "chunk",
        sa.Column("partition_id", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempt.id"], name=op.f("fk_chunk_attempt_id_attempt")),
        sa.ForeignKeyConstraint(["partition_id"], ["partition.id"], name=op.f("fk_chunk_partition_id_partition")),
        sa.PrimaryKeyConstraint("partition_id", "fingerprint", name=op.f("pk_chunk")),
    )
    op.create_table(
        "export",
        sa.Column("attempt_id", sa.Integer(), nullable=False),
        sa.Column("out_uri", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("export_fingerprint", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempt.id"], name=op.f("fk_export_attempt_id_attempt")),
        sa.PrimaryKeyConstraint("attempt_id", "out_uri", "name", name=op.f("pk_export")),
    )
    op.create_table(
        "pair",
        sa.Column("attempt_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("source_uid", sa.Text(), nullable=True),
        sa.Column("source_uri", sa.Text(), nullable=True),
        sa.Column("byte_offset", sa.BigInteger(), nullable=True),
        sa.Column("byte_size", sa.BigInteger(), nullable=True),
        sa.Column("image_sha256", sa.Text(), nullable=True),
        sa.Column("raw_caption", sa.Text(), nullable=True),
        sa.Column("caption", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempt.id"], name=op.f("fk_pair_attempt_id_attempt")),
        sa.PrimaryKeyConstraint("attempt_id", "ordinal", name=op.f("pk_pair")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("pair", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_pair_key"), ["key"], unique=False)
        batch_op.create_index(batch_op.f("ix_pair_uid"), ["uid"], unique=False)


def downgrade() -> None:
    """Change them back."""
    with op.batch_alter_table("pair", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_pair_uid"))
        batch_op.drop_index(batch_op.f("ix_pair_key"))

    op.drop_table("pair")
    op.drop_table("export")
    op.drop_table("chunk")
    op.drop_table("attempt_model")
    with op.batch_alter_table("attempt", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_attempt_flow_run_id"))

    op.drop_table("attempt")
    with op.batch_alter_table("partition", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_partition_committed_attempt_id"))

    op.drop_table("partition")
    op.drop_table("decision_set")
    op.drop_table("score")
    op.drop_table("policy")
    op.drop_table("model")
    with op.batch_alter_table("fusion_head", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_fusion_head_encoder_fingerprint"))

    op.drop_table("fusion_head")
    op.drop_table("decision")
    op.drop_table("dataset")
    op.drop_table("calibration")
