"""From results/*.json to docs/benchmarks.md: its tables are made anew, the notes below the mark are kept.

python -m benchmarks.table
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.results import FOLDER, Result

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
MARK = "<!-- Below are notes, written by hand and kept. Above is made by `python -m benchmarks.table`. -->"
INTRODUCTION = """# Benchmarks

`make bench` measures all of this anew, `make bench NAMES="pneumonia speed"` some of it. Accuracies are for budgets in
[standard minutes](decisions/003-standard-minutes.md); speeds are ratios within one run, as machines differ and are
shared. Intervals are of 95 %. What was wished and is missed is marked **not reached**.
"""


def page(results: Sequence[Result], notes: str) -> str:
    return (
        "\n".join([INTRODUCTION, *_overview(results), *(line for each in results for line in _section(each)), MARK])
        + notes
    )


def _overview(results: Sequence[Result]) -> Iterator[str]:
    """All that something was wished of."""
    wished = [(result, figure) for result in results for figure in result.figures if figure.wished]
    yield from ("## What was wished, and what was measured", "")
    yield from _table(
        ("benchmark", "figure", "measured", "wished", ""),
        [
            (f"[{result.name}](#{result.name})", figure.what, figure.measured, figure.wished, _verdict(figure.reached))
            for result, figure in wished
        ],
    )


def _section(result: Result) -> Iterator[str]:
    before, after = result.gigaflops
    machine = result.machine
    yield from (f"## {result.name}", "", f"{result.note[0].upper()}{result.note[1:]}.", "")
    yield from _table(
        ("figure", "measured", "wished", ""),
        [(f.what, f.measured, f.wished, _verdict(f.reached) if f.wished else "") for f in result.figures],
    )
    learned_on = f"{machine['accelerator']}, " if "accelerator" in machine else ""
    yield (
        f"`{result.command}` on {result.date} at commit {result.commit}; {learned_on}{machine['processor']}, "
        f"{machine['cores']} cores, {machine['memory_gib']} GiB, Python {machine['python']}, "
        f"PyTorch {machine['torch']}; matrix products in {result.precision} at {before:.0f} GFLOP/s before and "
        f"{after:.0f} after."
    )
    yield ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for row in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(row)} |"
    yield ""


def _verdict(reached: bool) -> str:
    return "reached" if reached else "**not reached**"


def main() -> None:
    results = [Result.read(path) for path in sorted(FOLDER.glob("*.json"))]
    notes = PAGE.read_text(encoding="utf-8").partition(MARK)[2] if PAGE.exists() else "\n"
    PAGE.write_text(page(results, notes), encoding="utf-8")
    print(f"{PAGE}: {len(results)} results")


if __name__ == "__main__":
    main()
