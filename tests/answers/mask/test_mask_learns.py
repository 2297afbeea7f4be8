"""Train a segmentation recogniser end to end, from files to files."""

from __future__ import annotations

import csv
import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

from present import present
from seehear import api
from seehear.answers import ANSWERS
from seehear.answers.mask import MaskSpec
from seehear.datasets import open_labelled
from seehear.planning.plan import plan_recipe
from seehear.recipe import Recipe, Training
from seehear.senses.sight.architectures import FeaturePyramid
from seehear.senses.sight.plan import SightSpec

CLASSES = "background\ndisc\nsquare\n"


def shapes(folder: Path, examples: int, seed: int, scale: int = 1) -> Path:
    """Discs and squares of equal brightness in noise, in pictures of two sizes, `scale` times as high and wide."""
    random = np.random.default_rng(seed)
    (folder / "masks").mkdir(parents=True)
    (folder / "classes.txt").write_text(CLASSES)
    rows = []
    for number in range(examples):
        height, width = scale * 64, scale * (64 if number % 2 else 96)
        y, x = np.indices((height, width))
        mask = np.zeros((height, width), np.uint8)
        for shape in (1, 2) * scale**2:
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


def small_recipe(answer: MaskSpec) -> Recipe:
    sight = SightSpec(
        height=64,
        width=96,
        channels=1,
        encoder=FeaturePyramid(stages=(16, 32, 64), depth=2),
        mirror=True,
        augmentation_strength=0.3,
        output_stride_px=4,
    )
    training = Training(minutes=1, steps=150, batch=16, learning_rate=0.004, held_out=0.2)
    return Recipe(senses={"image": sight}, kind="mask", answer=answer, width=64, training=training)


def coco_shapes(folder: Path, examples: int, seed: int) -> Path:
    """The same shapes in COCO's format: discs as polygons, squares as run lengths."""
    shapes(folder, examples, seed)
    pictures, objects = [], []
    for number in range(examples):
        mask = np.asarray(Image.open(folder / f"masks/{number}.png"))
        height, width = mask.shape
        pictures.append({"id": number, "file_name": f"{number}.png", "height": height, "width": width})
        y, x = np.nonzero(mask == 1)
        rim = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        radius, right, down = np.sqrt(len(x) / np.pi), x.mean() + 0.5, y.mean() + 0.5
        polygon = np.stack([right + radius * np.cos(rim), down + radius * np.sin(rim)], 1).round(2).ravel().tolist()
        packed = coco.encode(np.asfortranarray((mask == 2).astype(np.uint8)))
        for category, region in ((1, [polygon]), (2, packed | {"counts": packed["counts"].decode()})):
            objects.append({"image_id": number, "category_id": category, "segmentation": region, "bbox": [0, 0, 9, 9]})
    categories = [{"id": 1, "name": "disc"}, {"id": 2, "name": "square"}]
    (folder / "t.json").write_text(json.dumps({"images": pictures, "annotations": objects, "categories": categories}))
    return folder / "t.json"


@pytest.mark.slow
def test_unseen_shapes_are_segmented(tmp_path: Path) -> None:
    """Trained on outlines, and evaluated on outlines and on mask files of the same classes."""
    data, unseen = coco_shapes(tmp_path / "train", 120, 0), coco_shapes(tmp_path / "test", 40, 1)
    cells = open_labelled(data, "mask", None, tmp_path / "ws").answers()
    recipe = small_recipe(ANSWERS["mask"].plan(cells, "mask"))
    model = api.train(data, tmp_path / "m.seehear", answer="mask", recipe=recipe)
    by_outlines = model.evaluate(unseen)
    evaluation = api.load(tmp_path / "m.seehear").evaluate(unseen.parent / "examples.csv", report=tmp_path / "report")
    assert evaluation.metrics["miou"] > 0.8, evaluation
    assert by_outlines.metrics["miou"] == pytest.approx(evaluation.metrics["miou"], abs=0.05)
    assert abs(evaluation.scored.confidence.mean() - evaluation.scored.right.mean()) < 0.15
    assert (tmp_path / "report/answers.png").exists()
    answer = model.predict(unseen.parent / "0.png").answer
    assert answer is not None
    kept = np.asarray(Image.open(BytesIO(answer.files()["png"])))
    truth = np.asarray(Image.open(unseen.parent / "masks/0.png"))
    assert kept.shape == truth.shape
    assert (kept == truth).mean() > 0.9
    large = shapes(tmp_path / "large", 4, 2, scale=4)
    whole, tiled = (model.evaluate(large, tiles=tiles) for tiles in (False, True))
    assert whole.metrics["miou"] < 0.6, whole
    assert tiled.metrics["miou"] > 0.75, tiled


def test_a_mask_of_another_size_is_skipped_and_reported(tmp_path: Path) -> None:
    from learning import open_all_kinds, recipe_for
    from seehear.events import ignore_events
    from seehear.learn.data.cache import DatasetCache

    data = shapes(tmp_path / "data", 6, 0)
    Image.fromarray(np.eye(40, dtype=np.uint8)).save(data.parent / "masks/3.png")
    table = open_all_kinds(data, workspace=tmp_path)
    recipe = recipe_for("mask", ("image",))
    recipe = recipe.model_copy(update={"answer": ANSWERS["mask"].plan(table.answers(), "mask")})
    dataset = DatasetCache.build(table, recipe, tmp_path / "dataset", listen=ignore_events)
    assert len(dataset) == 5
    (problem,) = table.problems + dataset.problems
    assert problem.where == "examples.csv row 5"
    assert problem.what == "a mask of 40 by 40 pixels for a picture of 64 by 64"
    again = DatasetCache(table, recipe, tmp_path / "dataset")
    assert again.geometry(0) == dataset.geometry(0) is not None
    assert (again.batch([0]).target["classes"] == dataset.batch([0]).target["classes"]).all()
    assert np.array_equal(
        dataset.truth(0).transform(present(dataset.geometry(0)).warp).resample(16, 16),
        dataset.batch([0]).target["classes"][0],
    )


def test_outlines_of_another_size_are_skipped(tmp_path: Path) -> None:
    from learning import recipe_for
    from seehear.events import ignore_events
    from seehear.learn.data.cache import DatasetCache

    data = coco_shapes(tmp_path / "data", 6, 0)
    Image.new("L", (30, 20)).save(data.parent / "3.png")
    table = open_labelled(data, "mask", None, tmp_path / "ws")
    recipe = recipe_for("mask", ("image",))
    recipe = recipe.model_copy(update={"answer": ANSWERS["mask"].plan(table.answers(), "mask")})
    dataset = DatasetCache.build(table, recipe, tmp_path / "dataset", listen=ignore_events)
    assert len(dataset) == 5
    (problem,) = table.problems + dataset.problems
    assert "the picture's size is unknown or differs from the one they were drawn on" in problem.what


def test_the_plan_chooses_large_pictures_and_small_batches(tmp_path: Path) -> None:
    from learning import open_all_kinds
    from seehear.planning.options import TrainOptions
    from seehear.planning.plan import Machine

    table = open_all_kinds(shapes(tmp_path / "data", 12, 0), workspace=tmp_path)
    recipe = plan_recipe(table, TrainOptions(minutes=1.0), lambda: Machine(60.0))
    sight, answer = recipe.senses["image"], recipe.answer
    assert isinstance(sight, SightSpec) and isinstance(answer, MaskSpec)
    assert isinstance(sight.encoder, FeaturePyramid)
    assert (sight.output_stride_px, sight.encoder.stem_stride(sight.input_size), sight.mirror) == (4, 2, True)
    assert recipe.training.batch == 32
    assert answer.classes == ("background", "disc", "square")
    assert Recipe.from_json(recipe.to_json()) == recipe


def test_a_mask_of_another_size_is_reported_in_evaluation(tmp_path: Path) -> None:
    from seehear.answers.mask import Mask
    from seehear.evaluation import _find_problem
    from seehear.runtime.prediction import ExampleSource, Prediction

    recipe_spec = ANSWERS["mask"].plan([str(_save_square(tmp_path, 20))], "mask")
    truth = ANSWERS["mask"].read(str(_save_square(tmp_path, 20)), recipe_spec)
    answer = Mask.from_pixels(np.zeros((10, 20), np.uint8), recipe_spec)

    class ScoredAnswers:
        kind, answer = "mask", recipe_spec

    problem = _find_problem(Prediction(ExampleSource("a.png"), answer, 0.5, True), truth, ScoredAnswers())  # type: ignore[arg-type]
    assert problem is not None
    assert problem.what == "a mask of 20 by 20 pixels for a picture of 20 by 10"


def _save_square(folder: Path, side: int) -> Path:
    Image.fromarray(np.eye(side, dtype=np.uint8)).save(folder / "square.png")
    return folder / "square.png"
