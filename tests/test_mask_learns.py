"""A recogniser that is taught what is where on pictures, from files to files."""

from __future__ import annotations

import csv
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seehear import api
from seehear.answers import ANSWERS
from seehear.learn.plan import plan
from seehear.recipe import Recipe, Training
from seehear.senses.sight.plan import SightSpec

CLASSES = "ground\ndisc\nsquare\n"


def shapes(folder: Path, examples: int, seed: int, times: int = 1) -> Path:
    """Discs and squares of one brightness on noise, in pictures of two sizes, or so many times as high and wide."""
    random = np.random.default_rng(seed)
    (folder / "masks").mkdir(parents=True)
    (folder / "classes.txt").write_text(CLASSES)
    rows = []
    for number in range(examples):
        height, width = times * 64, times * (64 if number % 2 else 96)
        y, x = np.indices((height, width))
        mask = np.zeros((height, width), np.uint8)
        for shape in (1, 2) * times**2:
            radius = random.integers(8, 14)
            row, column = random.integers(10, height - 10), random.integers(10, width - 10)
            far = np.hypot(y - row, x - column) if shape == 1 else np.maximum(abs(y - row), abs(x - column))
            mask[far < radius] = shape
        picture = np.clip(random.normal(110 + 70 * (mask > 0), 25), 0, 255).astype(np.uint8)
        Image.fromarray(picture).save(folder / f"{number}.png")
        Image.fromarray(mask).save(folder / f"masks/{number}.png")
        rows.append({"image": f"{number}.png", "mask": f"masks/{number}.png"})
    with (folder / "examples.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, ["image", "mask"])
        table.writeheader()
        table.writerows(rows)
    return folder / "examples.csv"


@pytest.mark.slow
def test_shapes_that_were_never_seen_are_found_where_they_are(tmp_path: Path) -> None:
    data, unseen = shapes(tmp_path / "train", 120, 0), shapes(tmp_path / "test", 40, 1)
    cells = [str(path) for path in sorted((data.parent / "masks").iterdir())]
    sight = SightSpec(
        height=64, width=96, channels=1, stages=(16, 32, 64), depth=2, mirror=True, strength=0.3, finest_px=4
    )
    recipe = Recipe(
        senses={"image": sight},
        kind="mask",
        answer=ANSWERS["mask"].plan(cells, "mask"),
        width=64,
        training=Training(minutes=1, steps=150, batch=16, learning_rate=0.004, held_out=0.2),
    )
    model = api.train(data, tmp_path / "m.seehear", recipe=recipe)
    found = api.load(tmp_path / "m.seehear").evaluate(unseen, report=tmp_path / "report")
    assert found.metrics["miou"] > 0.8, found
    assert abs(found.judged.confidence.mean() - found.judged.right.mean()) < 0.15
    assert (tmp_path / "report/answers.png").exists()
    answer = model.predict(unseen.parent / "0.png").answer
    assert answer is not None
    kept = np.asarray(Image.open(BytesIO(answer.files()["png"])))
    truth = np.asarray(Image.open(unseen.parent / "masks/0.png"))
    assert kept.shape == truth.shape
    assert (kept == truth).mean() > 0.9
    large = shapes(tmp_path / "large", 4, 2, times=4)
    whole, tiled = (model.evaluate(large, tiles=tiles) for tiles in (False, True))
    assert whole.metrics["miou"] < 0.6, whole
    assert tiled.metrics["miou"] > 0.75, tiled


def test_a_mask_of_another_size_leaves_its_row_out_and_is_named(tmp_path: Path) -> None:
    from learning import opened, recipe_for
    from seehear.events import silence
    from seehear.learn.shelf import Shelf

    data = shapes(tmp_path / "data", 6, 0)
    Image.fromarray(np.eye(40, dtype=np.uint8)).save(data.parent / "masks/3.png")
    table = opened(data, tmp_path)
    recipe = recipe_for("mask", ("image",))
    recipe = recipe.model_copy(update={"answer": ANSWERS["mask"].plan(table.answers(), "mask")})
    shelf = Shelf.fill(table, recipe, tmp_path / "shelf", listen=silence)
    assert len(shelf) == 5
    (problem,) = shelf.problems
    assert problem.where.endswith("3.png")
    assert problem.what == "a mask of 40 by 40 pixels for a picture of 64 by 64"
    again = Shelf(table, recipe, tmp_path / "shelf")
    assert again.placed(0) == shelf.placed(0) is not None
    assert (again.batch([0]).target["classes"] == shelf.batch([0]).target["classes"]).all()
    assert np.array_equal(shelf.truth(0).moved(shelf.placed(0).warp).on(16, 16), shelf.batch([0]).target["classes"][0])


def test_the_plan_asks_for_large_pictures_and_few_at_once(tmp_path: Path) -> None:
    from learning import opened
    from seehear.learn.machine import Machine
    from seehear.learn.plan import Wishes

    table = opened(shapes(tmp_path / "data", 12, 0), tmp_path)
    recipe = plan(table, Wishes(minutes=1.0), Machine(100.0, "float32"))
    sight = recipe.senses["image"]
    assert (sight.finest_px, sight.stem_stride, sight.mirror) == (4, 2, True)
    assert recipe.training.batch == 32
    assert recipe.answer.classes == ("ground", "disc", "square")
    assert Recipe.from_json(recipe.to_json()) == recipe


def test_a_mask_that_is_not_its_pictures_is_left_out_when_judged(tmp_path: Path) -> None:
    """Asked of a recogniser that answers at the size of what it saw."""
    from seehear.answers.mask import Mask
    from seehear.judging import _problem
    from seehear.runtime.prediction import Prediction

    recipe_spec = ANSWERS["mask"].plan([str(_square(tmp_path, 20))], "mask")
    truth = ANSWERS["mask"].read(str(_square(tmp_path, 20)), recipe_spec)
    said = Mask.of(np.zeros((10, 20), np.uint8), recipe_spec)

    class Judged:
        kind, answer = "mask", recipe_spec

    problem = _problem(Prediction("a.png", said, 0.5, True), truth, Judged())  # type: ignore[arg-type]
    assert problem is not None
    assert problem.what == "a mask of 20 by 20 pixels for a picture of 20 by 10"


def _square(folder: Path, side: int) -> Path:
    Image.fromarray(np.eye(side, dtype=np.uint8)).save(folder / "square.png")
    return folder / "square.png"
