"""Measure pictures with the text in them masked."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the table; the views are dropped before and made anew afterwards."""
    op.add_column("score", sa.Column("pair_alignment_masked", sa.Double(), nullable=True))


def downgrade() -> None:
    """Change it back."""
    op.drop_column("score", "pair_alignment_masked")
