"""Record what was measured of a model before it was used, such as how far its scores shift in int8."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the tables; the views are dropped before and made anew afterwards."""
    op.add_column("model", sa.Column("facts", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    """Change them back."""
    op.drop_column("model", "facts")
