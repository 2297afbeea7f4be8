"""The scripts in examples/ run, and all of them are in the documentation."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

import seehear

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))
MINUTES = 0.1


@pytest.mark.slow
@pytest.mark.parametrize("script", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs(script: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Unchanged, but for the minutes of training."""
    train = seehear.train

    def train_briefly(*data: Any, **options: Any) -> seehear.Recogniser:
        return train(*data, **options | {"minutes": MINUTES})

    monkeypatch.setattr(seehear, "train", train_briefly)
    monkeypatch.setattr(sys, "argv", [str(script)])
    runpy.run_path(str(script), run_name="__main__")
    assert capsys.readouterr().out.strip()


def test_every_example_is_shown_in_the_documentation() -> None:
    docs = Path(__file__).parents[1] / "docs"
    shown = "".join(page.read_text(encoding="utf-8") for page in docs.rglob("*.md"))
    for script in EXAMPLES:
        assert f'--8<-- "examples/{script.name}"' in shown, f"{script.name} is in no page of docs/"
