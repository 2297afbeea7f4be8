"""A listed reader is found, and every reader is listed."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from seehear.errors import DataError
from seehear.table import layouts
from seehear.table.layouts import LAYOUTS, Layout
from seehear.table.layouts.raw_table import RawTable, make_text_table, repeat_values
from table_kinds import make, open_data

FOLDER = Path(layouts.__file__).parent


def read_toy(place: Path) -> RawTable | None:
    """A file.toy with a line for each example: its picture, a tab, its label."""
    if place.suffix != ".toy":
        return None
    rows = [line.split("\t") for line in place.read_text().splitlines()]
    cells = make_text_table({"image": [image for image, _ in rows], "label": [label for _, label in rows]})
    return RawTable(place.parent, cells, part=repeat_values([("", len(rows))]))


def test_a_layout_is_found_by_being_listed_in_one_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = make(tmp_path / "d", {"a.png": "x", "b.png": "x", "all.toy": "a.png\tcat\nb.png\tdog"}) / "all.toy"
    with pytest.raises(DataError, match="this is no layout that seehear reads"):
        open_data(data)
    monkeypatch.setattr(layouts, "LAYOUTS", (Layout(read_toy, "a file.toy"), *LAYOUTS))
    assert [(row.key, row.answer) for row in open_data(data)] == [("a.png", "cat"), ("b.png", "dog")]
    with pytest.raises(DataError, match=r"a folder for each class; .*; a file\.toy\. Next: make examples\.csv"):
        open_data(make(tmp_path / "e", {"b.toys": "x"}) / "b.toys")


def test_every_reader_is_listed_once() -> None:
    readers = {
        node.name
        for path in FOLDER.glob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and ast.unparse(node.returns or ast.Constant("")) == "RawTable | None"
        if not node.name.startswith("_")
    }
    assert sorted(readers) == sorted(layout.read.__name__ for layout in LAYOUTS)
