"""The command line and the budget of training benchmarks: data sets, time, device and seed."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.data import DATA, AbsentError, Store
from benchmarks.machine import CPU, Pace, pace
from benchmarks.results import Figure, record
from seehear.planning.starts import AUTO, NONE
from seehear.recipe import Recipe


@dataclass(frozen=True)
class Budget:
    """Training time in `minutes` on this machine; `steps`, if given, replace it, to try a benchmark out.

    resume  whether to continue an interrupted run, with the rest of its own minutes
    device  where it is trained
    start   what it starts from: AUTO for the pretrained encoder that suits the data, NONE for random weights, or a name
    """

    minutes: float
    steps: int | None = None
    seed: int = 0
    resume: bool = False
    device: str = CPU
    start: str = NONE


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
        budget = Budget(minutes, options.steps, options.seed, options.resume, options.device, options.start)
        print(f"\n{name}: {budget_note}, {minutes:.1f} here, at {before}", flush=True)
        return cls(name, budget, budget_note, before)

    def record(self, evaluated_on: str, figures: Sequence[Figure], recipe: Recipe) -> None:
        """Store the figures of a recogniser."""
        note = f"{self.budget_note} from {name_starts(recipe)}; {evaluated_on}"
        self.store(name_result(self.name, recipe), note, figures)

    def store(self, name: str, note: str, figures: Sequence[Figure], *, start: str = "", seen: str = "") -> None:
        """Store figures; those of a run on a device other than the CPU under a name of their own."""
        device = self.budget.device
        record(
            name if device == CPU else f"{name}-{device}",
            f"{note}; seed {self.budget.seed}",
            figures,
            before=self.before,
            after=pace(device=device),
            device=device,
            keep=self.budget.steps is None,
            start=start,
            seen=seen,
        )


def name_result(name: str, recipe: Recipe) -> str:
    """The name of a benchmark's result: another one if training started from a pretrained encoder."""
    return f"{name}-pretrained" if recipe.starts else name


def name_starts(recipe: Recipe) -> str:
    """The pretrained encoders that training started from, or "random weights"."""
    return " and ".join(Path(name).name for name in recipe.starts.values()) or "random weights"


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
    parser.add_argument(
        "--start",
        default=AUTO,
        help="what training starts from: auto (default), none for random weights, or a pretrained encoder",
    )
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
