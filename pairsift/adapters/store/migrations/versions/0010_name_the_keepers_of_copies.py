"""Name with a decision the pair's group of copies, and the pair that is kept in its place."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the tables; the views are dropped before and made anew afterwards."""
    op.add_column("decision", sa.Column("duplicate_group", sa.Text(), nullable=True))
    op.add_column("decision", sa.Column("duplicate_of", sa.Text(), nullable=True))


def downgrade() -> None:
    """Change them back."""
    op.drop_column("decision", "duplicate_of")
    op.drop_column("decision", "duplicate_group")
