"""How a network computes: in which precision, on how many threads; chosen by timing the training itself."""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch

from seehear.learn.loop.machine import tried_precisions
from seehear.recipe import Precision, Training

TRIAL_STEPS = 4  # with each execution; the first of them, which may build kernels, does not count
HOPELESS = 1.5  # of the lowest cost so far: a trial ends there
RECENT_STEPS = 16  # whose median tells whether the speed has changed
FASTER, SLOWER = 0.67, 1.5  # of a step's cost when it was chosen: beyond these the speed has changed
CHANGED_SHARE, STEADY_SHARE = 0.2, 0.08  # of the time that trials take, if the speed has changed and if it has not


@dataclass(frozen=True)
class Execution:
    """A precision and a number of threads."""

    precision: Precision
    threads: int

    def __str__(self) -> str:
        return f"{self.precision} on {self.threads} thread{'s' if self.threads > 1 else ''}"


@contextmanager
def computing(execution: Execution, device: torch.device) -> Iterator[None]:
    """Within, forward passes run in this precision and everything on this many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(execution.threads)
    try:
        with torch.autocast(device.type, torch.bfloat16, enabled=execution.precision == "bfloat16"):
            yield
    finally:
        torch.set_num_threads(before)


def executions(training: Training, device: torch.device) -> list[Execution]:
    """Those to choose from: one where the recipe says its steps, as such a run must repeat exactly."""
    most = torch.get_num_threads()
    if device.type == "cuda":
        fast: Precision = "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
        return [Execution(fast if training.precision == "auto" else training.precision, most)]
    if training.precision != "auto":
        precisions = [training.precision]
    else:
        precisions = ["float32"] if training.steps is not None else tried_precisions(device)
    numbers = [most] if training.steps is not None else sorted({most, 1}, reverse=True)
    return [Execution(precision, threads) for precision in precisions for threads in numbers]


class Autotuner:
    """Finds the fastest of several executions by timing training steps, and tries again when the speed changes.

    Every step of a trial trains, so a trial costs only the difference in speed. On two cores that other programs use
    as well, one thread is often faster than two; and no flag says which processors gain from bfloat16, or for which
    networks.
    """

    def __init__(self, choices: Sequence[Execution]) -> None:
        self.choices = list(choices)
        self._begin_trial()

    @property
    def current(self) -> Execution:
        """What the next step should use."""
        return self._untried[0] if self._untried else self._chosen

    @property
    def chosen(self) -> Execution | None:
        """The fastest; None while it is looked for."""
        return None if self._untried else self._chosen

    def took(self, seconds: float, work: float) -> None:
        """Report how long the last step took and how much it computed, in a unit that stays the same."""
        if self._untried:
            self._record(seconds, work)
            return
        self._recent_costs.append(seconds / work)
        self._steady_s += seconds
        if len(self.choices) > 1 and self._steady_s > self._pause_s():
            self._begin_trial()

    def leave_bfloat16(self) -> None:
        """Compute in float32 from now on."""
        self.choices = list(dict.fromkeys(replace(choice, precision="float32") for choice in self.choices))
        self._begin_trial()

    def _begin_trial(self) -> None:
        self._untried = list(self.choices) if len(self.choices) > 1 else []
        self._chosen, self._chosen_cost = self.choices[0], math.nan
        self._costs: dict[Execution, list[float]] = {choice: [] for choice in self.choices}
        self._recent_costs: deque[float] = deque(maxlen=RECENT_STEPS)
        self._trial_s = self._steady_s = 0.0

    def _record(self, seconds: float, work: float) -> None:
        self._trial_s += seconds
        own = self._costs[self.current]
        own.append(seconds / work)
        lowest = {choice: min(costs[1:]) for choice, costs in self._costs.items() if len(costs) > 1}
        if len(own) == TRIAL_STEPS or lowest.get(self.current, 0.0) > HOPELESS * min(lowest.values(), default=math.inf):
            self._untried.pop(0)
        if not self._untried:
            self._chosen = min(lowest, key=lambda choice: lowest[choice])
            self._chosen_cost = lowest[self._chosen]

    def _pause_s(self) -> float:
        """How long to go on before the next trial."""
        if len(self._recent_costs) < RECENT_STEPS:
            return math.inf
        changed = not FASTER < statistics.median(self._recent_costs) / self._chosen_cost < SLOWER
        return self._trial_s / (CHANGED_SHARE if changed else STEADY_SHARE)
