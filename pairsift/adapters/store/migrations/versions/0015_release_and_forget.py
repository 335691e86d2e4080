"""Name releases, with what they are made of; and keep out what was taken down."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the tables; none that is there is touched."""
    op.create_table(
        "release",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("dataset_id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("manifest", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["dataset_id"], ["dataset.id"], name=op.f("fk_release_dataset_id_dataset")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_release")),
        sa.UniqueConstraint("name", name=op.f("uq_release_name")),
    )
    owners = {"partition_id": "partition", "attempt_id": "attempt", "decision_set_id": "decision_set"}
    op.create_table(
        "release_partition",
        sa.Column("release_id", sa.Integer(), nullable=False),
        *(sa.Column(column, sa.Integer(), nullable=False) for column in owners),
        *(
            sa.ForeignKeyConstraint([column], [f"{table}.id"], name=op.f(f"fk_release_partition_{column}_{table}"))
            for column, table in {"release_id": "release", **owners}.items()
        ),
        sa.PrimaryKeyConstraint("release_id", "partition_id", name=op.f("pk_release_partition")),
    )
    op.create_table(
        "release_file",
        sa.Column("release_id", sa.Integer(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("withdrawn_at", TIME, nullable=True),
        sa.Column("replaced_by", sa.Text(), nullable=True),
        sa.Column("replaced_sha256", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["release_id"], ["release.id"], name=op.f("fk_release_file_release_id_release")),
        sa.PrimaryKeyConstraint("release_id", "uri", name=op.f("pk_release_file")),
    )
    op.create_table(
        "tombstone",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_tombstone")),
    )
    op.create_table(
        "takedown",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subject", sa.JSON(), nullable=False),
        sa.Column("doomed", sa.JSON(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_takedown")),
    )


def downgrade() -> None:
    """Remove them: what was released is no longer known, and what was taken down no longer kept out."""
    for table in ("takedown", "tombstone", "release_file", "release_partition", "release"):
        op.drop_table(table)
