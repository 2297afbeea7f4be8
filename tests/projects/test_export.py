"""An exported project is read as it was imported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from made_projects import make_project, write_pictures
from seehear.errors import DataError, UsageError
from seehear.projects import Project

BOXES = json.dumps([{"label": "cell, red", "xyxy": [0, 0, 4, 4]}])
MASK = json.dumps({"size": [4, 4], "outlines": [{"label": "road", "rle": [0, 16]}]})
TABLES: dict[str, list[dict[str, object]]] = {
    "label": [
        {"label": "knot", "split": "val", "patient": "p1", "note": "=1+1"},
        {"label": 'a "knot"', "patient": "p2"},
    ],
    "score": [{"age": -2.5}, {"age": 31}],
    "text": [{"text": "two words", "source_text": "zwei Wörter"}, {"text": "and a line\nmore", "source_text": "mehr"}],
    "boxes": [{"boxes": BOXES}, {"boxes": "[]"}],
    "mask": [{"mask": MASK}, {"mask": MASK}],
}


@pytest.mark.parametrize("kind", TABLES)
def test_what_is_exported_is_taken_in_as_the_same(kind: str, tmp_path: Path) -> None:
    names = [path.name for path in write_pictures(tmp_path, 2)]
    rows = [{"image": name, **cells} for name, cells in zip(names, TABLES[kind], strict=True)]
    (tmp_path / "table.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    heading = next(name for name in TABLES[kind][0])
    home = tmp_path / "home"
    with Project.create("First", home=home) as first, Project.create("Second", home=home) as second:
        first.import_data(tmp_path / "table.jsonl", answer=f"{kind}:{heading}")
        assert first.export(tmp_path / "out") == 2
        second.import_data(tmp_path / "out", answer=f"{kind}:{heading}")
        before, after = first.examples(), second.examples()
    assert [each.answers for each in after] == [each.answers for each in before]
    assert [each.inputs for each in after] == [each.inputs for each in before]
    assert [each.group for each in after] == [each.group for each in before]
    assert [each.part or "train" for each in after] == [each.part or "train" for each in before] or not any(
        each.part for each in (*before, *after)
    )


def test_a_folder_that_exists_and_a_project_without_answers_are_refused(tmp_path: Path) -> None:
    with make_project(tmp_path / "home") as project:
        with pytest.raises(DataError, match="no example has an answer yet"):
            project.export(tmp_path / "out")
        project.add(write_pictures(tmp_path, 1), "knot")
        with pytest.raises(UsageError, match="there is something already"):
            project.export(tmp_path)
        assert not (tmp_path / "out").exists()
