"""Object detection: specs, cells, answers from raw arrays, metrics against pycocotools, calibration and exports."""

from __future__ import annotations

import csv
import io
import json
import sys
import types
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from present import present
from seehear.answers import ANSWERS
from seehear.answers.boxes import Box, Boxes, BoxesSpec
from seehear.answers.boxes.answer import expected_f1, match_class
from seehear.answers.boxes.exchange import from_supervision, to_coco, to_supervision, to_yolo
from seehear.answers.boxes.matching import FALSE_POSITIVE, IGNORED, TRUE_POSITIVE, match_boxes
from seehear.answers.boxes.metric import f1_scores
from seehear.answers.boxes.overlap import box_iou, suppress
from seehear.answers.items import ACCEPT_THRESHOLD, ItemCount
from seehear.answers.overlay import Captions
from seehear.errors import DataError, InputError, UsageError
from seehear.geometry import Geometry, Grid, Warp

BOXES = ANSWERS["boxes"]
CELLS = [
    '[{"label":"cat","xyxy":[0,0,10,10]},{"label":"dog","xyxy":[5,5,25,25],"crowd":true}]',
    "[]",
    '[{"label":"dog","xyxy":[1.5,2,11.5,12],"difficult":true},{"label":"cat","xyxy":[3,3,33,33]}]',
]
SPEC = BOXES.plan(CELLS, "boxes")


def scene(random: np.random.Generator, classes: int = 3) -> tuple[Boxes, Boxes]:
    """A random truth and an imperfect answer to it: (answer, truth)."""
    labels = SPEC_OF[classes].classes
    corners = random.uniform(0, 200, (random.integers(0, 9), 2))
    truth = [
        Box(
            labels[random.integers(classes)],
            (float(x), float(y), float(x + w), float(y + h)),
            crowd=bool(random.random() < 0.1),
        )
        for (x, y), (w, h) in zip(corners, random.uniform(5, 60, (len(corners), 2)), strict=True)
    ]
    predicted = []
    for box in (*truth, *truth):
        if random.random() < 0.7:
            moved = np.array(box.xyxy) + random.normal(0, 3, 4)
            other = labels[random.integers(classes)] if random.random() < 0.1 else box.label
            low, high = np.minimum(moved[:2], moved[2:]), np.maximum(moved[:2], moved[2:]) + 1
            predicted.append(Box(other, (*low.tolist(), *high.tolist()), float(random.random())))
    return answer_of(predicted), Boxes(tuple(truth))


def answer_of(boxes: list[Box]) -> Boxes:
    boxes = sorted(boxes, key=lambda box: -box.confidence)
    reported = sum(box.confidence >= 0.5 for box in boxes)
    return Boxes(tuple(boxes[:reported]), 0.5, tuple(boxes[reported:]))


SPEC_OF = {
    n: BoxesSpec(classes=tuple("abcdefgh"[:n]), counts=(9,) * n, pictures=9, max_boxes=9, sides_px=(5, 20, 60))
    for n in range(1, 5)
}


def coco_precision(answers: list[Boxes], truths: list[Boxes], spec: BoxesSpec) -> np.ndarray:
    """Precision (10 IoU thresholds, 101 recalls, C) by pycocotools."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    numbers = {name: i + 1 for i, name in enumerate(spec.classes)}
    annotations: list[dict[str, Any]] = []
    for image, truth in enumerate(truths):
        for box in truth.boxes:
            x1, y1, x2, y2 = box.xyxy
            sides = {"bbox": [x1, y1, x2 - x1, y2 - y1], "area": (x2 - x1) * (y2 - y1), "iscrowd": int(box.crowd)}
            annotations.append(
                {"id": len(annotations) + 1, "image_id": image, "category_id": numbers[box.label], **sides}
            )
    dataset = COCO()
    dataset.dataset = {
        "info": {},
        "images": [{"id": image} for image in range(len(truths))],
        "annotations": annotations,
        "categories": [{"id": number, "name": name} for name, number in numbers.items()],
    }
    dataset.createIndex()
    results = [
        result
        for image, answer in enumerate(answers)
        for result in to_coco([*answer.boxes, *answer.low_confidence], image_id=image, categories=numbers)
    ]
    evaluation = COCOeval(dataset, dataset.loadRes(results), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    return evaluation.eval["precision"][:, :, :, 0, -1]


@pytest.mark.parametrize("seed", range(4))
def test_average_precision_equals_pycocotools(seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(seed)
    classes = 1 + seed
    spec = SPEC_OF[classes]
    answers, truths = map(list, zip(*[scene(random, classes) for _ in range(30)], strict=True))
    expected = coco_precision(answers, truths, spec)
    mine = BOXES.metrics(BOXES.compare(answers, truths, spec), spec)
    assert mine["map"] == pytest.approx(expected[expected > -1].mean(), abs=1e-9)
    assert mine["map50"] == pytest.approx(expected[0][expected[0] > -1].mean(), abs=1e-9)
    assert 0.05 < mine["map"] < mine["map50"] < 0.95
    if classes > 1:
        each = [expected[0, :, label].mean() for label in range(classes)]
        assert [mine[f"map50:{name}"] for name in spec.classes] == pytest.approx(each, abs=1e-9)


def test_rows_can_be_resampled() -> None:
    """Metrics of resampled rows equal those of resampled answers."""
    random = np.random.default_rng(7)
    answers, truths = map(list, zip(*[scene(random) for _ in range(20)], strict=True))
    spec, rows = SPEC_OF[3], random.integers(0, 20, 20)
    compared = BOXES.compare(answers, truths, spec)
    resampled = BOXES.metrics({name: array[rows] for name, array in compared.items()}, spec)
    again = BOXES.compare([answers[i] for i in rows], [truths[i] for i in rows], spec)
    assert resampled == pytest.approx(BOXES.metrics(again, spec), nan_ok=True)


def test_perfect_and_empty_answers() -> None:
    truths = [BOXES.read(cell, SPEC) for cell in CELLS]
    truths = [
        replace(truth, boxes=tuple(replace(b, crowd=False, difficult=False) for b in truth.boxes)) for truth in truths
    ]
    perfect = BOXES.metrics(BOXES.compare(truths, truths, SPEC), SPEC)
    assert {perfect[name] for name in ("map", "map50", "map50:cat", "map50:dog", "precision", "recall")} == {1.0}
    nothing = BOXES.metrics(BOXES.compare([Boxes(())] * 3, truths, SPEC), SPEC)
    assert (nothing["map50"], nothing["recall"]) == (0, 0)
    assert np.isnan(nothing["precision"])
    without = BOXES.metrics(BOXES.compare([Boxes(())] * 3, [Boxes(())] * 3, SPEC), SPEC)
    assert np.isnan(without["map50"])


# IoU, suppression and matching, against slow and obvious implementations


def iou(a: np.ndarray, b: np.ndarray) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    common = max(width, 0) * max(height, 0)
    return float(common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common))


def slow_suppress(boxes: np.ndarray, scores: np.ndarray, classes: np.ndarray, most: float) -> list[int]:
    left, stay = sorted(range(len(scores)), key=lambda i: -scores[i]), []
    while left:
        best, *left = left
        stay.append(best)
        left = [i for i in left if classes[i] != classes[best] or iou(boxes[i], boxes[best]) <= most]
    return stay


@settings(max_examples=60)
@given(st.integers(0, 30), st.integers(1, 3), st.integers(0, 1 << 30))
def test_suppression_equals_the_slow_implementation(n: int, classes: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    low = random.integers(0, 20, (n, 2))
    boxes = np.concatenate([low, low + random.integers(1, 20, (n, 2))], 1).astype(float)
    scores, labels = random.random(n), random.integers(0, classes, n)
    assert suppress(boxes, scores, labels, 0.4).tolist() == slow_suppress(boxes, scores, labels, 0.4)
    if n:
        assert np.allclose(box_iou(boxes, boxes), [[iou(a, b) for b in boxes] for a in boxes])


def test_boxes_on_crowds_and_difficult_objects_are_ignored() -> None:
    there = np.array([[0, 0, 10, 10], [20, 20, 60, 60], [100, 0, 110, 10]], float)
    crowd, difficult = np.array([False, True, False]), np.array([False, False, True])
    found = np.array([[0, 0, 10, 10], [1, 0, 10, 10], [21, 21, 30, 30], [40, 40, 50, 50], [100, 0, 110, 10]], float)
    again = np.concatenate([found, found[-1:]])  # the difficult one a second time
    state = match_boxes(again, there, crowd, difficult, np.array([0.5]))[:, 0].tolist()
    assert state == [TRUE_POSITIVE, FALSE_POSITIVE, IGNORED, IGNORED, IGNORED, FALSE_POSITIVE]


# Columns and cells


def test_plan_reads_classes_counts_and_sizes() -> None:
    assert (SPEC.classes, SPEC.counts, SPEC.pictures, SPEC.max_boxes) == (("cat", "dog"), (2, 1), 3, 2)
    assert str(SPEC).startswith("boxes in 3 pictures: cat (2), dog (1); up to 2 per picture, sides of 10 to ")
    assert BOXES.fits(CELLS, "x")
    assert not BOXES.fits(["[]", "[]"], "x")
    assert not BOXES.fits(["cat", "dog"], "x")


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("cat", r"'cat' is not a list of boxes. Allowed: \[\{\"label\""),
        ('[{"label": "cat"}]', "is not a box"),
        ('[{"label": "cat", "xyxy": [1, 2, 3]}]', "is not a box"),
        ('[{"label": "cat", "xyxy": [5, 2, 5, 4]}]', r"a box from \(5, 2\) to \(5, 4\) has no area"),
        ('[{"label": "cat", "xyxy": [1, 2, NaN, 4]}]', "has no area"),
        ('[{"label": "Cat", "xyxy": [1, 2, 3, 4]}]', "'Cat' is not one of the 2 classes.*did you mean 'cat'"),
        ("[" * 100_000, "is not a list of boxes"),
    ],
)
def test_invalid_cells_are_rejected(cell: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        BOXES.read(cell, SPEC)


def test_a_class_with_only_crowds_is_a_class() -> None:
    crowd = '[{"label":"geese","xyxy":[0,0,10,10],"crowd":true}]'
    spec = BOXES.plan([*CELLS, crowd], "boxes")
    assert spec.counts[spec.index["geese"]] == 0
    assert BOXES.read(crowd, spec).boxes[0].crowd
    with pytest.raises(DataError, match="no box in 1 picture"):
        BOXES.plan([crowd], "boxes")


def test_a_column_without_boxes_is_rejected() -> None:
    with pytest.raises(DataError, match=r"column 'boxes': no box in 2 pictures. Next: draw a box around each object"):
        BOXES.plan(["[]", "[]"], "boxes")


def test_mirrored_boxes_keep_their_corners_in_order() -> None:
    truth = BOXES.read(CELLS[0], SPEC)
    moved = truth.transform(Warp((-1.0, 2.0), (100.0, 1.0)))
    assert [box.xyxy for box in moved.boxes] == [(90, 1, 100, 21), (75, 11, 95, 51)]
    assert moved.transform(Warp((-1.0, 2.0), (100.0, 1.0)).inverse()) == truth
    assert truth.transform(Warp((2.0,), (0.0,))) == truth


# Answers from raw arrays


def raw(*objects: tuple[float, float, float, float, float, float], n: int = 20) -> dict[str, np.ndarray]:
    """(x1, y1, x2, y2, logit of cat, logit of dog) each; all other cells have low logits."""
    arrays = {"corners": np.zeros((n, 4), np.float32), "logits": np.full((n, 2), -9, np.float32)}
    for row, (*corners, cat, dog) in enumerate(objects):
        arrays["corners"][row], arrays["logits"][row] = corners, (cat, dog)
    return arrays | {"cells": np.zeros((n, 3), np.float32)}


def test_boxes_are_in_original_pixels() -> None:
    geometry = Geometry(Warp((0.5, 0.5), (10.0, 0.0)), Grid((100, 200), 1.0, "px"), Grid((50, 120), 1.0, "px"))
    seen = raw(
        (10, 5, 30, 25, 4, -9),
        (11, 5, 30, 25, 3, -9),
        (100, 30, 125, 60, -9, 2),
        (0, 0, 5, 5, 3, -9),
        (60, 5, 80, 9, -1, -9),
    )
    answer = BOXES.to_answer(seen, SPEC, {ACCEPT_THRESHOLD: 0.95}, geometry)
    assert [(box.label, box.xyxy, box.accepted) for box in answer.boxes] == [
        ("cat", (0, 10, 40, 50), True),
        ("dog", (180, 60, 200, 100), False),
    ]
    assert [box.label for box in answer.low_confidence] == ["cat"]
    assert answer.boxes[0].confidence == pytest.approx(1 / (1 + np.exp(-4)))
    assert (str(answer), answer.to_marked_text()) == ("1 cat, 1 dog", "1 cat, 1 dog (1 unsure)")
    first = answer.to_json()["boxes"][0]
    assert first == {"label": "cat", "xyxy": [0, 10, 40, 50], "confidence": 0.982, "accepted": True}
    assert str(BOXES.to_answer(raw(), SPEC, {}, geometry)) == "nothing"


def test_only_reported_boxes_can_be_accepted() -> None:
    """From the accepted confidence on; none of a refused answer, and none without a calibration."""
    seen = raw((0, 0, 9, 9, 3, -9), (20, 0, 29, 9, 1, -9), (40, 0, 49, 9, -1, -9))
    accepted = {
        limit: [box.accepted for box in (*answer.boxes, *answer.low_confidence)]
        for limit in (0.0, 0.8, 1.01)
        for answer in [BOXES.to_answer(seen, SPEC, {ACCEPT_THRESHOLD: limit}, None)]
    }
    assert accepted == {0.0: [True, True, False], 0.8: [True, False, False], 1.01: [False, False, False]}
    answer = BOXES.to_answer(seen, SPEC, {ACCEPT_THRESHOLD: 0.8}, None)
    assert (answer.items, answer.reject_items().items) == (ItemCount("box", 1, 2), ItemCount("box", 0, 2))
    assert BOXES.to_answer(seen, SPEC, {}, None).items.accepted == 0


def test_items_are_reported_boxes_without_ignored_ones() -> None:
    truth = BOXES.read(CELLS[0], SPEC)  # a cat, and a crowd of dogs
    answer = Boxes(
        (Box("cat", (0, 0, 10, 10), 0.9), Box("dog", (6, 6, 20, 20), 0.8), Box("cat", (50, 50, 60, 60), 0.7, False)),
        low_confidence=(Box("cat", (70, 70, 80, 80), 0.2, False),),
    )
    items = present(BOXES.items).score(BOXES.compare([answer, Boxes(())], [truth, truth], SPEC), SPEC)
    number, accepted = items.counts()
    assert (number.tolist(), accepted.tolist(), items.mistakes().tolist()) == ([2, 0], [1, 0], [0, 0])
    assert items.wrong.sum() == 1
    assert [BOXES.count_items(cell) for cell in CELLS] == [1, 0, 1]


def test_expected_f1() -> None:
    assert expected_f1(np.array([])) == 1
    assert expected_f1(np.array([0.1, 0.1])) == pytest.approx(0.81)
    assert expected_f1(np.array([1.0, 1.0])) == 1
    assert expected_f1(np.array([0.8, 0.4])) == pytest.approx(2 * 0.8 / (1 + 1.2))
    truth = BOXES.read(CELLS[0], SPEC)
    nothing, half = Boxes(()), Boxes((*truth.boxes[:1], Box("cat", (50, 50, 60, 60))))
    scores = f1_scores(BOXES.compare([nothing, truth, nothing, half], [nothing, truth, truth, truth], SPEC))
    assert scores.tolist() == pytest.approx([1, 1, 0, 2 / 3])


@pytest.mark.parametrize("seed", range(4))
def test_f1_counts_reported_boxes_only(seed: int) -> None:
    """Low-confidence boxes, crowds and difficult objects change nothing."""
    answers, truths = map(list, zip(*[scene(np.random.default_rng((seed, i))) for i in range(30)], strict=True))
    scores = f1_scores(BOXES.compare(answers, truths, SPEC_OF[3]))
    for answer, truth, score in zip(answers, truths, scores, strict=True):
        hits = reported = objects = 0
        for label in SPEC_OF[3].classes:
            of_class = [box for box in truth.boxes if box.label == label]
            state = match_class(answer.boxes, of_class, label, np.array([0.5]))[:, 0]
            hits, reported = hits + (state == TRUE_POSITIVE).sum(), reported + (state != IGNORED).sum()
            objects += sum(not (box.crowd or box.difficult) for box in of_class)
        assert score == pytest.approx(2 * hits / (reported + objects) if reported + objects else 1.0)
    assert 0 < scores.mean() < 1


def test_calibration_lowers_overconfidence() -> None:
    """Half of the boxes with 95 % are wrong: their calibrated confidence is 50 %, and the picture's follows."""
    random = np.random.default_rng(0)
    truths, seen = [], []
    for _ in range(300):
        present = random.random(4) < 0.5
        places = [(20.0 * i, 0.0, 20.0 * i + 10, 10.0) for i in range(4)]
        truths.append(Boxes(tuple(Box("cat", place) for place, yes in zip(places, present, strict=True) if yes)))
        seen.append(raw(*((*place, 3.0, -9.0) for place in places)))
    fitted = BOXES.calibrate([BOXES.n_best(each, SPEC, {}) for each in seen], truths, SPEC)
    answer = BOXES.to_answer(seen[0], SPEC, fitted, None)
    assert (answer.boxes or answer.low_confidence)[0].confidence == pytest.approx(0.5, abs=0.05)
    answers = [BOXES.to_answer(each, SPEC, fitted, None) for each in seen]
    right = BOXES.right(BOXES.compare(answers, truths, SPEC), SPEC).mean()
    assert np.mean([answer.confidence for answer in answers]) == pytest.approx(right, abs=0.05)


# Exports


def test_csv_coco_and_yolo() -> None:
    answer = Boxes((Box("cat", (1, 2, 11, 22), 0.9), Box("a, b", (0, 0, 5, 5), 0.6, accepted=False)))
    files = answer.files()
    rows = list(csv.DictReader(io.StringIO(files["csv"].decode())))
    assert [row["label"] for row in rows] == ["cat", "a, b"]
    assert [rows[0][name] for name in ("x1", "y2", "confidence", "accepted")] == ["1", "22", "0.9", "yes"]
    assert json.loads(files["json"])[0] == {"category": "cat", "bbox": [1, 2, 10, 20], "score": 0.9}
    assert to_yolo(answer.boxes[:1], ["dog", "cat"], width=20, height=40) == "1 0.300000 0.300000 0.500000 0.500000\n"


def test_supervision_detections(monkeypatch: pytest.MonkeyPatch) -> None:
    boxes = BOXES.read(CELLS[0], SPEC).boxes
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(UsageError, match=r"supervision is not installed. Next: pip install supervision"):
        to_supervision(boxes, SPEC.classes)
    monkeypatch.setitem(sys.modules, "supervision", types.SimpleNamespace(Detections=types.SimpleNamespace))
    detections = to_supervision(boxes, SPEC.classes)
    assert detections.xyxy.shape == (2, 4)
    assert detections.data["class_name"].tolist() == ["cat", "dog"]
    back = BOXES.read(json.dumps(from_supervision(detections, SPEC.classes)), SPEC)
    assert [(box.label, box.xyxy) for box in back.boxes] == [(box.label, box.xyxy) for box in boxes]


def test_figure_and_overlay() -> None:
    random = np.random.default_rng(3)
    answers, truths = map(list, zip(*[scene(random) for _ in range(20)], strict=True))
    figure = BOXES.draw(BOXES.compare(answers, truths, SPEC_OF[3]), SPEC_OF[3])
    assert len(set(figure.get_flattened_data())) > 50
    assert BOXES.draw(BOXES.compare([Boxes(())], [Boxes(())], SPEC), SPEC).size == figure.size
    blank = Image.new("L", (100, 80))
    drawn = Boxes((Box("cat", (20, 30, 60, 70), 0.9),), classes=SPEC.classes).draw_on(blank)
    assert drawn.size == (500, 400)
    assert drawn.getpixel((100, 250)) == drawn.getpixel((299, 250)) == (0, 0x72, 0xB2)
    assert drawn.getpixel((200, 250)) == (0, 0, 0)
    assert blank.getpixel((20, 50)) == 0


def test_captions_stay_inside_the_picture_and_do_not_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if there is no room above or below a box, or two boxes are equal."""
    written: list[tuple[str, float, float, float, float]] = []

    def write(captions: Captions, corner: tuple[float, float], caption: str, background: str) -> None:
        (x, y), width = corner, captions.width_px(caption)
        written.append((caption, x, y, x + width, y + captions.line_px))

    monkeypatch.setattr(Captions, "write", write)
    here = [(0, 0, 99, 79), (0, 0, 99, 79), (90, 0, 100, 10), (90, 70, 100, 80), (88, 40, 100, 45), (88, 40, 100, 45)]
    boxes = [Box("a kitten" * (1 + 9 * (i == 1)), corners, 0.99, track=i) for i, corners in enumerate(here)]
    drawn = Boxes(tuple(boxes)).draw_on(Image.new("L", (100, 80)))
    assert written[-1][0] == "a kitten #0 99%"
    for i, (_, left, top, right, bottom) in enumerate(written):
        assert 0 <= left < right <= drawn.width and 0 <= top < bottom <= drawn.height
        for _, x1, y1, x2, y2 in written[:i]:
            assert right <= x1 or x2 <= left or bottom <= y1 or y2 <= top
