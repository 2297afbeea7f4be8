"""The command line and the budget of training benchmarks: data sets, time, device and seed."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.data import DATA, AbsentError, Store
from benchmarks.machine import CPU, Pace, pace
from benchmarks.results import Figure, record


@dataclass(frozen=True)
class Budget:
    """Training time in `minutes` on this machine; `steps`, if given, replace it, to try a benchmark out.

    resume  whether to continue an interrupted run, with the rest of its own minutes
    device  where it is trained
    """

    minutes: float
    steps: int | None = None
    seed: int = 0
    resume: bool = False
    device: str = CPU


@dataclass(frozen=True)
class Sitting:
    """One training benchmark from its start: its budget, and the speed of the machine before it."""

    name: str
    budget: Budget
    budget_note: str
    before: Pace

    @classmethod
    def begun(cls, name: str, standard_minutes: float, options: argparse.Namespace) -> Sitting:
        """Convert standard minutes to minutes on this machine, or take the requested minutes."""
        before = pace(device=options.device)
        standard = standard_minutes * options.minutes_scale
        minutes = before.minutes(standard) if options.minutes is None else options.minutes
        budget_note = f"{standard:g} standard minutes" if options.minutes is None else f"{minutes:g} minutes"
        budget = Budget(minutes, options.steps, options.seed, options.resume, options.device)
        print(f"\n{name}: {budget_note}, {minutes:.1f} here, at {before}", flush=True)
        return cls(name, budget, budget_note, before)

    def record(self, evaluated_on: str, figures: Sequence[Figure]) -> None:
        """Store the figures. A run on a device other than the CPU is stored under a name of its own."""
        device = self.budget.device
        record(
            self.name if device == CPU else f"{self.name}-{device}",
            f"{self.budget_note}; {evaluated_on}; seed {self.budget.seed}",
            figures,
            before=self.before,
            after=pace(device=device),
            device=device,
            keep=self.budget.steps is None,
        )


def parse_arguments(
    program: str,
    about: str | None,
    names: Sequence[str],
    others: Sequence[str] = (),
    *,
    compare_with: Sequence[str] = (),
) -> argparse.Namespace:
    """The command line of a benchmark over `names`, all by default, and over `others` only if named.

    compare_with  other recognisers that can be measured after ours
    """
    parser = argparse.ArgumentParser(prog=f"python -m {program}", description=about)
    also = f"; also {', '.join(others)}" if others else ""
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names) + also)
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of the archives")
    parser.add_argument("--minutes-scale", type=float, default=1.0, help="multiply every budget by this")
    parser.add_argument("--minutes", type=float, help="minutes for each benchmark, instead of its standard minutes")
    parser.add_argument("--device", default=CPU, help="cpu, or cuda together with --minutes")
    parser.add_argument(
        "--steps", type=int, help="training steps instead of minutes, for a quick try: nothing is stored"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true", help="resume interrupted runs")
    if compare_with:
        help_compare = f"also measure these after ours: {', '.join(compare_with)} (default: all; without names: none)"
        parser.add_argument(
            "--compare-with", nargs="*", choices=compare_with, default=compare_with, metavar="NAME", help=help_compare
        )
    options = parser.parse_args()
    if unknown := set(options.names) - {*names, *others}:
        parser.error(f"no {', '.join(sorted(unknown))}; there are {', '.join((*names, *others))}")
    if options.device != CPU and options.minutes is None:
        parser.error(f"standard minutes are defined for the CPU: set --minutes for {options.device}")
    options.names = options.names or names
    return options


def for_each(options: argparse.Namespace, measure: Callable[[str, Store], None]) -> None:
    """Measure every requested data set; print those whose data is missing."""
    store = Store(options.data)
    for name in options.names:
        try:
            measure(name, store)
        except AbsentError as absent:
            print(f"{name}: {absent}")
