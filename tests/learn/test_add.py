"""Adding classes to a trained model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image
from sklearn.datasets import load_digits

import tiny
from learning import recipe_for
from seehear import api
from seehear.cli import run
from seehear.errors import BundleError, DataError, UsageError
from seehear.events import Event, ignore_events
from seehear.learn.add import add_classes
from seehear.learn.export import Graphs, to_safetensors
from seehear.learn.kept_features import MOST, ClassExamples, KeptFeatures
from seehear.learn.model.network import Network
from seehear.learn.new_classes import KnownExamples, fit_new_outputs, measure_recall
from seehear.recipe import Recipe
from seehear.runtime.bundle import Bundle, read_bundle, write_bundle

WIDTH = 8


def blobs(classes: list[int], each: int, *, spread: float = 0.3, seed: int = 0) -> ClassExamples:
    """Examples of class c lie around the unit vector c."""
    labels = torch.tensor(classes).repeat_interleave(each)
    random = torch.Generator().manual_seed(seed)
    features = 2 * torch.eye(WIDTH)[labels] + spread * torch.randn(len(labels), WIDTH, generator=random)
    return ClassExamples(features, labels, torch.arange(len(labels)))


def known(examples: ClassExamples, classes: int) -> KnownExamples:
    return KnownExamples(examples, 4 * examples.features[:, :classes])


def test_a_new_class_is_recognised_and_the_others_do_not_change() -> None:
    train, held_out, new = (known(blobs(*args), 3) for args in (([0, 1, 2], 40), ([0, 1, 2], 20), ([3, 4], 5)))
    outputs = fit_new_outputs(train, held_out, new, 3)
    fresh = blobs([0, 1, 2, 3, 4], 50, seed=9)
    scores = torch.cat([4 * fresh.features[:, :3], fresh.features @ outputs.weight.T + outputs.bias], 1)
    assert min(measure_recall(scores, fresh.classes).values()) > 0.9
    assert outputs.held_out[:, :3].equal(held_out.logits)
    assert min(measure_recall(outputs.new, new.examples.classes).values()) >= 0.8


def test_no_class_loses_more_than_two_points_however_similar_the_new_one_is() -> None:
    """The new class is a copy of class 0."""
    train, held_out = known(blobs([0, 1], 40, seed=1), 2), known(blobs([0, 1], 100, seed=2), 2)
    twin = blobs([0], 6, seed=3)
    new = known(twin._replace(classes=torch.full((6,), 2)), 2)
    outputs = fit_new_outputs(train, held_out, new, 2)
    before, after = (
        measure_recall(logits, held_out.examples.classes) for logits in (held_out.logits, outputs.held_out)
    )
    assert all(after[each] >= before[each] - 0.02 - 1e-9 for each in before)
    assert measure_recall(outputs.new, new.examples.classes)[2] < 0.5


def test_stored_features_are_bounded_and_validated() -> None:
    many = ClassExamples(torch.full((3000, 4), 1e6), torch.arange(3000) % 2, torch.arange(3000))
    content = KeptFeatures(many, many).to_safetensors()
    read = KeptFeatures.from_safetensors(content, 4, 2)
    assert read.train.features.shape == (MOST, 4) and read.train.features.max() == 65504
    for width, classes, reason in ((5, 2, "shapes"), (4, 1, "values that the recipe does not allow")):
        with pytest.raises(BundleError, match=reason):
            KeptFeatures.from_safetensors(content, width, classes)
    with pytest.raises(BundleError, match="an unexpected tensor, 'more'"):
        KeptFeatures.from_safetensors(_with(content, more=torch.ones(1)), 4, 2)
    with pytest.raises(BundleError, match="'held_out' are incomplete"):
        tensors = safetensors.torch.load(content)
        tensors.pop("held_out.groups")
        KeptFeatures.from_safetensors(safetensors.torch.save(tensors), 4, 2)
    with pytest.raises(BundleError, match="other types of numbers"):
        KeptFeatures.from_safetensors(_with(content, **{"train.features": torch.ones(MOST, 4)}), 4, 2)


def _with(content: bytes, **tensors: torch.Tensor) -> bytes:
    return safetensors.torch.save(safetensors.torch.load(content) | tensors)


# --- Without the export, on an untrained network that tells dark from grey --------------------------------------------

Save = Callable[[str, float, int], Path]
BRIGHTNESS = {"dark": 0.1, "grey": 0.5}


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Writes pictures of one brightness into a folder."""

    def write(name: str, brightness: float, count: int) -> Path:
        (folder := tmp_path / name).mkdir(parents=True)
        for i, picture in enumerate(pictures(brightness, count)):
            Image.fromarray(picture[:, :, 0]).save(folder / f"{i}.png")
        return folder

    return write


def pictures(brightness: float, count: int) -> np.ndarray:
    random = np.random.default_rng(int(100 * brightness))
    return random.normal(255 * brightness, 6, (count, 16, 16, 1)).clip(0, 255).astype(np.uint8)


@pytest.fixture
def bundle(monkeypatch: pytest.MonkeyPatch) -> Bundle:
    """Set the last layer of the network by hand, from the mean features of each class."""
    monkeypatch.setattr("seehear.learn.add.trace_graphs", lambda *_: None)
    monkeypatch.setattr("seehear.learn.add.export_graphs", lambda *_: Graphs(b"", None))
    torch.manual_seed(0)
    recipe = recipe_for("label", ("image",), steps=20)
    answer = {"classes": tuple(BRIGHTNESS), "several": False, "counts": (24, 24)}
    network = Network(Recipe.model_validate(recipe.model_dump() | {"answer": answer})).eval()
    parts = [ClassExamples(read(network, "dark", "grey", each=each), *labels(each)) for each in (24, 12)]
    means = torch.stack([parts[0].features[:24].mean(0), parts[0].features[24:].mean(0)])
    with torch.no_grad():
        network.head.classify.weight.copy_(means)  # type: ignore[operator, union-attr]
        network.head.classify.bias.copy_(-means.square().sum(1) / 2)  # type: ignore[operator, union-attr]
    kept = KeptFeatures(*parts).to_safetensors()
    return Bundle(network.recipe, b"", to_safetensors(network), "", features=kept)


@torch.no_grad()
def read(network: Network, *names: str, each: int) -> torch.Tensor:
    inputs = torch.from_numpy(np.concatenate([pictures(BRIGHTNESS[name], each) for name in names]))
    return network.extract_features(
        network.fuse(network.encode({"image": inputs}), torch.ones(len(inputs), 1, dtype=torch.bool))
    )


def labels(each: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor([0] * each + [1] * each), torch.arange(2 * each)


def test_a_class_is_added_from_a_folder(bundle: Bundle, save: Save, tmp_path: Path) -> None:
    events: list[Event] = []
    grown, problems = add_classes(bundle, save("white", 0.95, 5), tmp_path / "run", events.append)
    assert grown.recipe.answer.classes == ("dark", "grey", "white") and not problems  # type: ignore[attr-defined]
    assert grown.recipe.answer.counts == (24, 24, 5) and grown.recipe.added == {"white": 5}  # type: ignore[attr-defined]
    assert "Classes added after training, with the number of examples: white (5)." in grown.card
    assert any("'white': 5 of 5 examples recognised when left out" in str(each) for each in events)
    before, after = (safetensors.torch.load(each.weights) for each in (bundle, grown))
    assert after["head.classify.weight"][:2].equal(before["head.classify.weight"])
    assert grown.recipe.results["image"]["n"] == 24 + 5


def test_classes_are_added_to_a_model_with_added_classes(bundle: Bundle, save: Save, tmp_path: Path) -> None:
    """From a folder of classes, one of them known already."""
    save("a/grey", 0.5, 2)
    grown, _ = add_classes(bundle, save("a/white", 0.95, 3).parent, tmp_path / "run a", ignore_events)
    twice, _ = add_classes(grown, save("dim", 0.3, 3), tmp_path / "run b", ignore_events)
    assert twice.recipe.added == {"white": 3, "dim": 3}
    assert twice.recipe.results["image"]["n"] == 24 + 3 + 3


def test_a_class_like_another_is_refused_with_advice(bundle: Bundle, save: Save, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        add_classes(bundle, save("gray", 0.5, 6), tmp_path / "run", ignore_events)
    assert "gray: 'gray' cannot be added without forgetting" in str(caught.value)
    assert "the others taken for 'grey'" in str(caught.value)
    assert "give more examples of 'gray', and some of 'grey' too" in str(caught.value)


def test_too_few_examples_or_no_new_class_are_refused(bundle: Bundle, save: Save, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"1 example of 'white' can be used. Allowed: at least 2, better 5"):
        add_classes(bundle, save("white", 0.95, 1), tmp_path / "run a", ignore_events)
    with pytest.raises(DataError, match="there is no new class: the model already knows dark"):
        add_classes(bundle, save("dark", 0.1, 3), tmp_path / "run b", ignore_events)


def test_classes_cannot_be_added_to_other_models(save: Save) -> None:
    with pytest.raises(UsageError, match="cannot be added to a model that answers 'label' from image and audio"):
        api.Recogniser(tiny.bundle("image", "audio")).add(save("white", 0.95, 2))
    with pytest.raises(UsageError, match=r"has no features.safetensors"):
        api.Recogniser(tiny.bundle()).add(save("light", 0.95, 2))


def test_features_are_refused_in_other_model_files(tmp_path: Path) -> None:
    features = KeptFeatures(blobs([0, 1], 4), blobs([0, 1], 4)).to_safetensors()
    bundle = replace(tiny.bundle(), features=features)
    write_bundle(tmp_path / "m.seehear", bundle)
    assert read_bundle(tmp_path / "m.seehear").features == features
    answer = {"classes": tiny.CLASSES, "several": True, "counts": (1, 1)}
    with pytest.raises(BundleError, match=r"features.safetensors is there, contrary to the recipe"):
        write_bundle(tmp_path / "n.seehear", replace(tiny.bundle(answer=answer), features=features))
    with pytest.raises(BundleError, match=r"features.safetensors is refused: its header"):
        write_bundle(tmp_path / "n.seehear", replace(bundle, features=b"abc"))


@pytest.mark.slow
def test_a_ninth_digit_is_added_from_five_examples(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A model trained on eight digits then recognises nine."""
    images, digits = load_digits().images, load_digits().target
    for digit in range(9):
        own = images[digits == digit]
        parts = {"known": own[:100], "new": own[:5], "fresh": own[100:]}
        for part in ("known" if digit < 8 else "new", "fresh"):
            (folder := tmp_path / part / f"digit {digit}").mkdir(parents=True)
            for i, pixels in enumerate(parts[part]):
                Image.fromarray((pixels * 15.9).astype(np.uint8)).save(folder / f"{i}.png")
    old, new, fresh = tmp_path / "old.seehear", tmp_path / "new.seehear", tmp_path / "fresh"
    before = api.train(tmp_path / "known", old, minutes=0.1, steps=150, start="none", seed=0)
    assert run(["add", str(old), str(tmp_path / "new" / "digit 8"), "-o", str(new)]) == 0
    assert "'digit 8'" in capsys.readouterr().err
    after = api.load(new)
    for digit in range(9):
        answers = [str(each.answer) == f"digit {digit}" for each in after.predict(fresh / f"digit {digit}")]
        if digit < 8:
            then = [str(each.answer) == f"digit {digit}" for each in before.predict(fresh / f"digit {digit}")]
            assert np.mean(answers) >= np.mean(then) - 0.05
        else:
            assert np.mean(answers) >= 0.5
    (tmp_path / "new" / "digit 8" / "torn.png").write_bytes(b"\x89PNG")
    assert run(["add", str(old), str(tmp_path / "new" / "digit 8"), "-o", str(new)]) == 1
    assert "torn.png" in capsys.readouterr().err
