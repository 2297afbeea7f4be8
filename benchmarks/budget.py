"""What a benchmark of learning is asked for: which sets, how long, on what, from which chance."""

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
    """`minutes` of this machine's clock; `steps`, if given, instead of them, to try a benchmark out.

    resume  whether a run that was cut off goes on, with what is left of its own minutes
    device  on which is learned
    """

    minutes: float
    steps: int | None = None
    seed: int = 0
    resume: bool = False
    device: str = CPU


@dataclass(frozen=True)
class Sitting:
    """One benchmark of learning from its beginning: its budget, as it is told, and the pace at which it began."""

    name: str
    budget: Budget
    told: str
    before: Pace

    @classmethod
    def begun(cls, name: str, standard_minutes: float, options: argparse.Namespace) -> Sitting:
        """The standard minutes of a set as they are here and now, or the minutes that were asked for."""
        before = pace(device=options.device)
        standard = standard_minutes * options.minutes_scale
        minutes = before.minutes(standard) if options.minutes is None else options.minutes
        told = f"{standard:g} standard minutes" if options.minutes is None else f"{minutes:g} minutes"
        budget = Budget(minutes, options.steps, options.seed, options.resume, options.device)
        print(f"\n{name}: {told}, {minutes:.1f} here, at {before}", flush=True)
        return cls(name, budget, told, before)

    def record(self, judged: str, figures: Sequence[Figure]) -> None:
        """What came of it. Learned elsewhere than on the processor, it stands beside what was learned there."""
        device = self.budget.device
        record(
            self.name if device == CPU else f"{self.name}-{device}",
            f"{self.told}; {judged}; seed {self.budget.seed}",
            figures,
            before=self.before,
            after=pace(device=device),
            device=device,
            keep=self.budget.steps is None,
        )


def asked(
    program: str,
    about: str | None,
    names: Sequence[str],
    others: Sequence[str] = (),
    *,
    beside: Sequence[str] = (),
) -> argparse.Namespace:
    """The command line of a benchmark over `names`, all by default, and `others`, of which only those named.

    beside  recognisers that are not ours, to be measured after it
    """
    parser = argparse.ArgumentParser(prog=f"python -m {program}", description=about)
    also = f"; also {', '.join(others)}" if others else ""
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names) + also)
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of the archives")
    parser.add_argument("--minutes-scale", type=float, default=1.0, help="of every budget")
    parser.add_argument("--minutes", type=float, help="of the clock for each, instead of standard ones")
    parser.add_argument("--device", default=CPU, help="cpu, whose standard minutes these are, or cuda, with --minutes")
    parser.add_argument("--steps", type=int, help="instead of minutes, to try it out: nothing is recorded")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true", help="go on with the runs that were cut off")
    if beside:
        help_beside = f"after ours, of {', '.join(beside)}; all by default, none if none is named"
        parser.add_argument("--beside", nargs="*", choices=beside, default=beside, metavar="NAME", help=help_beside)
    options = parser.parse_args()
    if unknown := set(options.names) - {*names, *others}:
        parser.error(f"no {', '.join(sorted(unknown))}; there are {', '.join((*names, *others))}")
    if options.device != CPU and options.minutes is None:
        parser.error(f"standard minutes are of a processor: say with --minutes how long {options.device} may learn")
    options.names = options.names or names
    return options


def for_each(options: argparse.Namespace, measure: Callable[[str, Store], None]) -> None:
    """Measure every set that was asked for, and say of which there is no data."""
    store = Store(options.data)
    for name in options.names:
        try:
            measure(name, store)
        except AbsentError as absent:
            print(f"{name}: {absent}")
