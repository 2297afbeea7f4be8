"""Killed at any moment, a training leaves the complete old or new file, and resumes to the same weights."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import safetensors
import safetensors.numpy
import safetensors.torch
import torch

import mortal
import seehear
import tiny
from learning import ANSWER_CELLS, digits_table, recipe_for
from seehear import api
from seehear.answers import ANSWERS
from seehear.datasets import TrainingData
from seehear.errors import DataError, TrainingError, UsageError
from seehear.events import Event, Notice, Started
from seehear.folders import claim_folder
from seehear.learn.run_directory import record_start
from seehear.learn.tracing_process import Tracing
from seehear.runtime.bundle import read_bundle, write_bundle
from seehear.senses.hearing import HEARING
from seehear.table import open_table

LABELS = {"label": [("odd", "even")[i % 2] for i in range(64)]}
# The phases of a run in order; within how many seconds it is killed in each, and how often.
PHASES = {
    "opening": (0.02, 1),
    "checking": (0.02, 1),
    "reading": (0.04, 4),
    "preparing the export": (2.0, 2),
    "training": (0.02, 9),
    "calibrating": (0.02, 4),
    "exporting": (1.5, 3),
    "writing": (0.004, 1),
}
MOST_STEPS = 3  # most training steps to wait for before the kill
REWRITES = 15
PATIENCE_S = 300.0


@pytest.fixture(scope="module")
def nursery() -> Iterator[Any]:
    """Processes forked from a warm one, with one thread each and without a GPU, which does not survive a fork."""
    folders = [str(Path(mortal.__file__).parent), str(Path(seehear.__file__).parents[1])]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(folders))
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("CUDA_VISIBLE_DEVICES", "")
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["pytest", "warmed"])
        yield context


def born(nursery: Any, task: Callable[..., None], *arguments: object) -> tuple[BaseProcess, Connection]:
    here, there = nursery.Pipe(duplex=False)
    process = nursery.Process(target=task, args=(*arguments, there), daemon=True)
    process.start()
    there.close()
    return process, here


def stopped(data: Path, out: Path, patch: pytest.MonkeyPatch, **options: Any) -> list[Event]:
    """Train until all data is read, and interrupt it there -> its output."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    heard: list[Event] = []
    recipe = None if options.get("resume") else recipe_for("label", ("image",), steps=mortal.STEPS)
    with patch.context() as inner, pytest.raises(KeyboardInterrupt):
        inner.setattr("seehear.learn.train.trace_in_background", interrupt)
        api.train(data, out, **({"recipe": recipe} | options), listen=heard.append)
    return heard


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return digits_table(tmp_path / "data", LABELS, ("image",))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "m.seehear"


def test_a_run_resumes_before_its_first_checkpoint(data: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = stopped(data, out, monkeypatch)
    assert first[-1] == Notice(f"The run is kept in {out}.run. Repeat the command with --resume to continue.")
    again = stopped(data, out, monkeypatch, resume=True)
    assert Started("reading", len(LABELS["label"]), "examples") in first
    assert not [event for event in again if isinstance(event, Started)], "what was read is not read again"
    assert any("will take 16 steps" in event.text for event in again if isinstance(event, Notice)), "the recipe is kept"


@pytest.mark.parametrize("left", [[], ["checkpoint.safetensors"]], ids=["no run", "no beginning"])
def test_resuming_needs_a_run(left: list[str], data: Path, out: Path) -> None:
    for name in left:
        _work(out).mkdir()
        (_work(out) / name).write_bytes(b"")
    with pytest.raises(UsageError, match=r"m.seehear.run: there is no run to resume\. Next: train without --resume"):
        api.train(data, out, resume=True)


def test_a_new_run_ignores_the_previous_one(data: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped(data, out, monkeypatch)
    (_work(out) / "checkpoint.safetensors").write_bytes(b"of another run")
    stopped(data, out, monkeypatch)
    assert not (_work(out) / "checkpoint.safetensors").exists()


def touch(data: Path) -> None:
    picture = data.parent / "3.png"
    os.utime(picture, ns=(0, picture.stat().st_mtime_ns + 1))


def relabel(data: Path) -> None:
    data.write_text(data.read_text().replace("0.png,odd", "0.png,even"))


def shorten(data: Path) -> None:
    data.write_text("".join(data.read_text().splitlines(keepends=True)[:-2]))


@pytest.mark.parametrize("change", [touch, relabel, shorten])
def test_a_run_is_not_resumed_with_other_data(
    change: Callable[[Path], None], data: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped(data, out, monkeypatch)
    change(data)
    with pytest.raises(UsageError, match=r"these are not the examples that the run started with.* or train without"):
        api.train(data, out, resume=True)
    assert _resumable(out), "the run is still there, for whoever undoes the change"


def test_a_run_is_not_resumed_with_other_validation_data(
    data: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped(data, out, monkeypatch)
    with pytest.raises(UsageError, match="the run started without held-out examples"):
        api.train(data, out, val=data, resume=True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"minutes": 3.0}, "minutes 1.0, not 3.0"),
        ({"steps": 17}, "steps 16, not 17"),
        ({"seed": 1}, "seed 0, not 1"),
        ({"wrong_at_most": 0.1}, "wrong_at_most not given, not 0.1"),
        ({"recipe": recipe_for("label", ("image",), steps=16).model_copy(update={"width": 8})}, "another recipe"),
    ],
)
def test_a_run_is_not_resumed_with_other_options(
    options: dict[str, Any], words: str, data: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped(data, out, monkeypatch)
    with pytest.raises(
        UsageError, match=f"the run started with .*{words}.* Next: do not give these settings again, or train with"
    ):
        api.train(data, out, resume=True, **options)


@pytest.mark.parametrize("by_recipe", [False, True], ids=["planned", "by a recipe"])
def test_a_run_with_more_text_resumes_with_the_same_command(
    by_recipe: bool, tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = digits_table(tmp_path / "data", {"text": ANSWER_CELLS["text"]}, ("audio",))
    recipe = recipe_for("text", ("audio",), steps=mortal.STEPS) if by_recipe else None
    options = {"recipe": recipe, "text": ["ab ab", "a b"], "steps": mortal.STEPS}
    stopped(data, out, monkeypatch, **options)
    began = json.loads((_work(out) / "run.json").read_text())
    stopped(data, out, monkeypatch, resume=True, **options)
    assert json.loads((_work(out) / "run.json").read_text()) == began


def test_an_archive_is_identified_by_its_contents(tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = digits_table(tmp_path / "data", LABELS, ("image",))
    packed = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", data.parent))
    stopped(packed, out, monkeypatch)
    stopped(packed, out, monkeypatch, resume=True)
    assert len(list((_work(out) / "unpacked").iterdir())) == 1, "what was unpacked before is cleared"
    shutil.copy(data.parent / "1.png", data.parent / "3.png")
    packed = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", data.parent))
    with pytest.raises(UsageError, match="these are not the examples"):
        api.train(packed, out, resume=True)


def test_a_table_with_other_excerpts_is_other_data(tmp_path: Path) -> None:
    table, recipe = tmp_path / "t.csv", tiny.recipe("audio")
    (tmp_path / "a.wav").write_bytes(b"x")

    def begun_with(end_s: str) -> None:
        table.write_text(f"audio,start,end,label\na.wav,1,{end_s},odd\n")
        examples = open_table(table, senses_known=(HEARING,), kinds=tuple(ANSWERS.values()), workspace=tmp_path)
        record_start(tmp_path, recipe, TrainingData(examples))

    begun_with("2.001")
    begun_with("2.001")
    with pytest.raises(UsageError, match="these are not the examples that the run started with"):
        begun_with("2.002")


def test_two_runs_do_not_share_a_folder(data: Path, out: Path) -> None:
    _work(out).mkdir()
    with claim_folder(_work(out)), pytest.raises(UsageError, match=r"m\.seehear\.run: another process is using it"):
        api.train(data, out)


def test_unusable_data_leaves_no_files(tmp_path: Path, out: Path) -> None:
    data = digits_table(tmp_path / "data", {"label": ["same"] * 8}, ("image",))
    with pytest.raises(DataError):
        api.train(data, out)
    assert sorted(tmp_path.iterdir()) == [data.parent]


def test_a_damaged_checkpoint_is_explained(data: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped(data, out, monkeypatch)
    traced: Any = SimpleNamespace(graphs=None, seconds=0.0)
    monkeypatch.setattr("seehear.learn.train.trace_in_background", lambda *_: nullcontext(Tracing(lambda: traced)))
    file = _work(out) / "checkpoint.safetensors"
    nameless = safetensors.torch.save({"w": torch.zeros(1)})
    for content in (b"\xff" * 100, nameless, safetensors.torch.save({"w": torch.zeros(1)}, {"progress": "{"})):
        file.write_bytes(content)
        with pytest.raises(
            TrainingError, match=r"checkpoint.safetensors: the checkpoint cannot be read: .*without --resume"
        ):
            api.train(data, out, resume=True)


@pytest.mark.slow
def test_a_killed_write_leaves_the_old_or_the_new_file(nursery: Any, tmp_path: Path) -> None:
    contents = [tmp_path / "one.seehear", tmp_path / "two.seehear"]
    for i, content in enumerate(contents):
        weights = safetensors.numpy.save({"w": np.full(500_000, i, np.float32)})
        write_bundle(content, replace(tiny.bundle(), weights=weights))
    known = [content.read_bytes() for content in contents]
    folder = tmp_path / "models"
    folder.mkdir()
    write_bundle(folder / "m.seehear", read_bundle(contents[0]))
    found = []
    for _ in range(REWRITES):
        process, said = born(nursery, mortal.rewrite, folder / "m.seehear", contents)
        assert said.poll(PATIENCE_S)
        time.sleep(random.uniform(0, 0.1))
        process.kill()
        process.join()
        found.append(known.index((folder / "m.seehear").read_bytes()))
        assert len(list(folder.iterdir())) <= 2, "a part beside it at most, and none of an earlier kill"
    assert set(found) == {0, 1}


@pytest.mark.slow
def test_a_training_killed_at_any_moment_resumes_to_the_same_weights(nursery: Any, tmp_path: Path) -> None:
    data = digits_table(tmp_path / "data", LABELS, ("image",))
    reference = tmp_path / "reference.seehear"
    process, _said = born(nursery, mortal.train, data, reference, False)
    process.join(PATIENCE_S)
    assert process.exitcode == 0
    weights = read_bundle(reference).weights

    (folder := tmp_path / "killed").mkdir()
    write_bundle(out := folder / "m.seehear", tiny.bundle())
    old, steps = out.read_bytes(), 0
    for phase, (longest_s, times) in PHASES.items():
        for _ in range(times):
            _end_in(phase, nursery, data, out, random.uniform(0, longest_s))
            if out.read_bytes() != old:
                assert read_bundle(out).weights == weights, phase
                break
            steps, before = _steps(out), steps
            assert steps >= before, f"killed while {phase}: a checkpoint was lost"
    process, _said = born(nursery, mortal.train, data, out, _resumable(out))
    process.join(PATIENCE_S)
    assert process.exitcode == 0
    assert read_bundle(out).weights == weights
    assert list(folder.iterdir()) == [out]


def _end_in(phase: str, nursery: Any, data: Path, out: Path, after_s: float) -> None:
    """Train, resuming where the last run was killed, until some time into the phase; then kill it."""
    process, said = born(nursery, mortal.train, data, out, _resumable(out))
    _wait_for(phase, said, out)
    time.sleep(after_s)
    process.kill()
    process.join()
    assert process.exitcode in (-signal.SIGKILL, 0)


def _wait_for(phase: str, said: Connection, out: Path) -> None:
    """Wait until the run is in this phase or a later one."""
    order = list(PHASES)
    now = "opening"
    while order.index(now) < order.index(phase):
        if now == "exporting":
            while not list(out.parent.glob(f".{out.name}*.part")):
                time.sleep(0.001)
            return
        now = _heard(said)
    for _ in range(random.randint(0, MOST_STEPS) if now == phase == "training" else 0):
        _heard(said)


def _heard(said: Connection) -> str:
    """The phase that a process reports."""
    assert said.poll(PATIENCE_S), "nothing was heard for long"
    what, task = said.recv()
    return "exporting" if (what, task) == ("Finished", "calibrating") else str(task)


def _work(out: Path) -> Path:
    return out.with_name(out.name + ".run")


def _resumable(out: Path) -> bool:
    return (_work(out) / "run.json").exists()


def _steps(out: Path) -> int:
    """The step of the checkpoint; 0 without one."""
    path = _work(out) / "checkpoint.safetensors"
    if not path.exists():
        return 0
    with safetensors.safe_open(path, "np") as file:
        assert all(np.isfinite(file.get_tensor(name)).all() for name in file.keys())  # noqa: SIM118 - no mapping
        return int(json.loads(file.metadata()["progress"])["step"])


def _heeds_signals() -> None:
    """As in the foreground. A process in the background or under nohup ignores some signals, and so do its children."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "words"),
    [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "ended by SIGTERM"), (signal.SIGHUP, "ended by SIGHUP")],
)
def test_an_interrupted_training_says_how_to_resume(number: signal.Signals, words: str, data: Path, out: Path) -> None:
    command = [sys.executable, "-m", "seehear", "train", str(data), "-o", str(out), "--minutes", "5"]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(seehear.__file__).parents[1])}
    with subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, text=True, preexec_fn=_heeds_signals
    ) as process:
        end_s = time.monotonic() + PATIENCE_S
        while not (_work(out) / "train" / "index.json").exists() and time.monotonic() < end_s:
            time.sleep(0.05)
        process.send_signal(number)
        _, told = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 128 + number
    lines = told.splitlines()
    assert lines[-2:] == [
        f"The run is kept in {out}.run. Repeat the command with --resume to continue.",
        f"seehear: {words}",
    ]
    assert _resumable(out)
