"""Measure file size, percentiles of brightness, chroma, and the consistency of a caption with what its image shows."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

COLUMNS: dict[str, TypeEngine[int] | TypeEngine[float]] = {
    "image_bytes": sa.Integer(),
    "image_brightness_p5": sa.Double(),
    "image_brightness_p99": sa.Double(),
    "image_chroma": sa.Double(),
    "text_semantic_consistency": sa.Double(),
}


def upgrade() -> None:
    """Change the tables; the views are dropped before and made anew afterwards."""
    for name, kind in COLUMNS.items():
        op.add_column("score", sa.Column(name, kind, nullable=True))


def downgrade() -> None:
    """Change them back."""
    for name in reversed(COLUMNS):
        op.drop_column("score", name)
