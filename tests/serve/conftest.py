"""What tests of the server share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where the server keeps projects."""
    return tmp_path / "projects"
