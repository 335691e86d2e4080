"""Keep columns of the source with its pairs, so that policies can go by them."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the tables; the views are dropped before and made anew afterwards."""
    op.add_column("pair", sa.Column("source_columns", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    """Change them back."""
    op.drop_column("pair", "source_columns")
