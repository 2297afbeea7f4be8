"""Training and prediction on a cluster of two nodes, by way of Ray's client."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ray_nodes
import seehear
import tiny
from colours import write_colours
from seehear.runtime.bundle import write_bundle
from subprocesses import source_environment

pytest.importorskip("ray")
pytest.importorskip("grpc")  # which Ray's client needs
pytestmark = pytest.mark.slow

TIMEOUT_S = 900


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A function that runs seehear on the cluster, in a folder."""
    home = tmp_path_factory.mktemp("home")
    environment = source_environment(
        HOME=str(home),
        SEEHEAR_CACHE=str(home / "cache"),
        RAY_USAGE_STATS_ENABLED="0",
        RAY_AUTH_MODE="token",
        RAY_AUTH_TOKEN=secrets.token_hex(32),
    )
    nodes = subprocess.Popen(
        [sys.executable, ray_nodes.__file__, "2"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert nodes.stdout is not None
    port = int(nodes.stdout.readline())

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [*map(str, arguments), "--on", f"ray://127.0.0.1:{port}", "--workers", "2"]
        return subprocess.run(
            [sys.executable, "-m", "seehear", *command],
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )

    yield run
    nodes.communicate(timeout=TIMEOUT_S)  # ends its input


def test_two_nodes_predict(cluster: Any, tmp_path: Path) -> None:
    write_bundle(tmp_path / "tiny.seehear", tiny.bundle("image"))
    data = write_colours(tmp_path / "colours", 150)
    done = cluster("predict", tmp_path / "tiny.seehear", data, "--out", tmp_path / "answers")
    assert done.returncode == 0, done.stderr
    answers = [
        json.loads(line)
        for part in sorted((tmp_path / "answers").glob("part-*"))
        for line in part.read_text().splitlines()
    ]
    expected = [each.to_json() for each in seehear.load(tmp_path / "tiny.seehear").predict(data)]
    assert [(each["input"], each["answer"]) for each in answers] == [
        (each["input"], each["answer"]) for each in expected
    ]


def test_two_nodes_train_one_model(cluster: Any, tmp_path: Path) -> None:
    data, out = write_colours(tmp_path / "colours", 24), tmp_path / "colours.seehear"
    done = cluster("train", data, "-o", out, "--steps", "30", "--start", "none")
    assert done.returncode == 0, done.stderr
    assert seehear.load(out).recipe.training.steps == 30
