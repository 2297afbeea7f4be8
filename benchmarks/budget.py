"""What a benchmark of learning is asked for: which sets, how long, from which chance."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.data import DATA, AbsentError, Store
from benchmarks.machine import Pace, pace


@dataclass(frozen=True)
class Budget:
    """`minutes` of this machine's clock; `steps`, if given, instead of them, to try a benchmark out.

    resume  whether a run that was cut off goes on, with what is left of its own minutes
    """

    minutes: float
    steps: int | None = None
    seed: int = 0
    resume: bool = False


def budget(name: str, standard_minutes: float, options: argparse.Namespace) -> tuple[Budget, Pace]:
    """What the standard minutes of a set are here and now, as is said, and the pace that tells it."""
    before = pace()
    given = Budget(before.minutes(standard_minutes), options.steps, options.seed, options.resume)
    print(f"\n{name}: {standard_minutes:g} standard minutes are {given.minutes:.1f} here, at {before}", flush=True)
    return given, before


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
    parser.add_argument("--steps", type=int, help="instead of minutes, to try it out: nothing is recorded")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true", help="go on with the runs that were cut off")
    if beside:
        help_beside = f"after ours, of {', '.join(beside)}; all by default, none if none is named"
        parser.add_argument("--beside", nargs="*", choices=beside, default=beside, metavar="NAME", help=help_beside)
    options = parser.parse_args()
    if unknown := set(options.names) - {*names, *others}:
        parser.error(f"no {', '.join(sorted(unknown))}; there are {', '.join((*names, *others))}")
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
