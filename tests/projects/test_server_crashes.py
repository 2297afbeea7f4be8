"""Nothing is lost or damaged when the server, its workers and its trainings are killed, and all of it resumes."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.server_kills import Told, kill_servers
from made_projects import make_dark_and_bright
from pretended_training import dark_or_bright
from seehear.runtime.bundle import write_bundle

KILLS = 12


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs SIGKILL, fork and /proc")
def test_what_was_answered_survives_kills_of_the_server_its_workers_and_jobs(tmp_path: Path) -> None:
    make_dark_and_bright(tmp_path / "home").close()
    write_bundle(tmp_path / "model.seehear", dark_or_bright())
    told = Told()
    killed = list(kill_servers(tmp_path / "home", tmp_path / "model.seehear", KILLS, seed=0, told=told))
    assert len(killed) == KILLS and len(Counter(killed)) > 1
    assert told.files and told.trainings
