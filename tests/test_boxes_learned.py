"""Handwritten digits and bright blocks lie about in noise: they are found again, from the first picture to a report."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from seehear import api
from seehear.answers import ANSWERS
from seehear.answers.boxes import Boxes
from seehear.events import Listener, silence
from seehear.recipe import Recipe, Training
from seehear.senses.sight.plan import SightSpec

SIDE_PX = 64
STEPS = 250


def scenes(folder: Path, n: int, seed: int) -> Path:
    """Pictures with up to four things that do not touch, and a table with a row a box."""
    random = np.random.default_rng(seed)
    digits = load_digits().images / 16
    folder.mkdir(parents=True)
    with (folder / "boxes.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image", "label", "x1", "y1", "x2", "y2"])
        for number in range(n):
            pixels = random.normal(60, 15, (SIDE_PX, SIDE_PX))
            drawn = []
            for _ in range(random.integers(0, 5)):
                width, height = random.integers(12, 25, 2).tolist()
                x, y = random.integers(0, SIDE_PX - width), random.integers(0, SIDE_PX - height)
                if any(x < x2 and x1 < x + width and y < y2 and y1 < y + height for _, x1, y1, x2, y2 in drawn):
                    continue
                label = ("block", "digit")[random.integers(2)]
                ink = np.ones((height, width))
                if label == "digit":
                    digit = Image.fromarray(digits[random.integers(len(digits))].astype(np.float32))
                    ink = np.asarray(digit.resize((width, height), Image.Resampling.BILINEAR))
                pixels[y : y + height, x : x + width] += 120 * ink
                drawn.append((label, x, y, x + width, y + height))
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / f"{number}.png")
            table.writerows([f"{number}.png", *box] for box in drawn or [("", "", "", "", "")])
    return folder / "boxes.csv"


def taught(folder: Path, steps: int, listen: Listener = silence) -> api.Recogniser:
    sight = SightSpec(
        height=SIDE_PX, width=SIDE_PX, channels=1, stages=(16, 32, 64), mirror=False, strength=0.3, finest_px=8
    )
    table = scenes(folder / "train", 240, 0)
    spec = ANSWERS["boxes"].plan(['[{"label":"block","xyxy":[0,0,9,9]},{"label":"digit","xyxy":[0,0,9,9]}]'], "boxes")
    training = Training(minutes=3, steps=steps, batch=16, learning_rate=0.004, held_out=0.2)
    recipe = Recipe(senses={"image": sight}, kind="boxes", answer=spec, width=64, training=training)
    return api.train(table, recipe=recipe, listen=listen)


@pytest.mark.slow
def test_things_in_noise_are_found_and_the_confidence_is_honest(tmp_path: Path) -> None:
    model = taught(tmp_path, STEPS)
    judged = model.evaluate(scenes(tmp_path / "test", 100, 1), report=tmp_path / "report")
    assert judged.metrics["map50"] > 0.9
    assert judged.metrics["recall"] > 0.85
    assert judged.metrics["ece"] < 0.15
    answer = model.predict(tmp_path / "test" / "0.png").answer
    assert isinstance(answer, Boxes)
    assert all(0 <= corner <= SIDE_PX for box in answer.boxes for corner in box.xyxy)
    assert (tmp_path / "report" / "answers.png").exists()
