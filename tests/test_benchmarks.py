"""The benchmarks' own words and records; what they measure takes hours and is not tested here."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks import results, table
from benchmarks.__main__ import COMMANDS
from benchmarks.accuracy import TASKS, task_named
from benchmarks.machine import Pace
from benchmarks.results import Figure, Result, record

PACE = Pace(200.0, "float32")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(results, "FOLDER", tmp_path / "results")
    monkeypatch.setattr(sys, "argv", ["/x/benchmarks/accuracy.py", "fsdd", "--data", "/x/data", "--seed", "1"])
    return tmp_path / "results"


@pytest.mark.parametrize(
    ("figure", "measured", "wished", "reached"),
    [
        (Figure("accuracy", 0.9, "%", 0.88, 0.92, at_least=0.9), "90.0 % (88.0 % to 92.0 %)", "≥ 90.0 %", True),
        (Figure("ece", 0.03125, at_most=0.03), "0.0312", "≤ 0.03", False),
        (Figure("memory", 2345.6, "MB", at_most=2000.0), "2,346 MB", "≤ 2,000 MB", False),
        (Figure("import", 0.1, "s"), "0.1 s", "", True),
    ],
)
def test_a_figure_in_words(figure: Figure, measured: str, wished: str, reached: bool) -> None:
    assert (figure.measured, figure.wished, figure.reached) == (measured, wished, reached)


def test_a_record_is_read_back_and_takes_the_place_of_the_one_before(folder: Path, capsys) -> None:
    for value in (0.5, 0.8):
        record("fsdd", "a note", [Figure("accuracy", value, "%", at_least=0.9)], before=PACE, after=PACE)
    result = Result.read(folder / "fsdd.json")
    assert result.figures == (Figure("accuracy", 0.8, "%", at_least=0.9),)
    assert (result.gigaflops, result.precision) == ((200.0, 200.0), "float32")
    assert result.command == "python -m benchmarks.accuracy fsdd --seed 1", "where the data lie is nobody's business"
    assert [path.name for path in folder.iterdir()] == ["fsdd.json"]
    assert "80.0 %                           ≥ 90.0 %  NOT REACHED" in capsys.readouterr().out


def test_what_is_only_tried_is_not_kept(folder: Path) -> None:
    record("fsdd", "a note", [], before=PACE, after=PACE, keep=False)
    assert not folder.exists()


def test_a_page_shows_every_figure_and_what_was_missed(folder: Path) -> None:
    figures = [Figure("accuracy", 0.8, "%", at_least=0.9), Figure("log_loss", 0.25)]
    record("fsdd", "judged on theo", figures, before=PACE, after=PACE)
    page = table.page([Result.read(folder / "fsdd.json")], "\n## Notes\n")
    assert "| [fsdd](#fsdd) | accuracy | 80.0 % | ≥ 90.0 % | **not reached** |" in page
    assert "## fsdd\n\nJudged on theo.\n\n| figure | measured | wished |  |\n| --- | --- | --- | --- |" in page
    assert "| log_loss | 0.25 |  |  |" in page
    assert "in float32 at 200 GFLOP/s before and 200 after." in page
    assert page.endswith(f"{table.MARK}\n## Notes\n")


def test_the_published_page_is_that_of_the_results() -> None:
    published = table.PAGE.read_text(encoding="utf-8")
    kept = [Result.read(path) for path in sorted(table.FOLDER.glob("*.json"))]
    assert table.page(kept, published.partition(table.MARK)[2]) == published


def test_every_benchmark_that_can_be_named_is_there() -> None:
    assert all(find_spec(module) for module, *_ in COMMANDS.values())
    assert COMMANDS.keys() > TASKS.keys()
    assert task_named("fsdd-lucas").accuracy == TASKS["fsdd"].accuracy


def test_standard_minutes_are_longer_on_a_slower_machine() -> None:
    assert PACE.minutes(3) == 6
