"""The precision and number of threads a network computes with, chosen by timing training steps."""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch

from seehear.amounts import format_count
from seehear.learn.loop.machine import usable_precisions
from seehear.recipe import Precision, Training

TIMED_STEPS = 4  # of each choice; the first is not counted, as it may build kernels
GIVE_UP = 1.5  # times the lowest cost so far: a choice this slow is not timed further
RECENT_STEPS = 16  # the median of their costs shows whether the speed has changed
FASTER, SLOWER = 0.67, 1.5  # times the cost when it was chosen: beyond these, the speed has changed
CHANGED_SHARE, STEADY_SHARE = 0.2, 0.08  # of the time that goes into timing, when the speed has changed and when not


@dataclass(frozen=True)
class Execution:
    """A precision and a number of threads."""

    precision: Precision
    threads: int

    def __str__(self) -> str:
        return f"{self.precision} on {format_count(self.threads, 'thread')}"


@contextmanager
def use_execution(execution: Execution, device: torch.device) -> Iterator[None]:
    """Run the block's forward passes in this precision, and all of it on this many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(execution.threads)
    try:
        with torch.autocast(device.type, torch.bfloat16, enabled=execution.precision == "bfloat16"):
            yield
    finally:
        torch.set_num_threads(before)


def candidate_executions(training: Training, device: torch.device) -> list[Execution]:
    """The choices to time. Only one if the recipe gives a number of steps, as such a run must repeat exactly."""
    all_threads = torch.get_num_threads()
    if device.type == "cuda":
        fast: Precision = "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
        return [Execution(fast if training.precision == "auto" else training.precision, all_threads)]
    if training.precision != "auto":
        precisions = [training.precision]
    else:
        precisions = ["float32"] if training.steps is not None else usable_precisions(device)
    thread_counts = [all_threads] if training.steps is not None else sorted({all_threads, 1}, reverse=True)
    return [Execution(precision, threads) for precision in precisions for threads in thread_counts]


class Autotuner:
    """Finds the fastest of several executions by timing training steps, again when the speed changes.

    Timed steps train the network too, so timing costs only the difference in speed. On two cores shared with other
    programs, one thread is often faster than two. No processor flag says whether bfloat16 is faster, and for which
    networks.
    """

    def __init__(self, choices: Sequence[Execution]) -> None:
        self.choices = list(choices)
        self._start_timing()

    @property
    def current(self) -> Execution:
        """The execution for the next step."""
        return self._untimed[0] if self._untimed else self._chosen

    @property
    def chosen(self) -> Execution | None:
        """The fastest; None while choices are being timed."""
        return None if self._untimed else self._chosen

    def record(self, seconds: float, work: float) -> None:
        """Record the duration of the last step and its amount of work, in any constant unit."""
        if self._untimed:
            self._record_timed(seconds, work)
            return
        self._recent_costs.append(seconds / work)
        self._steady_s += seconds
        if len(self.choices) > 1 and self._steady_s > self._seconds_until_timing():
            self._start_timing()

    def drop_bfloat16(self) -> None:
        """Use float32 from now on."""
        self.choices = list(dict.fromkeys(replace(choice, precision="float32") for choice in self.choices))
        self._start_timing()

    def _start_timing(self) -> None:
        self._untimed = list(self.choices) if len(self.choices) > 1 else []
        self._chosen, self._chosen_cost = self.choices[0], math.nan
        self._costs: dict[Execution, list[float]] = {choice: [] for choice in self.choices}
        self._recent_costs: deque[float] = deque(maxlen=RECENT_STEPS)
        self._timing_s = self._steady_s = 0.0

    def _record_timed(self, seconds: float, work: float) -> None:
        self._timing_s += seconds
        own = self._costs[self.current]
        own.append(seconds / work)
        lowest = {choice: min(costs[1:]) for choice, costs in self._costs.items() if len(costs) > 1}
        if len(own) == TIMED_STEPS or lowest.get(self.current, 0.0) > GIVE_UP * min(lowest.values(), default=math.inf):
            self._untimed.pop(0)
        if not self._untimed:
            self._chosen = min(lowest, key=lambda choice: lowest[choice])
            self._chosen_cost = lowest[self._chosen]

    def _seconds_until_timing(self) -> float:
        if len(self._recent_costs) < RECENT_STEPS:
            return math.inf
        changed = not FASTER < statistics.median(self._recent_costs) / self._chosen_cost < SLOWER
        return self._timing_s / (CHANGED_SHARE if changed else STEADY_SHARE)
