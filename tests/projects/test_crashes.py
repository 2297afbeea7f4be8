"""Nothing is lost of what was answered, whenever the process is killed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.project_kills import kill_writers
from made_projects import make_project

KILLS = 60


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL and fork")
def test_what_was_answered_survives_a_kill(tmp_path: Path) -> None:
    make_project(tmp_path / "home").close()
    (tmp_path / "pictures").mkdir()
    answered = list(kill_writers(tmp_path / "home", tmp_path / "pictures", KILLS, seed=0))
    assert len(answered) == KILLS
    assert sum(answered) > KILLS
