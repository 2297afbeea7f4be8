"""An answer goes back into a table cell, and the cell is read as the same truth."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from learning import ANSWER_CELLS, PAIRS, dataset_of, recipe_for
from seehear.answers import ANSWERS
from seehear.answers.boxes import Box, Boxes
from seehear.answers.label import Label, LabelSpec
from seehear.answers.mask import Mask
from seehear.answers.mask.spec import UNKNOWN
from seehear.learn.model.network import Network

NAMES = st.text(min_size=1).map(str.strip).filter(bool)
PX = st.floats(-1e4, 1e4)


@pytest.mark.parametrize("kind", sorted(ANSWERS))
def test_a_truth_is_read_back_as_itself(kind: str) -> None:
    spec = ANSWERS[kind].plan(ANSWER_CELLS[kind], kind)
    for cell in ANSWER_CELLS[kind]:
        truth = ANSWERS[kind].read(cell, spec)
        assert ANSWERS[kind].read(truth.to_cell(), spec) == truth


@pytest.mark.parametrize(("kind", "senses"), PAIRS, ids=str)
def test_a_prediction_is_read_back_as_the_same_training_target(kind, senses, tmp_path) -> None:
    dataset = dataset_of(recipe_for(kind, senses), tmp_path)
    spec, batch = dataset.recipe.answer, dataset.batch(range(4))
    with torch.no_grad():
        raw = Network(dataset.recipe).eval()(batch.inputs, batch.present)
    for row in range(4):
        arrays = {name: raw[name][row].numpy() for name in ANSWERS[kind].raw_shapes(spec)}
        answer = ANSWERS[kind].to_answer(arrays, spec, {}, dataset.geometry(row))
        truth = ANSWERS[kind].read(answer.to_cell(), spec)
        assert truth.to_cell() == answer.to_cell()
        expected = ANSWERS[kind].target(answer, spec, None)
        assert all(
            np.array_equal(array, expected[name]) for name, array in ANSWERS[kind].target(truth, spec, None).items()
        )


@given(classes=st.lists(NAMES, min_size=2, max_size=5, unique=True), data=st.data())
def test_any_names_of_several_classes(classes: list[str], data: st.DataObject) -> None:
    spec = LabelSpec(classes=tuple(classes), several=True, counts=(2,) * len(classes))
    has = data.draw(st.lists(st.sampled_from(classes), unique=True))
    label = Label(tuple(sorted(has, key=spec.index.__getitem__)), several=True)
    assert ANSWERS["label"].read(label.to_cell(), spec) == label


@given(value=st.floats(-1e99, 1e99))
def test_any_number(value: float) -> None:
    spec = ANSWERS["score"].plan(["1", "2", "3"], "score")
    score = ANSWERS["score"].read("1", spec)
    assert ANSWERS["score"].read(type(score)(value, "", value, value).to_cell(), spec).value == value


@given(corners=st.lists(st.tuples(PX, PX, st.floats(0.01, 1e3), st.floats(0.01, 1e3)), max_size=4), crowd=st.booleans())
def test_any_boxes(corners: list[tuple[float, float, float, float]], crowd: bool) -> None:
    spec = ANSWERS["boxes"].plan(ANSWER_CELLS["boxes"], "boxes")
    boxes = Boxes(
        tuple(Box("odd", (x, y, x + width, y + height), crowd=crowd) for x, y, width, height in corners),
        classes=spec.classes,
    )
    assert ANSWERS["boxes"].read(boxes.to_cell(), spec) == boxes


@given(seed=st.integers(0, 1000), height=st.integers(1, 9), width=st.integers(1, 9))
@settings(max_examples=50)
def test_any_mask(seed: int, height: int, width: int) -> None:
    spec = ANSWERS["mask"].plan(ANSWER_CELLS["mask"], "mask")
    pixels = np.random.default_rng(seed).choice([*range(len(spec.classes)), UNKNOWN], (height, width)).astype(np.uint8)
    mask = Mask.from_pixels(pixels, spec)
    assert ANSWERS["mask"].read(mask.to_cell(), spec) == mask
