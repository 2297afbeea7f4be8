"""Precision and threads: the fastest choice is found by timing, and found again when the speed changes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from seehear.learn.loop.execution import Autotuner, Execution, candidate_executions, use_execution
from seehear.recipe import Training

CPU = torch.device("cpu")
TWO, ONE = Execution("float32", 2), Execution("float32", 1)
FAST = Execution("bfloat16", 2)
CHOICES = [TWO, ONE, FAST]


def go(tuner: Autotuner, steps: int, cost: Callable[[Execution, int], float]) -> list[Execution]:
    """The executions that these steps used, with batches of several sizes."""
    used = []
    for step in range(steps):
        used.append(tuner.current)
        work = 1.0 + step % 3
        tuner.record(work * cost(tuner.current, step), work)
    return used


@pytest.mark.parametrize("fastest", CHOICES, ids=str)
def test_the_fastest_is_found(fastest: Execution) -> None:
    used = go(Autotuner(CHOICES), 40, lambda execution, _: 1.0 if execution == fastest else 1.2)
    assert set(used[:12]) == set(CHOICES) and set(used[12:]) == {fastest}


def test_the_first_step_of_each_is_not_counted_as_it_builds_kernels() -> None:
    built: set[Execution] = set()

    def cost(execution: Execution, _: int) -> float:
        first = execution not in built
        built.add(execution)
        return (5.0 if execution == ONE and first else 0.0) + (1.0 if execution == ONE else 1.2)

    assert go(Autotuner(CHOICES), 20, cost)[-1] == ONE


def test_a_much_slower_choice_is_given_up_early() -> None:
    used = go(Autotuner(CHOICES), 20, lambda execution, _: 9.0 if execution == FAST else 1.0)
    assert used.count(FAST) == 2


def test_choices_are_timed_again_when_the_speed_changes() -> None:
    def cost(execution: Execution, step: int) -> float:
        busy = step > 30  # another program takes a core
        return (3.0 if busy else 1.0) if execution == TWO else 1.6

    used = go(Autotuner([TWO, ONE]), 200, cost)
    assert used[30] == TWO and used[-1] == ONE


def test_timing_takes_little_time_while_the_speed_is_steady() -> None:
    used = go(Autotuner(CHOICES), 4000, lambda execution, _: 1.0 if execution == TWO else 1.3)
    assert 0.02 < 1 - used.count(TWO) / len(used) < 0.08


def test_bfloat16_can_be_dropped() -> None:
    tuner = Autotuner(CHOICES)
    go(tuner, 15, lambda execution, _: 1.0 if execution == FAST else 2.0)
    tuner.drop_bfloat16()
    assert FAST not in go(tuner, 30, lambda *_: 1.0)


def test_a_run_with_given_steps_has_one_execution() -> None:
    training = Training(minutes=1, steps=5, batch=8, learning_rate=0.01)
    (only,) = candidate_executions(training, CPU)
    assert only == Execution("float32", torch.get_num_threads())
    (only,) = candidate_executions(training.model_copy(update={"precision": "bfloat16"}), CPU)
    assert only.precision == "bfloat16"


def test_a_timed_run_may_use_one_thread_or_all_in_the_given_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    training = Training(minutes=1, batch=8, learning_rate=0.01, precision="float32")
    assert candidate_executions(training, CPU) == [Execution("float32", 2), Execution("float32", 1)]


def test_the_number_of_threads_is_restored() -> None:
    before = torch.get_num_threads()
    with use_execution(ONE, CPU):
        assert torch.get_num_threads() == 1 and not torch.is_autocast_enabled("cpu")
    with use_execution(FAST, CPU):
        assert torch.get_num_threads() == 2 and torch.is_autocast_enabled("cpu")
    assert torch.get_num_threads() == before
