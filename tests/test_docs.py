"""The documentation names modules and flags that exist."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
import typer

import seehear
from seehear.cli import app

ROOT = Path(__file__).parents[1]
SOURCE = Path(seehear.__file__).parent
PAGES = sorted(
    {ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")} - {ROOT / "docs/changelog.md"}
)
MODULE = re.compile(r"`((?:[a-z_]+/)+[a-z_*]+(?:\.py|/)?)[`.]")  # `table/loader`, `answers/text/head.py`, `layers/`
COMMAND = re.compile(
    r"seehear (?:train|plan|predict|evaluate|compare|add|similar|show|serve|mcp|demo|watch-drift)\b[^\n`]*"
)
FLAG = re.compile(r"(?<!\S)(--[a-z-]+)")


def test_the_modules_on_the_page_of_the_architecture_exist() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    missing = [name for name in MODULE.findall(text) if not _exists(name)]
    assert not missing
    assert len(MODULE.findall(text)) > 30


def _exists(name: str) -> bool:
    stem = name.removesuffix("/").removesuffix(".py")
    return any(any(root.glob(stem + ending)) for root in (SOURCE, ROOT) for ending in ("", ".py"))


@cache
def flags_of_commands() -> dict[str, set[str]]:
    commands: dict[str, set[str]] = {}
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        commands[name] = {option for parameter in command.params for option in parameter.opts}
    return commands


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_flags_in_commands_exist(page: Path) -> None:
    for line in COMMAND.findall(page.read_text(encoding="utf-8")):
        unknown = set(FLAG.findall(line)) - flags_of_commands()[line.split()[1]] - {"--help"}
        assert not unknown, f"{line}: no {', '.join(sorted(unknown))}"
