"""The inputs for networks of transformers, and how their answers are read; training them takes minutes."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import nn

from benchmarks import hugging_face, scenes
from benchmarks.budget import Budget
from benchmarks.data import Examples, Store
from benchmarks.hugging_face import NAMES, compare_with
from benchmarks.hugging_face_tutorial import TUTORIALS, Boxes, Mask, Tutorial, learn, main, prepared_size
from learning import ANSWER_CELLS, digits_table, recipe_for

PICTURE, PREPARED = (30, 40), (352, 480)
SURE = 20.0  # log odds
EXACT = Boxes(nothing=False)


class Knowing(nn.Module):
    """Trains nothing, and gives prepared answers to one picture after another."""

    def __init__(self, *answers: Any) -> None:
        super().__init__()
        self.weight, self.answers = nn.Parameter(torch.ones(())), iter(answers)
        self.batches: list[int] = []

    def forward(self, pixel_values: torch.Tensor, labels: Any = None) -> Any:
        if labels is None:
            return next(self.answers)
        self.batches.append(len(pixel_values))
        return SimpleNamespace(loss=self.weight**2)


def said_of(target: Any, classes: int) -> Any:
    """The output of a network that is certain of a target."""
    if isinstance(target, torch.Tensor):
        return SimpleNamespace(logits=SURE * nn.functional.one_hot(target, classes).permute(2, 0, 1)[None].float())
    of_class = nn.functional.one_hot(target["class_labels"], classes)[None]
    return SimpleNamespace(logits=SURE * (2.0 * of_class - 1), pred_boxes=target["boxes"][None])


@st.composite
def boxes(draw: st.DrawFn) -> list[float]:
    """One of three classes, and corners within PICTURE."""
    x1, y1 = draw(st.integers(0, 38)), draw(st.integers(0, 28))
    return [draw(st.integers(0, 2)), x1, y1, draw(st.integers(x1 + 1, 40)), draw(st.integers(y1 + 1, 30))]


@settings(max_examples=30)
@given(st.lists(boxes(), min_size=1, max_size=6), st.booleans())
def test_boxes_come_back_as_they_were_given(drawn: list[list[float]], nothing: bool) -> None:
    question = Boxes(nothing)
    said = said_of(question.target(drawn, PICTURE, PREPARED), 3 + nothing)
    answer = [each for each in question.answer(said, PICTURE) if each[-1] > 0.5]
    assert sorted([int(label), *map(round, corners)] for label, *corners, _ in answer) == sorted(drawn)
    assert np.allclose([corners for _, *corners, _ in answer], np.round([c for _, *c, _ in answer]), atol=1e-3)


@settings(max_examples=30)
@given(st.lists(boxes(), max_size=4))
def test_mirrored_boxes_are_those_of_the_mirrored_picture(drawn: list[list[float]]) -> None:
    turned = [[label, 40 - x2, y1, 40 - x1, y2] for label, x1, y1, x2, y2 in drawn]
    mirrored, expected = EXACT.mirrored(EXACT.target(drawn, PICTURE, PREPARED)), EXACT.target(turned, PICTURE, PREPARED)
    assert torch.equal(mirrored["class_labels"], expected["class_labels"])
    assert torch.allclose(mirrored["boxes"], expected["boxes"], atol=1e-6)


def test_a_picture_without_things_has_a_target() -> None:
    target = EXACT.target([], PICTURE, PREPARED)
    assert {name: tuple(value.shape) for name, value in target.items()} == {"class_labels": (0,), "boxes": (0, 4)}


def test_the_class_of_nothing_is_never_an_answer() -> None:
    said = SimpleNamespace(logits=torch.tensor([[[0.0, 0.0, SURE]]]), pred_boxes=torch.full((1, 1, 4), 0.5))
    assert max(score for *_, score in Boxes(nothing=True).answer(said, PICTURE)) < 1e-6


def test_no_more_boxes_are_given_than_coco_counts() -> None:
    said = SimpleNamespace(logits=torch.randn(1, 300, 3), pred_boxes=torch.rand(1, 300, 4))
    scores = [score for *_, score in EXACT.answer(said, PICTURE)]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == 100


@pytest.mark.parametrize(
    ("picture", "prepared"),
    [((480, 640), (352, 480)), ((360, 480), (352, 480)), ((8, 8), (480, 480)), ((10, 1000), (32, 480))],
)
def test_pictures_are_prepared_in_their_shape(tmp_path: Path, picture: Any, prepared: Any) -> None:
    Image.new("L", picture[::-1]).save(tmp_path / "a.png")
    assert prepared_size(str(tmp_path / "a.png")) == prepared


def test_learning_ends_with_its_time_or_its_steps() -> None:
    examples = [(torch.zeros(3, 4, 4, dtype=torch.uint8), torch.zeros(4, 4))] * 6
    tutorial = Tutorial(lambda classes, prepared: Knowing(), Mask(), rate=1e-3)
    job = {"seconds": 0.2, "steps": None, "precision": "float32"}
    begun_s = time.monotonic()
    assert learn(Knowing(), examples, tutorial, job) > 0
    assert time.monotonic() - begun_s >= 0.2
    network = Knowing()
    assert learn(network, examples, tutorial, {**job, "steps": 3}) == pytest.approx(10 / 6)
    assert network.batches == [4, 2, 4], "all of them, then from the beginning again"


@pytest.mark.parametrize(("kind", "network", "metric"), [("boxes", "d-fine", "map50"), ("mask", "segformer", "miou")])
def test_perfect_answers_have_perfect_metrics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, network: str, metric: str
) -> None:
    table = digits_table(tmp_path, {kind: ANSWER_CELLS[kind][:6]}, ("image",))
    recipe = recipe_for(kind, ("image",))
    question = TUTORIALS[network].question

    def run(python: Path, folder: Path) -> None:
        job = json.loads((folder / "job.json").read_text())
        truths = [question.target(truth, (8, 8), (480, 480)) for _, truth in job["train"]]
        knowing = Knowing(*(said_of(truth, len(job["classes"])) for truth in truths))
        monkeypatch.setitem(TUTORIALS, network, Tutorial(lambda classes, prepared: knowing, question, rate=1e-3))
        main(folder)

    monkeypatch.setattr(Store, "environment", lambda *wanted: Path())
    monkeypatch.setattr(hugging_face, "_run", run)
    ours: Any = SimpleNamespace(metrics={metric: 0.75})
    examples = Examples(table, None, {"the same again": table})
    theirs, ahead, times, speed = compare_with(network, ours, recipe, examples, Budget(1.0, steps=2), Store(tmp_path))
    assert theirs.what == f"{metric} of {NAMES[network]}, randomly initialised"
    assert theirs.value == pytest.approx(1.0)
    assert ahead.value == pytest.approx(-25.0)
    assert (ahead.unit, ahead.met) == ("points", False)
    assert times.value == 1, "two batches, of four and of two pictures"
    assert speed.value > 0


def test_every_network_to_compare_with_has_a_tutorial() -> None:
    assert (
        {network for task in scenes.TASKS.values() for network in task.compare_with} == NAMES.keys() == TUTORIALS.keys()
    )
