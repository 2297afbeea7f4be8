"""The scripts in examples/ run unchanged, and print what the documentation shows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from subprocesses import source_environment

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))


def run(script: Path, *arguments: str) -> str:
    environment = source_environment()
    command = [sys.executable, str(script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("script", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs(script: Path) -> None:
    said = run(script)
    assert said.strip()
    assert "Traceback" not in said


def test_every_example_is_shown_in_the_documentation() -> None:
    docs = Path(__file__).parents[1] / "docs"
    shown = "".join(page.read_text(encoding="utf-8") for page in docs.rglob("*.md"))
    for script in EXAMPLES:
        assert f'--8<-- "examples/{script.name}"' in shown, f"{script.name} is in no page of docs/"
