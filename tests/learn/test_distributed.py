"""Training by several processes, started by torchrun."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import seehear
from colours import write_colours
from subprocesses import SUPPORT, source_environment

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


def torchrun(*arguments: str | Path, timeout_s: float = 900) -> subprocess.CompletedProcess[str]:
    environment = source_environment(SUPPORT, OMP_NUM_THREADS="1")
    command = [*TORCHRUN, *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=timeout_s, check=False)


@pytest.mark.slow
def test_processes_get_the_same_gradients_and_weights(tmp_path: Path) -> None:
    done = torchrun(SUPPORT / "training_together.py", tmp_path)
    assert done.returncode == 0, done.stderr
    leader, helper = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2))
    assert (leader["size"], leader["steps"]) == (helper["size"], helper["steps"]) == (2, 6)
    for name in ("loss", "both", "one", "neither", "weights"):
        assert leader[name] == helper[name], name
    assert leader["loss"] == pytest.approx(0.25 * 10)
    assert leader["both"] == pytest.approx([0.75 + 0.25 * 4] * 6)
    assert leader["one"] == pytest.approx([0.25 * 8] * 6)
    assert leader["neither"] is None
    assert leader["ended"] == "no bundle is made here"
    assert helper["ended"] == "the training failed in the first process, which says why"


@pytest.mark.slow
def test_torchrun_trains_a_model_as_one_process_does(tmp_path: Path) -> None:
    data = write_colours(tmp_path / "colours", 24)
    out = tmp_path / "colours.seehear"
    done = torchrun("-m", "--", "seehear", "train", data, "-o", out, "--steps", "12", "--start", "none", "--seed", "3")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Saved") == 1
    assert not out.with_name(f"{out.name}.run").exists()
    recogniser = seehear.load(out)
    assert recogniser.recipe.training.steps == 12
    found = [recogniser.predict(data / name / "0.png").answer.names[0] for name in ("blue", "red")]
    assert found == ["blue", "red"]


@pytest.mark.slow
def test_an_error_is_said_once_and_ends_all_processes(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = torchrun("-m", "--", "seehear", "train", tmp_path / "empty", "-o", tmp_path / "a.seehear")
    assert done.returncode != 0
    assert done.stderr.count("seehear: ") == 2
    assert "seehear: the training failed in the first process, which says why" in done.stderr
