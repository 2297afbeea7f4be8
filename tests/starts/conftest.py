"""A separate cache for each test, and a start that is installed where only the test finds it."""

from __future__ import annotations

from pathlib import Path

import pytest

from installed import install_whisper
from seehear.starts import Start


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEEHEAR_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return tmp_path / "site"


@pytest.fixture
def start(site: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    return install_whisper(site, monkeypatch)
