"""What a benchmark found: figures beside what was wished, kept as one line of JSON with all that led to them."""

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
    """One measured value in a unit ("" for a plain number, "%" for a share), and what was wished of it."""

    what: str
    value: float
    unit: str = ""
    low: float | None = None  # of its 95 % interval
    high: float | None = None
    at_least: float | None = None
    at_most: float | None = None

    @property
    def wished(self) -> str:
        if self.at_least is not None:
            return f"≥ {self.written(self.at_least)}"
        return "" if self.at_most is None else f"≤ {self.written(self.at_most)}"

    @property
    def reached(self) -> bool:
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
    """One benchmark's figures. `note` says on what they were measured; the rest is where, when and by what."""

    name: str
    note: str
    figures: tuple[Figure, ...]
    command: str
    date: str
    commit: str
    gigaflops: tuple[float, float]  # before and after
    precision: str
    machine: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> Self:
        told = json.loads(path.read_text(encoding="utf-8"))
        figures = tuple(Figure(**figure) for figure in told.pop("figures"))
        before, after = told.pop("gigaflops")
        return cls(figures=figures, gigaflops=(before, after), **told)


def record(
    name: str,
    note: str,
    figures: Sequence[Figure],
    *,
    before: Pace,
    after: Pace,
    device: str = CPU,
    keep: bool = True,
) -> None:
    """Print a result and, to keep it, write results/NAME.json in place of what an earlier run found."""
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
    )
    if keep:
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / f"{name}.json").write_text(json.dumps(asdict(result), ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"\n{name}: {note}\n  the machine made {before} before and {after} after")
    for figure in figures:
        missed = "" if figure.reached else "  NOT REACHED"
        print(f"  {figure.what:<60} {figure.measured:<32} {figure.wished}{missed}", flush=True)


def _command() -> str:
    """As it was typed, but for where the data lie, which is another place on every machine."""
    script, arguments = Path(sys.argv[0]), sys.argv[1:]
    if "--data" in arguments:
        place = arguments.index("--data")
        arguments = arguments[:place] + arguments[place + 2 :]
    return " ".join(["python -m", f"{script.parent.name}.{script.stem}", *arguments])


def _commit() -> str:
    """The commit that was measured, with + where the source differs from it; "unknown" outside git."""
    root = Path(__file__).parent.parent

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = "+" if git("status", "--porcelain", "src", "benchmarks/*.py") else ""
        return git("rev-parse", "--short", "HEAD") + changed
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
