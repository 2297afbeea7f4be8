"""Training that starts from a pretrained encoder; here it has the published shape and random weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from seehear import api
from seehear.errors import UsageError
from seehear.events import Event, Finished, Notice
from seehear.learn.loop import selection
from seehear.planning import starts as planning_starts
from seehear.recipe import Recipe
from seehear.senses.sight.bottleneck_architectures import EfficientNetLite
from seehear.senses.sight.inverted_bottlenecks import BottleneckEncoder
from seehear.senses.sight.plan import SightSpec
from seehear.starts import STARTS, Start

NAME = "efficientnet-lite0"
SIDE_PX = 32


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """The start of that name, with random weights, as if its package were installed."""
    torch.manual_seed(0)
    spec = SightSpec(height=SIDE_PX, width=SIDE_PX, channels=3, encoder=EfficientNetLite(size=0))
    encoder = BottleneckEncoder(spec, EfficientNetLite(size=0))
    tensors = {name: tensor.numpy() for name, tensor in encoder.state_dict().items()}
    monkeypatch.setattr("seehear.learn.model.pretrained.load_tensors", lambda start: tensors)
    monkeypatch.setattr(planning_starts, "is_available", lambda start: start.name == NAME)
    monkeypatch.setattr("seehear.senses.sight.plan.PRETRAINED_SIDES_PX", (SIDE_PX,))
    yield STARTS[NAME]


@pytest.fixture
def colours(tmp_path: Path) -> Path:
    """Noisy pictures in two colours, which even random features tell apart."""
    random = np.random.default_rng(0)
    for name, colour in (("red", (200, 60, 60)), ("blue", (60, 60, 200))):
        (tmp_path / "data" / name).mkdir(parents=True)
        for i in range(16):
            pixels = np.clip(random.normal(colour, 40, (SIDE_PX, SIDE_PX, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / name / f"{i}.png")
    return tmp_path / "data"


def train(data: Path, events: list[Event] | None = None, **options: Any) -> api.Recogniser:
    listen = (lambda event: None) if events is None else events.append
    return api.train(data, listen=listen, **({"minutes": 0.01} | options))


def said(events: list[Event]) -> str:
    return "\n".join(str(event) for event in events if isinstance(event, Notice | Finished))


@pytest.mark.slow
def test_a_recogniser_is_useful_without_fine_tuning_and_can_be_trained_further(
    start: Start, colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[Event] = []
    model = train(colours, events, start=NAME, out=tmp_path / "first.seehear")
    assert model.recipe.starts == {"image": NAME}
    assert model.recipe.training.steps == 0
    assert model.evaluate(colours).metrics["accuracy"] > 0.9
    assert "in cross-validation, before fine-tuning" in said(events)
    assert start.licence in model.card() and start.trained_on in model.card() and start.notice in model.card()
    monkeypatch.setattr("seehear.learn.model.pretrained.load_tensors", lambda start: pytest.fail("not needed"))
    further = train(colours, start=tmp_path / "first.seehear", steps=1, minutes=None)
    assert further.recipe.starts == {"image": NAME}


@pytest.mark.slow
def test_steps_fine_tune_and_the_better_weights_are_kept(
    start: Start, colours: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[float] = []
    compute_losses = selection.compute_losses

    def record(*args: Any) -> NDArray[np.float64]:
        losses = compute_losses(*args)
        seen.append(float(losses.mean()))
        return losses

    monkeypatch.setattr(selection, "compute_losses", record)
    events: list[Event] = []
    planned = api.plan(colours, start=NAME, steps=3)
    assert Recipe.from_json(planned.to_json()) == planned
    model = train(colours, events, recipe=planned, minutes=None)
    assert (model.recipe.starts, model.recipe.training.steps) == ({"image": NAME}, 3)
    before, mean, after = seen
    kept = {before: "did not help", mean: "the mean of the weights", after: "fine-tuning lowered the loss"}
    assert kept[min(seen)] in said(events) or "may be chance" in said(events)


def test_auto_starts_from_an_installed_encoder_if_time_allows(start: Start, colours: Path) -> None:
    assert api.plan(colours, start="auto", steps=1).starts == {"image": NAME}
    assert api.plan(colours, start="none", steps=1).starts == {}
    with_little_time = api.plan(colours, start="auto", minutes=1e-6)
    assert with_little_time.starts == {}


def test_without_a_package_training_says_how_to_get_one(colours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[Event] = []
    monkeypatch.setattr(planning_starts, "is_available", lambda start: False)
    recipe = api.plan(colours, start="auto", minutes=0.1, listen=events.append)
    assert recipe.starts == {}
    assert "pip install 'seehear[start]'" in said(events)


@pytest.mark.parametrize("wanted", ["efficientnet-lite9", "whisper-tiny.en", f"{NAME},whisper-tiny.en"])
def test_an_unsuitable_start_is_refused(start: Start, colours: Path, wanted: str) -> None:
    with pytest.raises(UsageError):
        api.plan(colours, start=wanted, minutes=0.1)


@pytest.mark.slow
def test_numbers_are_fitted_too(start: Start, tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    rows = ["image,score"]
    (tmp_path / "data").mkdir()
    for i in range(40):
        level = int(random.integers(20, 230))
        pixels = np.clip(random.normal(level, 20, (SIDE_PX, SIDE_PX, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "data" / f"{i}.png")
        rows.append(f"{i}.png,{level}.5")
    (tmp_path / "data" / "table.csv").write_text("\n".join(rows))
    model = train(tmp_path / "data" / "table.csv", start=NAME)
    assert model.evaluate(tmp_path / "data" / "table.csv").metrics["mae"] < 25


def test_the_definition_names_an_architecture_that_exists(start: Start) -> None:
    for each in STARTS.values():
        if each.sense == "image":
            assert EfficientNetLite.model_validate(dict(each.encoder)).frozen == 0
    assert replace(start, name="x").install == start.install
