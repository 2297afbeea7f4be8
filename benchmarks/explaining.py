"""Do explanations point at what decides, and what does one take?

    python -m benchmarks.explaining planted [--model FILE] [--count 24]
    python -m benchmarks.explaining cells [--model FILE] [--count 24]

planted   photos of CIFAR-10 at 96 px; in every other one a striped square of 14 px decides the class
cells     quarters of blood smears (BCCD) with a white cell, with platelets, or with neither

The pointing game (Zhang et al. 2016, arXiv:1608.00507): the share of right answers whose hottest point lies in a box of
the class. An answer may be right for another reason, and a map should then not point at the box. So the share is also
given of the pictures in which the boxes decide: without them, another class is answered.

Deletion AUC (Petsiuk et al. 2018, arXiv:1806.07421): the mean probability while the hottest parts are hidden first;
beside Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391) of the encoder's last cells. Without --model, a recogniser is
trained for two minutes.
"""

from __future__ import annotations

import argparse
import json
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from PIL import Image

from benchmarks.data import DATA, SEED, Store
from benchmarks.machine import pace
from benchmarks.results import Figure, record
from seehear import api
from seehear.explain.explain import explain
from seehear.learn.model.network import Network
from seehear.runtime.predictor import Examined, Predictor
from seehear.senses import SENSES
from seehear.senses.occlusion import Occlusion, enlarge

START, MINUTES = "efficientnet-lite0", 2.0
LEARNED = 400  # photos to train on; as many are tested
SIDE_PX, CUE_PX, STRIPE_PX = 96, 14, 4
WHOLE, OUTSIDE = 0.7, 0.1  # shares of a box within a quarter: it is in it, and it is not
QUARTER_PX = (320, 240)
MOST = 60  # quarters of each class
STEPS = 16  # of the deletion curve
TARGET_POINTING, TARGET_S = 0.8, 1.0
BOXES = "boxes.json"  # by the name of a picture
PLAIN = ("plain", "neither")  # classes without boxes

Array = NDArray[Any]
Box = tuple[float, float, float, float]


class Scores(NamedTuple):
    """Of one picture: whether the boxes decide, and the hottest point is in one; the deletion AUC; and what it took."""

    decides: bool
    hit: bool
    camera_hit: bool
    deletion: float
    camera_deletion: float
    processor_s: float
    wall_s: float


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.explaining", description=__doc__)
    parser.add_argument("part", choices=("planted", "cells"))
    parser.add_argument("--model", type=Path)
    parser.add_argument("--count", type=int, default=24, help="pictures to explain")
    parser.add_argument("--data", type=Path, default=DATA)
    options = parser.parse_args()
    store = Store(options.data)
    folder = _plant(store) if options.part == "planted" else _cut_quarters(store)
    before = pace()
    if options.model is None:
        recogniser = api.train(folder / "train", minutes=MINUTES, start=START)
    else:
        recogniser = api.load(options.model)
    scores = list(_score(recogniser, folder, options.count))
    own, other = (np.mean([each.hit for each in scores]), np.mean([each.camera_hit for each in scores]))
    deletion, camera = (np.mean([getattr(each, name) for each in scores]) for name in ("deletion", "camera_deletion"))
    figures = (
        Figure("hottest point in a box of the class", float(own), "%", at_least=TARGET_POINTING),
        Figure("the same, Grad-CAM", float(other), "%"),
        Figure("pictures in which the boxes decide", float(np.mean([each.decides for each in scores])), "%"),
        Figure("hottest point in a box, of these", _pointing(scores, "hit"), "%", at_least=TARGET_POINTING),
        Figure("the same, of these, Grad-CAM", _pointing(scores, "camera_hit"), "%"),
        Figure("deletion AUC, lower is better", float(deletion), at_most=float(camera)),
        Figure("the same, Grad-CAM", float(camera)),
        Figure("processor time to explain a picture", _median(scores, "processor_s"), "s", at_most=TARGET_S),
        Figure("the same by the clock", _median(scores, "wall_s"), "s"),
    )
    note = f"{len(scores)} pictures that are answered rightly; {recogniser.recipe.senses['image']}"
    record(f"explaining-{options.part}", note[:200], figures, before=before, after=pace())


def _pointing(scores: list[Scores], name: str) -> float:
    return float(np.mean([getattr(each, name) for each in scores if each.decides]))


def _median(scores: list[Scores], name: str) -> float:
    return float(np.median([getattr(each, name) for each in scores]))


def _score(recogniser: api.Recogniser, folder: Path, count: int) -> Iterator[Scores]:
    """The scores of up to `count` pictures, of all classes with boxes in turn."""
    boxes: dict[str, list[Box]] = json.loads((folder / BOXES).read_text())
    camera, predictor = Camera(recogniser), recogniser.predictor
    by_class = [sorted(each.iterdir()) for each in sorted((folder / "test").iterdir()) if each.name not in PLAIN]
    turns = [file for turn in zip(*by_class, strict=False) for file in turn] if len(by_class) > 1 else by_class[0]
    for file in turns:
        examined = predictor.examine(file)
        if str(examined.prediction.answer) != file.parent.name:
            continue
        wall_s, processor_s = time.perf_counter(), time.process_time()
        found = explain(predictor, file)
        processor_s, wall_s = time.process_time() - processor_s, time.perf_counter() - wall_s
        occlusion = SENSES["image"].occlude(examined.example.arrays["image"], examined.example.geometry["image"])
        maps = found.heat["image"].cells, enlarge(camera.look(examined), *occlusion.shape)
        drawn = found.heat["image"].on_drawn.shape
        hit, camera_hit = [_points_at(occlusion.project(each, (drawn[0], drawn[1])), boxes[file.name]) for each in maps]
        deletion, camera_deletion = [_deletion(recogniser, examined, occlusion, each) for each in maps]
        decides = _without_boxes(predictor, examined, occlusion, boxes[file.name]) != file.parent.name
        yield Scores(decides, hit, camera_hit, deletion, camera_deletion, processor_s, wall_s)
        count -= 1
        if not count:
            return


def _without_boxes(predictor: Predictor, examined: Examined, occlusion: Occlusion, boxes: list[Box]) -> str:
    """The answer while the cells that touch a box are hidden."""
    rows, columns = occlusion.shape
    hidden = np.zeros(occlusion.shape, np.float32)
    for row, column in np.ndindex(rows, columns):
        spans = occlusion.locate(slice(row, row + 1), slice(column, column + 1)).spans
        (x1, x2), (y1, y2) = spans["x_px"], spans["y_px"]
        hidden[row, column] = any(x1 < right and left < x2 and y1 < low and top < y2 for left, top, right, low in boxes)
    (outputs,) = predictor.run([{"image": occlusion.hide(hidden)}])
    return str(predictor.kind.to_answer(outputs.raw, examined.spec, examined.calibration, None))


def _points_at(heat: Array, boxes: list[Box]) -> bool:
    """Whether the hottest point of (H, W) is in a box; the middle one of several that are as hot."""
    hottest = np.argwhere(heat >= heat.max() - 1e-6)
    y, x = hottest[len(hottest) // 2]
    return any(left <= x <= right and top <= y <= bottom for left, top, right, bottom in boxes)


def _deletion(recogniser: api.Recogniser, examined: Examined, occlusion: Occlusion, heat: Array) -> float:
    """The mean probability of the answer's class while more and more cells are hidden, the hottest first."""
    order = np.argsort(-heat.ravel(), kind="stable")
    hidden = np.zeros((STEPS + 1, heat.size), np.float32)
    for step, each in enumerate(hidden):
        each[order[: round(step / STEPS * heat.size)]] = 1
    predictor, spec = recogniser.predictor, examined.spec
    variants = [{"image": occlusion.hide(each)} for each in hidden.reshape(-1, *heat.shape)]
    place = spec.index[str(examined.prediction.answer)]
    answers = [predictor.kind.to_answer(raw, spec, examined.calibration, None) for raw, *_ in predictor.run(variants)]
    curve = [answer.probabilities[place] for answer in answers]
    return float(np.trapezoid(curve) / STEPS)


class Camera:
    """Grad-CAM of a recogniser's network, which needs torch and its weights."""

    def __init__(self, recogniser: api.Recogniser) -> None:
        self._recipe = recogniser.recipe
        self._network = Network(self._recipe).eval()
        weights = safetensors.torch.load(recogniser._bundle.weights)
        own = {name: tensor for name, tensor in weights.items() if not name.startswith("ood.")}
        self._network.load_state_dict(own, strict=False)

    def look(self, examined: Examined) -> Array:
        """(h, w): the positive part of the cells, weighed by the mean gradient of each channel."""
        inputs = SENSES["image"].collate([examined.example.arrays["image"]], self._recipe.senses["image"])
        (cells,) = self._network.encode({name: torch.from_numpy(array) for name, array in inputs.items()})
        held = cells.x.detach().requires_grad_()  # (1, N, D)
        logits = self._network.apply_head([replace(cells, x=held)], torch.ones(1, 1, dtype=torch.bool))["logits"][0]
        (slope,) = torch.autograd.grad(logits[examined.spec.index[str(examined.prediction.answer)]], held)
        weighed = (held.detach() * slope.mean(1, keepdim=True)).sum(2).clamp_min(0)
        seen: Array = weighed.reshape(cells.grid.shape).numpy()
        return seen


def _plant(store: Store) -> Path:
    """Photos with and without a striped square, half of them to train on."""
    photos = sorted((store.unpacked("cifar10") / "train").rglob("*.jpg"))

    def make(folder: Path) -> None:
        random = np.random.default_rng(SEED)
        boxes: dict[str, list[Box]] = {}
        for number, place in enumerate(random.permutation(len(photos))[: 2 * LEARNED]):
            name, part = f"{number:04d}.png", "train" if number < LEARNED else "test"
            photo = Image.open(photos[place]).convert("RGB").resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC)
            pixels = np.array(photo)
            if number % 2:
                top, left = random.integers(0, SIDE_PX - CUE_PX, 2).tolist()
                stripes = np.where(np.arange(CUE_PX)[:, None, None] % STRIPE_PX < STRIPE_PX // 2, 250, 20)
                pixels[top : top + CUE_PX, left : left + CUE_PX] = stripes
                boxes[name] = [(left, top, left + CUE_PX, top + CUE_PX)]
            _save(Image.fromarray(pixels), folder / part / ("marked" if number % 2 else "plain") / name)
        (folder / BOXES).write_text(json.dumps(boxes))

    return store.made("explaining-planted", make)


def _cut_quarters(store: Store) -> Path:
    """Quarters of the smears with one kind of cell beside red ones; none with a part of another."""
    given = store.unpacked("bccd")

    def make(folder: Path) -> None:
        boxes: dict[str, list[Box]] = {}
        for part, named in (("train", "train"), ("test", "val")):
            counts: dict[str, int] = {}
            for smear in (given / f"ImageSets/Main/{named}.txt").read_text().split():
                for number, label, found in _read_quarters(given / "Annotations" / f"{smear}.xml"):
                    counts[label] = counts.get(label, 0) + 1
                    if counts[label] > MOST:
                        continue
                    left, top = (side * (number >> axis & 1) for axis, side in enumerate(QUARTER_PX))
                    frame = (left, top, left + QUARTER_PX[0], top + QUARTER_PX[1])
                    name = f"{smear}-{number}.png"
                    picture = Image.open(given / "JPEGImages" / f"{smear}.jpg").convert("RGB")
                    _save(picture.crop(frame), folder / part / label / name)
                    boxes[name] = found
        (folder / BOXES).write_text(json.dumps(boxes))

    return store.made("explaining-cells", make)


def _read_quarters(annotation: Path) -> Iterator[tuple[int, str, list[Box]]]:
    """Number, class and boxes of each quarter that has one class."""
    objects = [
        (
            each.findtext("name", ""),
            [float(each.findtext(f"bndbox/{end}", "0")) for end in ("xmin", "ymin", "xmax", "ymax")],
        )
        for each in ElementTree.parse(annotation).iter("object")
    ]
    for number in range(4):
        left, top = (side * (number >> axis & 1) for axis, side in enumerate(QUARTER_PX))
        found: dict[str, list[Box]] = {}
        cut = False
        for label, (x1, y1, x2, y2) in objects:
            if label == "RBC":
                continue
            box = (
                *(max(x1 - left, 0.0), max(y1 - top, 0.0)),
                *(min(x2 - left, float(QUARTER_PX[0])), min(y2 - top, float(QUARTER_PX[1]))),
            )
            area = max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1]) / max(1.0, (x2 - x1) * (y2 - y1))
            if area >= WHOLE:
                found.setdefault(label, []).append(box)
            cut = cut or OUTSIDE < area < WHOLE
        if not cut and len(found) < 2:
            yield number, next(iter(found), "neither"), next(iter(found.values()), [])


def _save(picture: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)


if __name__ == "__main__":
    main()
