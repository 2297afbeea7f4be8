"""Graphs are traced in a second process; if that fails in any way, in the first one."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from learning import EXAMPLES, dataset_of, recipe_for
from seehear.errors import TrainingError
from seehear.events import Event, Finished, Started
from seehear.learn import traced_graphs, tracing_process
from seehear.learn.export import Graphs
from seehear.learn.model.network import Network
from seehear.learn.traced_graphs import Traced
from seehear.learn.tracing_process import trace_in_background

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only there it forks")
ROWS = np.arange(EXAMPLES)
LARGE = 1 << 20  # bytes, more than a pipe holds
HERE = os.getpid()


@pytest.fixture(autouse=True)
def cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEEHEAR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)


def traced_by(trace: Callable[..., Graphs], folder: Path, patch: pytest.MonkeyPatch) -> tuple[Traced, list[Event]]:
    heard: list[Event] = []
    patch.setattr(traced_graphs, "trace_graphs", trace)
    recipe = recipe_for("label", ("image",))
    with trace_in_background(Network(recipe), dataset_of(recipe, folder), ROWS, heard.append) as tracing:
        first = tracing.wait()
        assert tracing.wait() is first
    return first, heard


def name_process(*_: Any) -> Graphs:
    return Graphs(b"%d" % os.getpid() + b" " * LARGE, None)


def test_another_process_traces_and_fills_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    traced, heard = traced_by(name_process, tmp_path, monkeypatch)
    assert int(traced.graphs.network) != HERE and len(traced.graphs.network) > LARGE
    assert [type(event) for event in heard] == [Started, Finished]
    again, heard = traced_by(name_process, tmp_path, monkeypatch)
    assert again == traced and heard == []


@pytest.mark.parametrize("number", [1, 2])
def test_it_needs_a_second_core(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: number)
    traced, _ = traced_by(name_process, tmp_path, monkeypatch)
    assert (int(traced.graphs.network) == HERE) == (number == 1)


def test_a_core_is_left_to_the_other_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", lambda number: threads.append(number))
    monkeypatch.setattr(traced_graphs, "trace_graphs", wait_for_file(go := tmp_path / "go"))
    recipe = recipe_for("label", ("image",))
    with trace_in_background(Network(recipe), dataset_of(recipe, tmp_path), ROWS, lambda _: None) as tracing:
        tracing.share_cores()
        go.touch()
        tracing.wait()
        tracing.share_cores()
    assert threads == [1, 2, 2]


def wait_for_file(path: Path) -> Callable[..., Graphs]:
    def wait(*_: Any) -> Graphs:
        while not path.exists():
            time.sleep(0.01)
        return name_process()

    return wait


def crash() -> Graphs:
    os.abort()


def hang() -> Graphs:
    time.sleep(1000)
    raise AssertionError


def fail() -> Graphs:
    raise MemoryError


@pytest.mark.parametrize("fault", [crash, hang, fail])
def test_a_process_that_fails_is_replaced(
    fault: Callable[[], Graphs], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracing_process, "LIMIT_S", 0.1)
    traced, _ = traced_by(lambda *_: name_process() if os.getpid() == HERE else fault(), tmp_path, monkeypatch)
    assert int(traced.graphs.network) == HERE


def test_an_error_of_tracing_is_raised_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Graphs:
        raise TrainingError("the runtime would refuse the exported graph")

    with pytest.raises(TrainingError, match="would refuse"):
        traced_by(refuse, tmp_path, monkeypatch)


def test_without_another_process_it_traces_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise BlockingIOError

    monkeypatch.setattr(os, "fork", refuse)
    traced, _ = traced_by(name_process, tmp_path, monkeypatch)
    assert int(traced.graphs.network) == HERE


def test_no_process_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []
    fork = os.fork

    def recorded() -> int:
        started.append(fork())
        return started[-1]

    monkeypatch.setattr(os, "fork", recorded)
    monkeypatch.setattr(traced_graphs, "trace_graphs", lambda *_: hang())
    recipe = recipe_for("label", ("image",))
    with (
        pytest.raises(KeyboardInterrupt),
        trace_in_background(Network(recipe), dataset_of(recipe, tmp_path), ROWS, lambda _: None),
    ):
        raise KeyboardInterrupt
    with pytest.raises(ProcessLookupError):
        os.kill(started[0], 0)
