"""Answers in the data that are probably wrong: planted errors are found, and hardly anything else."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from learning import recipe_for
from seehear.answers import ANSWERS
from seehear.answers.boxes import Box, Boxes, BoxesSpec
from seehear.answers.label import Label, LabelSpec
from seehear.answers.label_noise import estimate_label_noise
from seehear.answers.mask import Mask, MaskSpec
from seehear.answers.mask.answer import compress
from seehear.answers.mask.levels import min_level
from seehear.answers.score import Score, ScoreSpec
from seehear.answers.text import Text, Word

CLASSES = ("bee", "cat", "dog", "owl")
SPEC = LabelSpec(classes=CLASSES, several=False, counts=(100,) * 4)


def draw_logits(truth: NDArray[np.int64], sure: float, seed: int = 0) -> NDArray[np.float64]:
    """Logits (n, 4) whose softmax is calibrated: the truth has its class with those probabilities."""
    random = np.random.default_rng(seed)
    return sure * np.eye(4)[truth] + random.normal(0, 1.5, (len(truth), 4))


@pytest.mark.parametrize("rate", [0.0, 0.05, 0.2])
def test_the_noise_rate_is_estimated_and_flipped_classes_are_found(rate: float) -> None:
    random = np.random.default_rng(1)
    truth = random.integers(0, 4, 2000)
    flipped = random.random(2000) < rate
    given = np.where(flipped, (truth + random.integers(1, 4, 2000)) % 4, truth)
    noise = estimate_label_noise(draw_logits(truth, 9.0), given)
    suspected = noise.wrong > 0.5
    assert noise.rate == pytest.approx(rate, abs=0.015)
    if rate:
        assert flipped[suspected].mean() > 0.9 and suspected[flipped].mean() > 0.8
        assert noise.wrong[suspected].mean() == pytest.approx(flipped[suspected].mean(), abs=0.07)
    else:
        assert suspected.sum() <= 5


def test_a_model_that_knows_nothing_suspects_nobody() -> None:
    given = np.random.default_rng(0).integers(0, 4, 500)
    assert not (estimate_label_noise(np.random.default_rng(1).normal(0, 0.1, (500, 4)), given).wrong > 0.5).any()


def label(probabilities: NDArray[np.float64]) -> Label:
    return Label((CLASSES[int(probabilities.argmax())],), probabilities=tuple(probabilities.tolist()))


def test_a_wrong_label_is_named_with_the_likely_one() -> None:
    truth = np.arange(200) % 4
    odds = np.exp(draw_logits(truth, 9.0))
    answers = [label(row) for row in odds / odds.sum(1, keepdims=True)]
    truths = [Label((CLASSES[i],)) for i in truth]
    truths[8] = Label(("owl",))
    (found,) = [each for each in ANSWERS["label"].find_suspects(answers, truths, SPEC) if each.row == 8]
    assert found.suggestion == "bee" and "'owl'" in found.reason and found.probability and found.probability > 0.8


def test_of_several_classes_the_one_too_many_is_named() -> None:
    spec = LabelSpec(classes=("dry", "sweet"), several=True, counts=(100, 100))
    has = np.array([[i % 2, i % 3 == 0] for i in range(200)], bool)
    answers = [Label((), several=True, probabilities=tuple(np.where(row, 0.97, 0.03).tolist())) for row in has]
    truths = [
        Label(tuple(name for name, yes in zip(spec.classes, row, strict=True) if yes), several=True) for row in has
    ]
    truths[7] = Label(("dry", "sweet"), several=True)
    (found,) = ANSWERS["label"].find_suspects(answers, truths, spec)
    assert (found.row, found.suggestion) == (7, json.dumps(["dry"])) and "without 'sweet'" in found.reason


def test_a_misplaced_decimal_point_is_a_suspected_score() -> None:
    random = np.random.default_rng(0)
    true = random.uniform(0, 10, 200)
    expected = true + random.normal(0, 0.3, 200)
    spec = ScoreSpec(unit="mm", mean=5, spread=3, low=0, high=95, tolerance=1)
    answers = [Score(value, "mm", value - 0.5, value + 0.5) for value in expected.tolist()]
    truths = [Score(value, "mm", value, value) for value in true.tolist()]
    truths[5] = Score(95.0, "mm", 95.0, 95.0)
    found = list(ANSWERS["score"].find_suspects(answers, truths, spec))
    assert [each.row for each in found] == [5] and found[0].reason.startswith("95 mm, where ")


BOXES = BoxesSpec(classes=("cat", "dog"), counts=(100, 100), pictures=100, max_boxes=2, sides_px=(10, 20, 30))
CAT, DOG = Box("cat", (0, 0, 20, 20)), Box("dog", (40, 40, 60, 60))


def boxes(*each: Box) -> Boxes:
    return Boxes(each, classes=BOXES.classes)


def test_each_error_of_boxes_has_its_name_and_its_correction() -> None:
    answers = [boxes(*(replace(box, confidence=0.97) for box in (CAT, DOG))) for _ in range(100)]
    truths = [boxes(CAT, DOG) for _ in range(100)]
    truths[3] = boxes(DOG)
    truths[4] = boxes(CAT, replace(DOG, label="cat"))
    truths[5] = boxes(CAT, Box("dog", (30, 30, 60, 60)))
    truths[6] = boxes(CAT, DOG, Box("cat", (70, 70, 90, 90)))
    found = {each.row: each for each in ANSWERS["boxes"].find_suspects(answers, truths, BOXES)}
    assert {row: each.name for row, each in found.items()} == {
        3: "missing box",
        4: "class of a box",
        5: "loose box",
        6: "extra box",
    }
    for each in found.values():
        corrected = ANSWERS["boxes"].read(each.suggestion or "", BOXES)
        assert sorted(box.xyxy for box in corrected.boxes) == [CAT.xyxy, DOG.xyxy]
        assert sorted(box.label for box in corrected.boxes) == ["cat", "dog"]


def test_boxes_of_crowds_are_not_missing() -> None:
    answers = [boxes(replace(CAT, confidence=0.97)) for _ in range(60)]
    truths = [boxes(CAT)] * 59 + [boxes(replace(CAT, label="dog", crowd=True))]
    assert not list(ANSWERS["boxes"].find_suspects(answers, truths, BOXES))


def test_a_word_that_is_heard_clearly_is_suspected_and_suggested() -> None:
    kind = ANSWERS["text"]
    spec = kind.plan(["take two a day"] * 4, "text")
    said = [
        Text(tuple(Word(word, n / 2, n / 2 + 0.4, 0.98) for n, word in enumerate(["take", "two", "a", "day"])))
    ] * 50
    truths = [Text.from_string("take two a day")] * 48
    truths += [Text.from_string("take ten a day"), Text.from_string("take a day")]
    replaced, missing = kind.find_suspects(said, truths, spec)
    assert (replaced.row, replaced.suggestion, missing.suggestion) == (48, "take two a day", "take two a day")
    assert replaced.reason == "'two' is heard at 0.5 s (98 %), where it says 'ten'"


MASKS = MaskSpec(classes=("sky", "road"), numbers=(0, 1), shares=(0.5, 0.5), colors=("#000000", "#ffffff"))


def mask(first_row: int, **fields: bytes) -> Mask:
    """Road from this row on."""
    pixels = np.zeros((20, 10), np.uint8)
    pixels[first_row:] = 1
    return Mask.from_pixels(pixels, MASKS, **fields)


def test_a_mask_unlike_the_others_is_suspected() -> None:
    sure = compress(np.full((20, 10), min_level(0.98), np.uint8))
    answers = [mask(10, compressed_levels=sure) for _ in range(30)]
    truths = [mask(9 + i % 3) for i in range(30)]
    assert not list(ANSWERS["mask"].find_suspects(answers, truths, MASKS))
    truths[7] = mask(20)
    (found,) = ANSWERS["mask"].find_suspects(answers, truths, MASKS)
    assert found.row == 7 and found.reason.endswith("most of them say 'sky', where 'road' is found")


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_without_answers_nothing_is_suspected(name: str) -> None:
    kind = ANSWERS[name]
    assert not list(kind.find_suspects([], [], recipe_for(name, next(iter(map(tuple, kind.senses)))).answer))
