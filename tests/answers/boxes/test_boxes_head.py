"""The detection head: assignment, loss, and targets that are warped like answers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seehear.answers import ANSWERS
from seehear.answers.boxes import Box, Boxes
from seehear.answers.boxes.answer import IGNORE, OBJECT
from seehear.answers.boxes.head import Head, assign, generalised_iou
from seehear.geometry import Cells, Geometry, Grid, Warp, Warps

BOXES = ANSWERS["boxes"]
SPEC = BOXES.plan(['[{"label":"cat","xyxy":[0,0,9,9]},{"label":"dog","xyxy":[0,0,9,9]}]'], "boxes")
PICTURE = Grid((64, 96), 1.0, "px")
HERE = Geometry(Warp.identity(2), PICTURE, PICTURE)


def target(*boxes: Box) -> dict[str, torch.Tensor]:
    arrays = BOXES.target(Boxes(boxes), SPEC, HERE)
    return {name: torch.from_numpy(array)[None] for name, array in arrays.items()}


def cells(seed: int = 0) -> Cells:
    """Random cells on two grids of a picture of 96 x 64 px."""
    torch.manual_seed(seed)
    levels = [
        Cells(torch.randn(2, h * w, 16), torch.ones(2, h * w, dtype=torch.bool), Grid((h, w), pitch, "px"))
        for h, w, pitch in ((8, 12, 8.0), (4, 6, 16.0))
    ]
    return Cells(levels[1].x, levels[1].valid_mask, levels[1].grid, finer=(levels[0],))


def test_each_cell_predicts_a_box_around_itself() -> None:
    raw = Head(SPEC, (16, 16)).eval()(cells())
    assert {name: tuple(array.shape) for name, array in raw.items()} == {
        "corners": (2, 120, 4),
        "logits": (2, 120, 2),
        "cells": (2, 120, 3),
    }
    assert raw["cells"][0, [0, 1, 12, 96]].tolist() == [[4, 4, 8], [12, 4, 8], [4, 12, 8], [8, 8, 16]]
    middle = raw["cells"][..., :2]
    assert (raw["corners"][..., :2] < middle).all() and (raw["corners"][..., 2:] > middle).all()
    assert torch.allclose(raw["logits"].sigmoid(), torch.tensor(0.01), atol=1e-3)


@pytest.mark.parametrize("mirrored", [1, -1])
def test_targets_are_warped_like_answers(mirrored: int) -> None:
    boxes = (Box("cat", (10, 20, 30, 50)), Box("dog", (40, 5, 60, 25), crowd=True))
    warp = Warp((mirrored * 1.25, 0.5), (96.0 if mirrored < 0 else 0.0, 8.0))
    warps = Warps(torch.tensor([warp.scale]), torch.tensor([warp.offset]))
    warped = Head(SPEC, (16, 16)).warp_target(target(*boxes), warps)
    expected = [box.xyxy for box in Boxes(boxes).transform(warp).boxes]
    assert np.allclose(warped["corners"][0], expected)
    assert warped["kind"][0].tolist() == [OBJECT, IGNORE]


def test_objects_mostly_outside_the_picture_are_ignored() -> None:
    boxes = (Box("cat", (0, 0, 40, 40)), Box("cat", (0, 0, 90, 40)), Box("cat", (0, 0, 20, 40)))
    warped = Head(SPEC, (16, 16)).warp_target(target(*boxes), Warps(torch.ones(1, 2), torch.tensor([[-30.0, 0.0]])))
    assert warped["kind"][0].tolist() == [IGNORE, OBJECT, 0]
    assert warped["corners"][0, :2].tolist() == [[0, 0, 10, 40], [0, 0, 60, 40]]


def test_objects_are_assigned_to_the_cells_that_predict_them_best() -> None:
    truth = target(Box("dog", (16, 16, 48, 48)), Box("cat", (72, 8, 76, 12)), Box("cat", (56, 32, 88, 64), crowd=True))
    raw = Head(SPEC, (16, 16)).eval()(cells())
    corners, logits, places = (raw[name][:1].detach() for name in ("corners", "logits", "cells"))
    best = 2 * 12 + 3  # a cell inside the dog that predicts its box
    corners[0, best] = truth["corners"][0, 0]
    assigned = assign(corners, logits, places, truth)
    assert assigned.scores[0, best].tolist() == pytest.approx([0, 1], abs=1e-4)
    assert int(assigned.box_index[0, best]) == 0
    inside = ((places[0, :, :2] - 32).abs() < 16).all(1)
    tiny = ((places[0, :, :2] - torch.tensor([74.0, 10.0])).abs() < 0.75 * places[0, :, 2:]).all(1)
    assert assigned.scores[0, ~inside & ~tiny].sum() == 0
    assert assigned.scores[0, tiny, 0].sum() > 0
    assert (assigned.scores[0, inside, 1] > 0).sum() <= 10
    ignored = ((places[0, :, :2] - torch.tensor([72.0, 48.0])).abs() < 16).all(1)
    assert assigned.weights[0, ignored].sum() == 0
    assert assigned.weights[0, ~ignored].all()


@pytest.mark.parametrize(("counts", "weights"), [((9, 1), (5 / 6, 5 / 2)), ((5, 5), (1, 1)), ((10**6, 0), (1, 10))])
def test_scores_of_rare_classes_weigh_more(counts: tuple[int, int], weights: tuple[float, float]) -> None:
    spec = SPEC.model_copy(update={"counts": counts})
    head = Head(spec, (16, 16)).eval()
    assert head.class_weights.tolist() == pytest.approx(weights, rel=0.1)
    raw = {name: array[:1] for name, array in head(cells()).items()}
    nothing, losses = target(), []
    for label in range(2):  # a false detection of each class
        logits = torch.full_like(raw["logits"], -20.0)
        logits[:, 0, label] = 5.0
        losses.append(head.loss({**raw, "logits": logits}, nothing)[0].item())
    assert losses[1] / losses[0] == pytest.approx(float(head.class_weights[1] / head.class_weights[0]), rel=1e-3)


def test_the_loss_is_lower_for_correct_boxes() -> None:
    truth = target(Box("dog", (16, 16, 48, 48)))
    head = Head(SPEC, (16, 16)).eval()
    raw = {name: array[:1].detach().clone() for name, array in head(cells()).items()}
    untrained = float(head.loss(raw, truth))
    raw["corners"][0, 27] = truth["corners"][0, 0]
    raw["logits"][0, 27, 1] = 6.0
    correct = float(head.loss(raw, truth))
    raw["logits"][0, 27] = torch.tensor([6.0, -4.6])
    wrong = float(head.loss(raw, truth))
    assert correct < untrained
    assert correct < wrong
    empty = target()
    assert torch.isfinite(head.loss(raw, empty)).all()
    assert float(head.loss(raw, empty)) > 4, "a detection on an empty picture is an error"


def test_generalised_iou_of_three_pairs() -> None:
    a = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 10], [0, 0, 10, 10]])
    b = torch.tensor([[0.0, 0, 10, 10], [5, 0, 15, 10], [20, 0, 30, 10]])
    assert generalised_iou(a, b).tolist() == pytest.approx([1, 1 / 3, -1 / 3])
