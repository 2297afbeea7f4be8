"""What another version says about a kept answer, and whether it was reviewed without seeing the answer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("predictions", sa.Column("other_number", sa.Integer(), nullable=True))
    op.add_column("predictions", sa.Column("other_cell", sa.Text(), nullable=True))
    op.create_index("ix_predictions_reviewed_at_s", "predictions", ["reviewed_at_s"], unique=False)
    op.add_column("predictions", sa.Column("blind", sa.Boolean(), server_default=sa.false(), nullable=False))
