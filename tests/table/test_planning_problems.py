"""Planning reports unusable data, before hours of training do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from learning import digits_table
from seehear import api
from seehear.events import Event, Skipped, SkippedItem


def _left_out(data: Path) -> list[SkippedItem]:
    events: list[Event] = []
    api.plan(data, steps=5, listen=events.append)
    return [problem for event in events if isinstance(event, Skipped) for problem in event.problems]


@pytest.mark.parametrize("strange", ["n/a", "NA", "-", "<5", "12 kg", "1,234"])
@pytest.mark.parametrize("heading", ["score", "weight"])
def test_cells_that_are_no_numbers_are_reported(tmp_path: Path, strange: str, heading: str) -> None:
    cells = [f"{i}.5" for i in range(40)]
    cells[7] = cells[9] = strange
    problems = _left_out(digits_table(tmp_path / "d", {heading: cells}, ("image",)))
    assert [problem.where for problem in problems] == ["7.png", "9.png"]
    assert strange in problems[0].what


def test_many_scores_may_be_missing(tmp_path: Path) -> None:
    """If a third is missing, it is still a column of numbers."""
    cells = ["NA" if i % 3 == 0 else f"{i}.5" for i in range(30)]
    assert len(_left_out(digits_table(tmp_path / "d", {"weight": cells}, ("image",)))) == 10


def test_masks_of_another_size_are_reported(tmp_path: Path) -> None:
    data = tmp_path / "d"
    table = digits_table(data, {"mask": [f"m{i}.png" for i in range(8)]}, ("image",))
    for i in range(8):
        Image.fromarray(np.eye(9 if i == 3 else 8, dtype=np.uint8)).save(data / f"m{i}.png")
    (problem,) = _left_out(table)
    assert (problem.where, problem.what) == (
        "examples.csv row 5",
        "a mask of 9 by 9 pixels for a picture of 8 by 8",
    )
