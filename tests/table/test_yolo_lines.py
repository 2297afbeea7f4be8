"""Lines of YOLO label files: boxes, outlines and key points are distinguished or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_box_layouts import boxes, open_boxes, pictures

from seehear.errors import DataError
from seehear.table import RowProblem
from table_kinds import make

PEOPLE = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def the_same_people_in_every_test() -> None:
    PEOPLE.bit_generator.state = np.random.default_rng(0).bit_generator.state


def _pose(count: int, dims: int) -> str:
    """A box with key points in it; the first is invisible."""
    x, y = PEOPLE.uniform(0.3, 0.7, 2)
    width, height = PEOPLE.uniform(0.2, 0.5, 2)
    points = np.column_stack(
        [PEOPLE.uniform(-0.5, 0.5, count) * width + x, PEOPLE.uniform(-0.5, 0.5, count) * height + y]
    )
    points[0] = 0
    flags = np.array([0, *[2] * (count - 1)])[:, None]
    told = np.hstack([points, flags]) if dims == 3 else points
    return " ".join(["0", *(f"{n:.6f}" for n in (x, y, width, height, *told.ravel()))])


def _outline(corners: int) -> str:
    """A circle, starting at its left side."""
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    x, y = PEOPLE.uniform(0.2, 0.8, 2)
    return " ".join(
        ["0", *(f"{n:.6f}" for n in np.stack([x - 0.1 * np.cos(angle), y + 0.1 * np.sin(angle)], 1).ravel())]
    )


def _data(folder: Path, lines: list[str], table: str = "") -> Path:
    """A picture for each line."""
    files = {f"labels/train/{i}.txt": line + "\n" for i, line in enumerate(lines)}
    data = make(folder, files | {"data.yaml": f"train: images/train\nnames: [cat]\n{table}"})
    return pictures(data, *(f"images/train/{i}.jpg" for i in range(len(lines))))


def _boxes_of(lines: list[str]) -> list[tuple[str, float, float, float, float]]:
    """The first four numbers of each as a box in a picture of 40 by 30."""
    told = [list(map(float, line.split()[1:5])) for line in lines]
    return [("cat", 40 * (x - w / 2), 30 * (y - h / 2), 40 * (x + w / 2), 30 * (y + h / 2)) for x, y, w, h in told]


def _check_boxes(data: Path, lines: list[str]) -> None:
    found = [each for (each,) in boxes(open_boxes(data)).values()]
    expected = _boxes_of(lines)
    assert [each[0] for each in found] == ["cat"] * len(lines)
    assert np.allclose([each[1:] for each in found], [each[1:] for each in expected], atol=0.02)


@pytest.mark.parametrize("count", [1, 4, 5, 17])
@pytest.mark.parametrize("dims", [2, 3])
def test_declared_key_points_leave_the_box(tmp_path: Path, count: int, dims: int) -> None:
    lines = [_pose(count, dims) for _ in range(3)]
    data = _data(tmp_path / "d", lines, f"kpt_shape: [{count}, {dims}]\n")
    _check_boxes(data, lines)
    noun = "key point" if count == 1 else "key points"
    assert f"{count} {noun} after each box: not used" in open_boxes(data).notes


@pytest.mark.parametrize("count", [2, 4, 5, 17])
def test_key_points_with_flags_are_recognised(tmp_path: Path, count: int) -> None:
    lines = [_pose(count, 3) for _ in range(3)]
    _check_boxes(_data(tmp_path / "d", lines), lines)


@pytest.mark.parametrize("count", [2, 4, 17])
def test_an_ambiguous_line_is_refused(tmp_path: Path, count: int) -> None:
    lines = [_pose(count, 2) for _ in range(3)]
    data = _data(tmp_path / "d", lines)
    words = rf"0\.txt line 1: {4 + 2 * count} numbers .* may be an outline, or .*kpt_shape: \[{count}, 2\] to data.yaml"
    with pytest.raises(DataError, match=words):
        open_boxes(data)
    _check_boxes(_data(data, lines, f"kpt_shape: [{count}, 2]\n"), lines)
    outlined = boxes(open_boxes(_data(data, lines, "task: segment\n")))
    assert len(outlined) == 3


@pytest.mark.parametrize("corners", [[3, 4, 5], [4, 4, 4], [12, 12, 12], [9, 9, 30]])
def test_outlines_stay_outlines(tmp_path: Path, corners: list[int]) -> None:
    lines = [_outline(n) for n in corners * 3]
    for (label, left, _, right, _), line in zip(
        (each for (each,) in boxes(open_boxes(_data(tmp_path / "d", lines))).values()), lines, strict=True
    ):
        xs = list(map(float, line.split()[1::2]))
        assert label == "cat"
        assert np.allclose([left, right], [40 * min(xs), 40 * max(xs)], atol=0.02)


def test_lines_of_another_length_are_reported(tmp_path: Path) -> None:
    lines = [_pose(4, 3), _pose(3, 3), "0 .5 .5 .2 .2"]
    found = open_boxes(_data(tmp_path / "d", lines, "kpt_shape: [4, 3]\n"))
    assert [len(each) for each in boxes(found).values()] == [1, 0, 1]
    what = (
        "13 numbers after the class, not 4 for a box (x, y, width, height), nor 16 for a box with key points: left out"
    )
    assert found.problems == (RowProblem("labels/train/1.txt line 1", what),)


@pytest.mark.parametrize(
    "shape", ["17", "[17]", "[17, 4]", "[0, 2]", "[17, 3, 1]", "[[1], 2]", "{a: b}", "[99999999, 2]"]
)
def test_an_invalid_kpt_shape_is_refused(tmp_path: Path, shape: str) -> None:
    with pytest.raises(DataError, match=r"data\.yaml: 'kpt_shape' is not a number of key points and 2 or 3"):
        open_boxes(_data(tmp_path / "d", [_pose(17, 3)], f"kpt_shape: {shape}\n"))
