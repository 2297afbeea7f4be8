"""Outlines as regions that people draw: what they do not touch stays as it was."""

from __future__ import annotations

import json

import numpy as np
import pytest

from seehear.answers.mask.answer import Mask
from seehear.answers.mask.drawing import REGIONS as KIND
from seehear.answers.mask.outlines import format_outlines, parse_outlines
from seehear.answers.mask.spec import MaskSpec
from seehear.answers.regions import Drawing, Region
from seehear.errors import InputError

SHAPE = (20, 30)
TRIANGLE = (2.0, 3.0, 12.0, 3.0, 7.0, 15.0)
SPEC = MaskSpec(classes=("sky", "cat"), numbers=(0, 1), shares=(0.5, 0.5), colors=("#000000", "#ff0000"))


def masked() -> np.ndarray:
    inside = np.zeros(SHAPE, np.bool_)
    inside[4:12, 5:9] = inside[4:12, 20:26] = True
    return inside


def test_what_is_drawn_is_read_again() -> None:
    drawing = Drawing((Region("cat", TRIANGLE), Region("dog", (0.0, 0.0, 30.0, 0.0, 30.0, 20.0))), "sky")
    cell = KIND.write(drawing, SHAPE, "")
    assert KIND.read(cell) == drawing
    assert KIND.labels(cell) == ["cat", "dog"]
    assert parse_outlines(cell).shape == SHAPE


def test_run_lengths_stay_until_they_are_changed() -> None:
    before = format_outlines(SHAPE, {"cat": masked(), "dog": ~masked()})
    drawing = KIND.read(before)
    assert [region.label for region in drawing.regions] == ["cat", "cat", "dog"]
    added = drawing._replace(regions=(*drawing.regions, Region("bird", TRIANGLE)))
    outlines = json.loads(KIND.write(added, SHAPE, before))["outlines"]
    assert outlines[:2] == json.loads(before)["outlines"]
    assert outlines[2] == {"label": "bird", "polygons": [list(TRIANGLE)]}
    removed = drawing._replace(regions=drawing.regions[1:])
    outlines = json.loads(KIND.write(removed, SHAPE, before))["outlines"]
    assert [(each["label"], "rle" in each) for each in outlines] == [("dog", True), ("cat", False)]


def test_a_prediction_is_proposed_as_one_outline_for_each_region() -> None:
    mask = Mask.from_pixels(masked().astype(np.uint8), SPEC, class_confidence=(0.9, 0.8))
    cats = [region for region in KIND.predicted(mask) if region.label == "cat"]
    assert [region.corners for region in cats] == [(5, 4, 9, 4, 9, 12, 5, 12), (20, 4, 26, 4, 26, 12, 20, 12)]
    assert {region.confidence for region in cats} == {0.8}


def test_an_empty_picture_has_a_background() -> None:
    cell = KIND.write(Drawing(background="sky"), SHAPE, "")
    assert json.loads(cell) == {"size": [20, 30], "background": "sky", "outlines": []}
    assert KIND.labels(cell) == []


@pytest.mark.parametrize("corners", [(1, 2, 3, 4), (1, 2, 3, 4, 5), (0, 0, 31, 0, 5, 5), (-1, 0, 5, 0, 5, 5)])
def test_an_outline_that_is_none_is_refused(corners: tuple[float, ...]) -> None:
    with pytest.raises(InputError):
        KIND.write(Drawing((Region("cat", corners),)), SHAPE, "")


def test_a_class_is_renamed_as_a_label_and_as_the_background() -> None:
    cell = KIND.write(Drawing((Region("cat", TRIANGLE),), "sky"), SHAPE, "")
    assert KIND.read(KIND.rename(KIND.rename(cell, "cat", "lion"), "sky", "blue")) == Drawing(
        (Region("lion", TRIANGLE),), "blue"
    )
