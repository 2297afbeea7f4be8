"""Offline, and provably so: a whole life without a network, that leaves nothing where nobody asked for it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import seehear

MINUTES = "0.3"


def _without_network() -> list[str]:
    """The command that runs another one where there is no network; empty where this system has none."""
    command = ["unshare", "--net", "--map-root-user"]
    known = shutil.which("unshare") and subprocess.run([*command, "true"], capture_output=True).returncode == 0
    return command if known else []


@pytest.mark.slow
def test_demo_training_and_prediction_need_no_network_and_write_only_where_they_were_told(tmp_path):
    places = {name: tmp_path / name for name in ("home", "temporary", "here")}
    for place in places.values():
        place.mkdir()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(places["home"]),
        "TMPDIR": str(places["temporary"]),
        "PYTHONPATH": str(Path(seehear.__file__).parents[1]),
        "OMP_NUM_THREADS": "1",
    }

    def run(*arguments: str) -> str:
        command = [*_without_network(), sys.executable, "-m", "seehear", *arguments]
        done = subprocess.run(command, env=environment, cwd=places["here"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    told = run("demo", "--minutes", MINUTES)
    for heading in ("both senses", "sight alone", "hearing alone", "letters and words", "seehear predict"):
        assert heading in told
    run("train", "demo/test.csv", "--minutes", MINUTES, "--senses", "image", "-o", "sight.seehear")
    answers = [json.loads(line) for line in run("predict", "sight.seehear", "demo/unfamiliar", "--json").splitlines()]
    assert len(answers) == 120
    run("evaluate", "demo/digits.seehear", "demo/test.csv", "--report", "report")

    assert sorted(path.name for path in places["here"].iterdir()) == ["demo", "report", "sight.seehear"]
    assert not list(places["home"].rglob("*"))
    # PyTorch makes an empty folder for its compiler there.
    assert not [path for path in places["temporary"].rglob("*") if path.is_file()]
