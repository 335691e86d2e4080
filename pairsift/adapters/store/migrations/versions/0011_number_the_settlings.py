"""Number the settlings of a data set, and tell which of an attempt's decisions they confirmed."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the tables; the views are dropped before and made anew afterwards."""
    op.add_column("decided_attempt", sa.Column("settling", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Change them back."""
    op.drop_column("decided_attempt", "settling")
