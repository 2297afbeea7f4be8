"""Every command reports what the parts of a dataset share, and nothing but the part train is trained on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import tiny
from learning import digits_table
from seehear import api
from seehear.errors import DataError
from seehear.events import Event, Notice
from seehear.runtime.bundle import Bundle
from table_kinds import make

LABELS = [("odd", "even")[i % 2] for i in range(12)]


def _digits(folder: Path, parts: list[str]) -> Path:
    """Twelve pictures; the last one is identical to the first."""
    table = digits_table(folder, {"label": LABELS, "split": parts}, ("image",))
    shutil.copy(folder / "0.png", folder / "11.png")
    return table


def _describe(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Notice) and " too (" in event.text]


def test_planning_reports_overlap_between_parts(tmp_path: Path) -> None:
    data = _digits(tmp_path / "d", ["train"] * 6 + ["val"] * 3 + ["test"] * 3)
    events: list[Event] = []
    api.plan(data, steps=5, listen=events.append)
    assert _describe(events) == [
        "1 of the 3 files of 'test' are in 'train' too (11.png): "
        "figures measured on 'test' will be better than on new files"
    ]


def test_planning_reports_overlap_with_validation_data(tmp_path: Path) -> None:
    data, val = (_digits(tmp_path / name, [""] * 12) for name in ("d", "v"))
    events: list[Event] = []
    api.plan(data, steps=5, val=val, listen=events.append)
    assert _describe(events) == [
        f"12 of the 12 files of '{val}' are in '{data}' too (0.png, 1.png, 2.png, 3.png and 8 more): "
        f"figures measured on '{val}' will be better than on new files"
    ]


@pytest.mark.parametrize("part", ["val", "test"])
def test_evaluation_reports_overlap_with_training(tmp_path: Path, part: str) -> None:
    data = _digits(tmp_path / "d", ["train"] * 6 + [part] * 6)
    recipe = tiny.recipe("image", answer={"classes": ("even", "odd"), "several": False, "counts": (6, 6)})
    events: list[Event] = []
    api.Recogniser(Bundle(recipe, tiny.model("image"), b"", "")).evaluate(data, listen=events.append)
    assert _describe(events) == [
        f"1 of the 6 files of '{part}' are in 'train' too (11.png): "
        f"figures measured on '{part}' will be better than on new files"
    ]


@pytest.mark.parametrize("parts", [["test"], ["val"], ["val", "test"]])
def test_parts_other_than_train_are_not_trained_on(tmp_path: Path, parts: list[str]) -> None:
    data = _digits(tmp_path / "d", [parts[i % len(parts)] for i in range(12)])
    only = " and ".join(map(repr, parts))
    with pytest.raises(DataError, match=rf"it has only the part {only}\. Allowed: a part 'train'"):
        api.plan(data, steps=5)


def test_the_test_part_of_a_data_yaml_is_not_trained_on(tmp_path: Path) -> None:
    table = "train: ../train/images\nval: ../valid/images\ntest: test/images\nnames: [cat]\n"
    data = make(tmp_path / "d", {"data.yaml": table, "test/labels/a.txt": "0 .5 .5 .5 .5\n", "test/images/a.png": "x"})
    first = r"data\.yaml: train: no folder '../train/images'"
    with pytest.raises(DataError, match=rf"it has only the part 'test'; the first problem: {first}"):
        api.plan(data, steps=5)
