"""Compare with networks of Hugging Face's transformers: the same pictures, time budget and metrics.

They start from random weights, as ours does, and train on the whole train part, of which ours holds out a tenth for
calibration. Their budget is for training alone; ours includes everything from reading files to writing the model.
transformers runs in a separate virtual environment, created on first use, with our versions of its dependencies.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.accuracy import figure
from benchmarks.budget import Budget
from benchmarks.data import Examples, Store
from benchmarks.machine import pace
from benchmarks.results import Figure
from seehear.answers import ANSWERS, Answer
from seehear.answers.boxes import Box, Boxes
from seehear.answers.boxes.answer import MIN_CONFIDENCE
from seehear.answers.mask import Mask
from seehear.measure.evaluate import Evaluation, evaluate
from seehear.recipe import Recipe
from seehear.senses import SENSES
from seehear.table import open_table

PACKAGES = ("transformers==5.23.0", "torch", "scipy", "pillow")
VERSIONS = Path(__file__).parent.parent / "constraints.txt"
NAMES = {"yolos": "YOLOS", "d-fine": "D-FINE", "segformer": "SegFormer"}


def compare_with(
    network: str, ours: Evaluation, recipe: Recipe, examples: Examples, budget: Budget, store: Store
) -> Iterator[Figure]:
    """The headline metric of one of NAMES after the same budget, and our margin over it."""
    who, kind = NAMES[network], ANSWERS[recipe.kind]
    headline = kind.headline(recipe.answer).metric
    with tempfile.TemporaryDirectory(prefix="hugging-face-") as temporary:
        folder = Path(temporary)
        truths = give(folder, network, recipe, examples, budget)
        _run(store.environment("transformers", "-c", str(VERSIONS), *PACKAGES), folder)
        result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        answers = [to_answer(folder, answer, recipe.answer) for answer in result["answers"]]
    theirs = evaluate(kind, recipe.answer, answers, truths, accepted=[False] * len(answers))
    yield figure(theirs, headline, f"{headline} of {who}, randomly initialised")
    yield Figure(
        "margin of seehear over that", 100 * (ours.metrics[headline] - theirs.metrics[headline]), "points", at_least=0
    )
    yield Figure(f"epochs of {who}", result["epochs"])
    yield Figure(f"pictures per second, {who}", result["per_s"])


def _run(python: Path, folder: Path) -> None:
    script = Path(__file__).with_name("hugging_face_tutorial.py")
    quiet = {**os.environ, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error", "PYTHONPATH": ""}
    subprocess.run([python, script, folder], env=quiet, stdout=subprocess.DEVNULL, check=True)


def give(folder: Path, network: str, recipe: Recipe, examples: Examples, budget: Budget) -> list[Answer]:
    """Write the job to a folder; returns the test truths, which are not part of it."""
    train, test = (list(_rows(place, recipe)) for place in (examples.train, next(iter(examples.tests.values()))))
    spec: Any = recipe.answer
    job = {
        "network": network,
        "classes": spec.classes,
        "train": [(path, _drawn(truth, spec, folder / f"{n:06d}-true.png")) for n, (path, truth) in enumerate(train)],
        "test": [path for path, _ in test],
        "seconds": budget.minutes * 60,
        "steps": budget.steps,
        "precision": pace(1.0).precision,
        "seed": budget.seed,
    }
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    return [truth for _, truth in test]


def _rows(place: Path, recipe: Recipe) -> Iterator[tuple[str, Answer]]:
    """The file of each picture, and its truth."""
    kind, (sense,) = ANSWERS[recipe.kind], recipe.senses
    with tempfile.TemporaryDirectory() as workspace:
        table = open_table(place, senses_known=(SENSES[sense],), kinds=(kind,), workspace=Path(workspace))
        for row in table:
            yield str(Path(str(row.inputs[sense])).resolve()), kind.read(row.answer or "", recipe.answer)


def _drawn(truth: Any, spec: Any, file: Path) -> Any:
    """[class, x1, y1, x2, y2] of each box that counts; for a mask, the file of its classes."""
    if isinstance(truth, Boxes):
        wanted = (box for box in truth.boxes if not (box.crowd or box.difficult))
        return [(spec.index[box.label], *box.xyxy) for box in wanted]
    Image.fromarray(truth.pixels).save(file)
    return str(file)


def to_answer(folder: Path, answer: Any, spec: Any) -> Answer:
    """An answer like ours: the boxes of at least MIN_CONFIDENCE, most confident first; a mask from its file."""
    if isinstance(answer, str):
        return Mask.from_pixels(np.asarray(Image.open(folder / answer)), spec)
    boxes = [Box(spec.classes[int(label)], (x1, y1, x2, y2), score) for label, x1, y1, x2, y2, score in answer]
    number = sum(box.confidence >= MIN_CONFIDENCE for box in boxes)
    return Boxes(tuple(boxes[:number]), low_confidence=tuple(boxes[number:]))
