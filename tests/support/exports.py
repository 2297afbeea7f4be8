"""The exported graphs of every supported pair of answer and senses, and an encoder of the user's own, with inputs."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import torch

from learning import ANSWER_CELLS, EXAMPLES, PAIRS, dataset_of, digits_table, recipe_for
from onnx_encoders import make_varied_encoder
from seehear import api
from seehear.answers.text.spec import AttentionSpec
from seehear.learn.export import export_graphs, trace_graphs
from seehear.learn.model.network import Network
from seehear.recipe import Recipe
from seehear.senses.hearing.plan import Whisper
from seehear.senses.sight.architectures import ResNet
from seehear.starts.onnx_encoder import convert_graph

NUMPY = {1: np.float32, 2: np.uint8, 7: np.int64, 9: np.bool_}


@cache
def trained(kind: str, senses: tuple[str, ...]) -> api.Recogniser:
    """A recogniser of a supported pair as it is planned, after a few steps on 24 examples."""
    with TemporaryDirectory() as folder:
        data = digits_table(Path(folder) / "data", {kind: (ANSWER_CELLS[kind] * 2)[:24]}, senses)
        return api.train(data, steps=4, minutes=0.05, senses=senses)


def _other_recipes() -> dict[str, Recipe]:
    """A recogniser with a decoder, and some with encoders of published layouts."""
    text = recipe_for("text", ("audio",))
    decoding = text.model_copy(update={"answer": text.answer.replace(decoder=AttentionSpec())})  # type: ignore[attr-defined]
    return {
        "text by audio, decoded": decoding,
        "label by audio, pretrained": pretrained_recipe("label"),
        "label by image, ResNet": _resnet_recipe(),
    }


def pretrained_recipe(kind: str) -> Recipe:
    """A recogniser whose encoder is the first layer of Whisper's."""
    recipe = recipe_for(kind, ("audio",))
    encoder = Whisper(size="tiny.en", layers=(1,))
    spec = recipe.senses["audio"].model_copy(update={"encoder": encoder})
    return recipe.model_copy(update={"senses": {"audio": spec}, "width": encoder.cell_width})


def _resnet_recipe() -> Recipe:
    recipe = recipe_for("label", ("image",))
    spec = recipe.senses["image"].model_copy(update={"encoder": ResNet(blocks=(1, 1, 1, 1)), "height": 32, "width": 32})
    return recipe.model_copy(update={"senses": {"image": spec}})


@cache
def exports() -> dict[str, bytes]:
    """Every graph, by its title."""
    found = {"an encoder of the user's own": convert_graph(make_varied_encoder().SerializeToString())}
    found |= {f"{kind} by {'+'.join(senses)}": trained(kind, senses)._bundle.model for kind, senses in PAIRS}
    for title, recipe in _other_recipes().items():
        found |= _exported(title, recipe)
    return found


def _exported(title: str, recipe: Recipe) -> dict[str, bytes]:
    with TemporaryDirectory() as folder:
        torch.manual_seed(0)
        dataset = dataset_of(recipe, Path(folder))
        rows, network = np.arange(EXAMPLES), Network(recipe)
        graphs = export_graphs(trace_graphs(Network(recipe), dataset, rows), network, dataset, rows)
    return {title: graphs.network} | ({} if graphs.decoder is None else {f"the decoder of {title}": graphs.decoder})


def feeds(model: onnx.ModelProto, lengths: dict[str, int]) -> dict[str, np.ndarray[Any, Any]]:
    """Arrays of ones; `lengths` gives the lengths of the dynamic axes by name."""
    fed: dict[str, np.ndarray[Any, Any]] = {}
    for value in model.graph.input:
        tensor = value.type.tensor_type
        shape = [axis.dim_value or lengths[axis.dim_param] for axis in tensor.shape.dim]
        fed[value.name] = np.ones(shape, NUMPY[tensor.elem_type])
    return fed
