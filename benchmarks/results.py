"""Benchmark results: figures and targets, stored as one line of JSON with the command, commit and machine."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from benchmarks.machine import CPU, Pace, describe

FOLDER = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Figure:
    """One measured value in a unit ("" for a plain number, "%" for a share), and its target.

    from_random  the value for a network trained from random weights in the same time, if this one is pretrained
    """

    what: str
    value: float
    unit: str = ""
    low: float | None = None  # of its 95 % interval
    high: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    from_random: float | None = None

    @property
    def target(self) -> str:
        if self.at_least is not None:
            return f"≥ {self.written(self.at_least)}"
        return "" if self.at_most is None else f"≤ {self.written(self.at_most)}"

    @property
    def met(self) -> bool:
        low = self.at_least is None or self.value >= self.at_least
        return low and (self.at_most is None or self.value <= self.at_most)

    @property
    def measured(self) -> str:
        if self.low is None or self.high is None:
            return self.written(self.value)
        return f"{self.written(self.value)} ({self.written(self.low)} to {self.written(self.high)})"

    def written(self, value: float) -> str:
        if self.unit == "%":
            return f"{100 * value:.1f} %"
        return f"{value:,.0f} {self.unit}".strip() if abs(value) >= 1000 else f"{value:.3g} {self.unit}".strip()


@dataclass(frozen=True)
class Result:
    """The figures of one benchmark. `note` names the test data; the rest: where, when and how it was measured.

    start  the pretrained encoders, if it compares them with random weights
    seen   the encoders' training data, and its overlap with this benchmark's
    """

    name: str
    note: str
    figures: tuple[Figure, ...]
    command: str
    date: str
    commit: str
    gigaflops: tuple[float, float]  # before and after
    precision: str
    machine: dict[str, Any]
    start: str = ""
    seen: str = ""

    @classmethod
    def read(cls, path: Path) -> Self:
        stored = json.loads(path.read_text(encoding="utf-8"))
        figures = tuple(Figure(**figure) for figure in stored.pop("figures"))
        before, after = stored.pop("gigaflops")
        return cls(figures=figures, gigaflops=(before, after), **stored)


def record(
    name: str,
    note: str,
    figures: Sequence[Figure],
    *,
    before: Pace,
    after: Pace,
    device: str = CPU,
    keep: bool = True,
    start: str = "",
    seen: str = "",
) -> None:
    """Print a result and, if `keep`, write it to results/NAME.json, replacing an earlier one."""
    result = Result(
        name=name,
        note=note,
        figures=tuple(figures),
        command=_command(),
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        commit=_commit(),
        gigaflops=(round(before.gigaflops, 1), round(after.gigaflops, 1)),
        precision=before.precision,
        machine=describe(device),
        start=start,
        seen=seen,
    )
    if keep:
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / f"{name}.json").write_text(json.dumps(asdict(result), ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"\n{name}: {note}\n  matrix products at {before} before and {after} after")
    for figure in figures:
        missed = "" if figure.met else "  NOT MET"
        beside = "" if figure.from_random is None else f"  from random weights: {figure.written(figure.from_random)}"
        print(f"  {figure.what:<60} {figure.measured:<32} {figure.target}{missed}{beside}", flush=True)


def _command() -> str:
    """The command as typed, without the data folder, which differs between machines."""
    script, arguments = Path(sys.argv[0]), sys.argv[1:]
    if "--data" in arguments:
        place = arguments.index("--data")
        arguments = arguments[:place] + arguments[place + 2 :]
    return " ".join(["python -m", f"{script.parent.name}.{script.stem}", *arguments])


def _commit() -> str:
    """The measured commit, with "+" if the source differs from it; "unknown" outside git."""
    root = Path(__file__).parent.parent

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = "+" if git("status", "--porcelain", "src", "benchmarks/*.py") else ""
        return git("rev-parse", "--short", "HEAD") + changed
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
