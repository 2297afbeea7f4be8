"""Training, prediction and evaluation on a local Ray cluster, if Ray is installed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import seehear
from colours import write_colours
from seehear.run_files import MANIFEST
from subprocesses import source_environment

pytest.importorskip("ray")
pytestmark = pytest.mark.slow

TIMEOUT_S = 900


def command(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run seehear with an empty home folder."""
    return _finish(_start(folder, *arguments))


def _start(folder: Path, *arguments: str | Path) -> subprocess.Popen[str]:
    home = folder / "home"
    home.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", "seehear", *map(str, arguments)],
        env=source_environment(HOME=str(home), SEEHEAR_CACHE=str(folder / "cache")),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _finish(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    out, said = process.communicate(timeout=TIMEOUT_S)
    return subprocess.CompletedProcess(process.args, process.returncode, out, said)


def _find_workers(name: str, under: int) -> list[int]:
    """The processes of this name of the cluster that the process started."""
    listed = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in listed.splitlines()[1:]]
    parents = {int(pid): int(parent) for pid, parent, *_ in rows}
    return [int(pid) for pid, _, *rest in rows if rest and name in rest[0] and _descends(int(pid), under, parents)]


def _descends(process: int, ancestor: int, parents: dict[int, int]) -> bool:
    while process in parents and process != ancestor:
        process = parents[process]
    return process == ancestor


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    data = write_colours(folder / "colours", 24)
    out = folder / "colours.seehear"
    done = command(
        folder, "train", data, "-o", out, "--steps", "30", "--start", "none", "--on", "ray", "--workers", "2"
    )
    assert done.returncode == 0, done.stderr
    assert not list((folder / "home").iterdir())  # Ray, too, writes nothing there
    assert {path.name for path in folder.iterdir()} - {"cache"} == {"colours", "colours.seehear", "home"}
    return out


def test_training_on_ray_gives_an_ordinary_model(model: Path) -> None:
    recogniser = seehear.load(model)
    assert recogniser.recipe.training.steps == 30
    right = [
        recogniser.predict(path).answer.names[0] == path.parent.name
        for path in sorted((model.parent / "colours").glob("*/*.png"))
    ]
    assert sum(right) > 0.9 * len(right)


def test_an_error_in_the_data_ends_the_training(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = command(tmp_path, "train", "empty", "-o", "a.seehear", "--on", "ray", "--workers", "2")
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1].startswith("seehear: ")
    assert "empty" in done.stderr.splitlines()[-1]


def test_a_worker_that_is_killed_is_replaced(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "killed.seehear"
    arguments = ("--minutes", "1", "--start", "none", "--on", "ray", "--workers", "2")
    process = _start(tmp_path, "train", model.parent / "colours", "-o", out, *arguments)
    checkpoint = Path(f"{out}.run/checkpoint.safetensors")
    while process.poll() is None and not checkpoint.exists():
        time.sleep(0.2)
    workers = _find_workers("RayTrainWorker", process.pid)
    assert len(workers) == 2
    os.kill(workers[-1], signal.SIGKILL)
    done = _finish(process)
    assert done.returncode == 0, done.stderr
    assert seehear.load(out).recipe.kind == "label"


def test_recipes_are_tried_side_by_side_and_one_that_is_killed_is_tried_again(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "tried.seehear"
    arguments = ("--tries", "3", "--steps", "40", "--start", "none", "--on", "ray", "--workers", "2")
    process = _start(tmp_path, "train", model.parent / "colours", "-o", out, *arguments)
    begun = Path(f"{out}.run/try-1/run", MANIFEST)
    workers: list[int] = []
    while process.poll() is None and not (begun.exists() and len(workers) == 2):
        time.sleep(0.2)
        workers = _find_workers("_try", process.pid)
    assert len(workers) == 2
    os.kill(workers[-1], signal.SIGKILL)
    done = _finish(process)
    assert done.returncode == 0, done.stderr
    assert "recipe 3 of 3" in done.stderr
    tries = seehear.load(out).recipe.tries
    assert tries is not None and len(tries.tried) == 3 and all(each.value is not None for each in tries.tried)
    assert {path.name for path in tmp_path.iterdir()} == {"home", "cache", "tried.seehear"}


@pytest.mark.parametrize("parts", ["jsonl", "parquet"])
def test_answers_are_those_of_one_process(model: Path, parts: str, tmp_path: Path) -> None:
    data, out = model.parent / "colours", tmp_path / "answers"
    done = command(tmp_path, "predict", model, data, "--out", out, "--on", "ray", "--workers", "2", "--parts", parts)
    assert done.returncode == 0, done.stderr
    answers = read_answers(out, parts)
    expected = [each.to_json() for each in seehear.load(model).predict(data)]
    assert [each["input"] for each in answers] == [each["input"] for each in expected]
    assert [each["answer"] for each in answers] == [each["answer"] for each in expected]
    assert json.loads((out / "manifest.json").read_text())["examples"] == len(expected)


def test_killed_workers_and_a_killed_run_lose_and_double_nothing(model: Path, tmp_path: Path) -> None:
    data, out = write_colours(tmp_path / "many", 700), tmp_path / "answers"
    arguments = ("predict", model, data, "--out", out, "--on", "ray", "--workers", "2")
    process = _start(tmp_path, *arguments)
    while process.poll() is None and not list(out.glob("part-*")):
        time.sleep(0.05)
    for worker in _find_workers("MapWorker", process.pid)[:1]:
        os.kill(worker, signal.SIGKILL)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    interrupted = _finish(process)
    done = command(tmp_path, *arguments, "--resume")
    if interrupted.returncode == 0:  # it was done before the signal came
        assert "holds answers of an earlier run" not in done.stderr
    assert done.returncode == 0, done.stderr
    answers = read_answers(out, "jsonl")
    names = sorted(str(path) for path in data.glob("*/*.png"))
    assert sorted(str(each["input"]) for each in answers) == names


def test_an_evaluation_is_that_of_one_process(model: Path, tmp_path: Path) -> None:
    data = model.parent / "colours"
    done = command(tmp_path, "evaluate", model, data, "--on", "ray", "--workers", "2", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    expected = seehear.load(model).evaluate(data).to_json()
    for name in ("accuracy", "coverage"):
        if name in expected:
            assert found[name] == expected[name]


def read_answers(folder: Path, parts: str) -> list[dict[str, object]]:
    files = sorted(folder.glob(f"part-*.{parts}"))
    if parts == "jsonl":
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]
    from pyarrow import parquet

    return [json.loads(row["json"]) for file in files for row in parquet.read_table(file).to_pylist()]
