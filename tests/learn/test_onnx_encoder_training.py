"""Training on an ONNX encoder of the user's own: only the head is fitted, and the model file contains the graph."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import safetensors.numpy
import torch
from PIL import Image

from learning import dataset_of, recipe_for
from onnx_encoders import make_encoder
from seehear import api
from seehear.errors import BundleError, UsageError
from seehear.events import Event, Finished, Notice
from seehear.learn.add import add_classes
from seehear.learn.model.network import Network
from seehear.learn.model.pretrained import open_graphs
from seehear.runtime.bundle import read_bundle, write_bundle
from seehear.runtime.onnx_session import Session
from seehear.senses.sight.architectures import OnnxEncoder
from seehear.starts.onnx_encoder import describe_encoder

SIDE_PX = 32
COLOURS = {"red": (200, 60, 60), "blue": (60, 60, 200), "green": (60, 200, 60)}


def make_pictures(folder: Path, number: int) -> None:
    """Noisy pictures of one colour, so that even random features tell them apart."""
    random = np.random.default_rng(number)
    folder.mkdir(parents=True)
    for i in range(number):
        pixels = np.clip(random.normal(COLOURS[folder.name], 40, (SIDE_PX, SIDE_PX, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("onnx")
    for colour in ("red", "blue"):
        make_pictures(folder / "data" / colour, 16)
    make_pictures(folder / "green", 6)
    (folder / "encoder.onnx").write_bytes(make_encoder(metadata={"mean": "0,0,0", "std": "1,1,1"}).SerializeToString())
    return folder


@pytest.fixture(scope="module")
def trained(place: Path) -> tuple[Path, str]:
    """The model file, and the events of its training."""
    events: list[Event] = []
    api.train(
        place / "data",
        start=str(place / "encoder.onnx"),
        steps=5,  # ignored, as there is nothing to fine-tune
        out=place / "m.seehear",
        listen=lambda event: events.append(event) if isinstance(event, Notice | Finished) else None,
    )
    return place / "m.seehear", "\n".join(map(str, events))


@pytest.mark.slow
@pytest.mark.xdist_group("onnx")
def test_only_the_head_is_fitted(place: Path, trained: tuple[Path, str]) -> None:
    model = api.load(trained[0])
    assert "in cross-validation'" in trained[1] and "before fine-tuning" not in trained[1]
    assert model.recipe.training.steps == 0 and model.recipe.cross_fitted > 0
    assert model.evaluate(place / "data").metrics["accuracy"] > 0.9


@pytest.mark.slow
@pytest.mark.xdist_group("onnx")
def test_recipe_and_card_name_the_file_and_its_digest(place: Path, trained: tuple[Path, str]) -> None:
    bundle = read_bundle(trained[0])
    path = str(place / "encoder.onnx")
    sha256 = hashlib.sha256((place / "encoder.onnx").read_bytes()).hexdigest()
    encoder = bundle.recipe.senses["image"].encoder  # type: ignore[attr-defined]
    assert (encoder.kind, encoder.sha256, bundle.recipe.starts) == ("onnx", sha256, {"image": path})
    assert f"started from {path} (SHA-256 {sha256}). Its training data, licence and limits are unknown." in bundle.card


@pytest.mark.slow
@pytest.mark.xdist_group("onnx")
def test_the_model_file_contains_the_graph(place: Path, trained: tuple[Path, str]) -> None:
    """Its embedding is the encoder's output, twice: the maximum and the mean of a single cell, standardised."""
    bundle = read_bundle(trained[0])
    graph = onnx.load_from_string(bundle.model).graph
    assert not [node for node in graph.node if node.domain]
    assert sum(node.op_type == "Conv" for node in graph.node) == 1
    assert "file" not in " ".join(tensor.name for tensor in graph.initializer)
    pixels = np.asarray(Image.open(place / "data" / "red" / "0.png"))
    planes = (pixels / 255.0).astype(np.float32).transpose(2, 0, 1)
    both = np.stack([planes, planes[:, :, ::-1]])
    encoded = Session((place / "encoder.onnx").read_bytes()).run({"picture": both})["encoded"].mean(0)
    encoded = np.concatenate([encoded, encoded])
    served = Session(bundle.model).run({"image": pixels[None]})
    assert served["embedding"].shape == (1, len(encoded))
    weights = safetensors.numpy.load(bundle.weights)
    scaled = (encoded - encoded.mean()) / np.sqrt(encoded.var() + 1e-5)
    expected = scaled * weights["head.norm.weight"] + weights["head.norm.bias"]
    np.testing.assert_allclose(served["embedding"][0], expected / np.linalg.norm(expected), atol=1e-4)


@pytest.fixture
def moved(place: Path, trained: tuple[Path, str], tmp_path: Path) -> Path:
    """The model file, on a machine that lacks the encoder's file."""
    (place / "encoder.onnx").rename(place / "elsewhere.onnx")
    (tmp_path / "m.seehear").write_bytes(trained[0].read_bytes())
    return tmp_path / "m.seehear"


@pytest.fixture(autouse=True)
def _put_back(place: Path) -> Any:
    yield
    if (place / "elsewhere.onnx").exists():
        (place / "elsewhere.onnx").rename(place / "encoder.onnx")


@pytest.mark.slow
@pytest.mark.xdist_group("onnx")
def test_a_class_can_be_added_without_the_file(place: Path, moved: Path, tmp_path: Path) -> None:
    bundle, _ = add_classes(read_bundle(moved), place / "green", tmp_path / "work", lambda event: None)
    write_bundle(tmp_path / "more.seehear", bundle)
    model = api.load(tmp_path / "more.seehear")
    assert str(model.predict(place / "green" / "0.png").answer) == "green"
    assert str(model.predict(place / "data" / "red" / "0.png").answer) == "red"
    assert "encoder.onnx (SHA-256 " in model.card()


@pytest.mark.slow
@pytest.mark.xdist_group("onnx")
def test_it_can_be_trained_further_without_the_file(place: Path, moved: Path) -> None:
    further = api.train(place / "data", start=moved, steps=2, minutes=None)
    assert further.recipe.starts == {"image": str(place / "encoder.onnx")}
    assert further.evaluate(place / "data").metrics["accuracy"] > 0.9


def test_with_another_sense_the_rest_of_the_network_is_trained(tmp_path: Path) -> None:
    content = make_encoder("tokens").SerializeToString()
    recipe = recipe_for("label", ("image", "audio"))
    encoder = OnnxEncoder.model_validate(describe_encoder(content))
    spec = recipe.senses["image"].model_copy(update={"encoder": encoder, "height": SIDE_PX, "width": SIDE_PX})
    recipe = recipe.model_copy(update={"senses": {**recipe.senses, "image": spec}})
    network: Any = Network(recipe)
    network.encoders["image"].load_pretrained({"file": np.frombuffer(bytearray(content), np.uint8)})
    open_graphs(network)
    torch.nn.init.ones_(network.head.classify.weight[0])  # they are 0 at first, and pass no gradient on
    batch = dataset_of(recipe, tmp_path).batch(np.arange(4))
    network.loss(network.train()(batch.inputs, batch.present), batch.target).mean().backward()
    gradients = [weight.grad for weight in network.fusion.project[0].parameters()]
    assert all(gradient is not None and bool(gradient.any()) for gradient in gradients)


@pytest.mark.slow
@pytest.mark.xdist_group("onnx")
def test_another_file_among_the_weights_is_refused(moved: Path, place: Path, tmp_path: Path) -> None:
    bundle = read_bundle(moved)
    weights = safetensors.numpy.load(bundle.weights)
    weights["encoders.image.file"] = weights["encoders.image.file"].copy()
    weights["encoders.image.file"][-200] ^= 1
    changed = replace(bundle, weights=safetensors.numpy.save(weights))
    with pytest.raises(BundleError, match="the ONNX graph"):
        add_classes(changed, place / "green", tmp_path / "work", lambda event: None)


def test_a_recipe_is_not_followed_with_another_file(place: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.onnx"
    path.write_bytes(make_encoder().SerializeToString())
    planned = api.plan(place / "data", start=str(path), steps=1)
    other = make_encoder()
    other.producer_name = "x"
    path.write_bytes(other.SerializeToString())
    with pytest.raises(UsageError, match=r"mine.onnx: the weights do not fit: the SHA-256 is .*, in the recipe"):
        api.train(place / "data", recipe=planned)
    path.unlink()
    with pytest.raises(UsageError, match=r"mine.onnx: the recipe starts from it, but there is no such file .*--start"):
        api.train(place / "data", recipe=planned)


def test_answers_with_positions_need_finer_cells(place: Path) -> None:
    cell = '"[{""label"": ""thing"", ""xyxy"": [4, 4, 20, 20]}]"'
    rows = [f"data/red/{i}.png,{cell}" for i in range(8)]
    (place / "boxes.csv").write_text("\n".join(["image,boxes", *rows]))
    with pytest.raises(UsageError, match="an ONNX encoder has cells of one size; answers with positions need finer"):
        api.plan(place / "boxes.csv", start=str(place / "encoder.onnx"), steps=1)
