"""Train a detector of handwritten digits and bright blocks in noise, end to end."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from seehear import api
from seehear.answers import ANSWERS
from seehear.answers.boxes import Boxes
from seehear.answers.boxes.answer import to_corners
from seehear.answers.boxes.overlap import box_iou
from seehear.events import Listener, ignore_events
from seehear.recipe import Recipe, Training
from seehear.senses.sight.architectures import FeaturePyramid
from seehear.senses.sight.plan import SightSpec
from squares import boxes_of

SIDE_PX = 64
STEPS = 250


def scenes(folder: Path, n: int, seed: int, side_px: int = SIDE_PX) -> Path:
    """Pictures with separate objects, up to four per SIDE_PX square, and a table with a row per box."""
    random = np.random.default_rng(seed)
    digits = load_digits().images / 16
    folder.mkdir(parents=True)
    with (folder / "boxes.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image", "label", "x1", "y1", "x2", "y2"])
        for number in range(n):
            pixels = random.normal(60, 15, (side_px, side_px))
            objects: list[tuple[Any, ...]] = []
            for _ in range(random.integers(0, 5) * (side_px // SIDE_PX) ** 2):
                width, height = random.integers(12, 25, 2).tolist()
                x, y = random.integers(0, side_px - width), random.integers(0, side_px - height)
                if any(x < x2 and x1 < x + width and y < y2 and y1 < y + height for _, x1, y1, x2, y2 in objects):
                    continue
                label = ("block", "digit")[random.integers(2)]
                ink = np.ones((height, width))
                if label == "digit":
                    digit = Image.fromarray(digits[random.integers(len(digits))].astype(np.float32))
                    ink = np.asarray(digit.resize((width, height), Image.Resampling.BILINEAR))
                pixels[y : y + height, x : x + width] += 120 * ink
                objects.append((label, x, y, x + width, y + height))
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / f"{number}.png")
            table.writerows([f"{number}.png", *box] for box in objects or [("", "", "", "", "")])
    return folder / "boxes.csv"


def train(folder: Path, steps: int, listen: Listener = ignore_events) -> api.Recogniser:
    sight = SightSpec(
        height=SIDE_PX,
        width=SIDE_PX,
        channels=1,
        encoder=FeaturePyramid(stages=(16, 32, 64)),
        mirror=False,
        augmentation_strength=0.3,
        output_stride_px=8,
    )
    table = scenes(folder / "train", 240, 0)
    spec = ANSWERS["boxes"].plan(
        ['[{"label":"block","xyxy":[0,0,24,24]},{"label":"digit","xyxy":[0,0,24,24]}]'], "boxes"
    )
    training = Training(minutes=3, steps=steps, batch=16, learning_rate=0.004, held_out=0.2)
    recipe = Recipe(senses={"image": sight}, kind="boxes", answer=spec, width=64, training=training)
    return api.train(table, recipe=recipe, listen=listen)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> api.Recogniser:
    return train(tmp_path_factory.mktemp("boxes"), STEPS)


@pytest.mark.slow
@pytest.mark.xdist_group("boxes")
def test_objects_are_detected_with_calibrated_confidence(model: api.Recogniser, tmp_path: Path) -> None:
    evaluation = model.evaluate(scenes(tmp_path / "test", 100, 1), report=tmp_path / "report")
    assert evaluation.metrics["map50"] > 0.9
    assert evaluation.metrics["recall"] > 0.85
    assert evaluation.metrics["ece"] < 0.15
    answer = model.predict(tmp_path / "test" / "0.png").answer
    assert isinstance(answer, Boxes)
    assert all(0 <= corner <= SIDE_PX for box in answer.boxes for corner in box.xyxy)
    assert (tmp_path / "report" / "answers.png").exists()


@pytest.mark.slow
@pytest.mark.xdist_group("boxes")
def test_tiles_find_objects_in_pictures_four_times_as_large(model: api.Recogniser, tmp_path: Path) -> None:
    large = scenes(tmp_path / "large", 8, 2, 4 * SIDE_PX)
    whole, tiled = (model.evaluate(large, tiles=tiles) for tiles in (False, True))
    assert whole.metrics["map50"] < 0.2
    assert tiled.metrics["map50"] > 0.85
    assert tiled.metrics["precision"] > 0.85  # objects on seams are reported once
    assert tiled.metrics["ece"] < 0.15


@pytest.mark.slow
@pytest.mark.xdist_group("boxes")
def test_tiles_of_a_mosaic_are_answered_like_its_parts(model: api.Recogniser, tmp_path: Path) -> None:
    folder = scenes(tmp_path / "small", 16, 3).parent
    small = [np.asarray(Image.open(folder / f"{number}.png")) for number in range(16)]
    large = np.concatenate([np.concatenate(small[row : row + 4], axis=1) for row in range(0, 16, 4)])
    together = to_corners(boxes_of(model.predict(large, tiles=True)))
    alone = [
        to_corners(boxes_of(prediction)) + np.tile([number % 4, number // 4], 2) * SIDE_PX
        for number, prediction in enumerate(model.predict(small))
    ]
    iou = box_iou(np.concatenate(alone), together)
    assert len(iou) > 10
    assert abs(iou.shape[0] - iou.shape[1]) <= 0.1 * len(iou)
    assert (iou.max(1) > 0.6).mean() > 0.9
