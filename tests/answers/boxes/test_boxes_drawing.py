"""Boxes as regions that people draw: into a cell and back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seehear.answers.boxes.drawing import REGIONS as KIND
from seehear.answers.regions import Drawing, Region
from seehear.errors import InputError

WIDTH, HEIGHT = 640, 480
SIDES = st.tuples(
    *(st.lists(st.integers(0, side), min_size=2, max_size=2, unique=True).map(sorted) for side in (WIDTH, HEIGHT))
)
BOXES = st.builds(
    lambda label, sides, crowd: Region(
        label, (sides[0][0], sides[1][0], sides[0][1], sides[1][1]), marks={"crowd": True} if crowd else {}
    ),
    st.text(min_size=1),
    SIDES,
    st.booleans(),
)


@given(st.lists(BOXES, max_size=5))
def test_what_is_drawn_is_read_again(boxes: list[Region]) -> None:
    drawing = Drawing(tuple(boxes))
    cell = KIND.write(drawing, (HEIGHT, WIDTH), "")
    assert KIND.read(cell) == drawing
    assert KIND.labels(cell) == sorted({box.label for box in boxes if box.label is not None})


@pytest.mark.parametrize("corners", [(0, 0, 641, 10), (-1, 0, 5, 5), (5, 5, 5, 9), (9, 5, 5, 9), (1, 2, 3)])
def test_a_box_that_is_not_within_the_picture_is_refused(corners: tuple[float, ...]) -> None:
    with pytest.raises(InputError):
        KIND.write(Drawing((Region("cat", corners),)), (HEIGHT, WIDTH), "")


def test_an_empty_picture_is_an_answer() -> None:
    assert KIND.write(Drawing(), (HEIGHT, WIDTH), "") == "[]"
    assert KIND.read("[]") == Drawing()


def test_a_class_is_renamed_in_a_cell() -> None:
    cell = json.dumps([{"label": "cat", "xyxy": [1, 2, 3, 4], "crowd": True}, {"label": "dog", "xyxy": [5, 6, 7, 8]}])
    renamed = json.loads(KIND.rename(cell, "cat", "lion"))
    assert [each["label"] for each in renamed] == ["lion", "dog"]
    assert renamed[0]["crowd"] is True
