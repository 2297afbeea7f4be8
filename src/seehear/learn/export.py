"""Export to ONNX: graphs are traced before training, filled with weights after it, and compared with the network."""

from __future__ import annotations

import gc
import logging
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from inspect import signature
from typing import Any, NamedTuple, Protocol

import numpy as np
import onnx
import safetensors.torch
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from seehear.answers import Decoder
from seehear.errors import BundleError, TrainingError
from seehear.learn.data.cache import DatasetCache
from seehear.learn.inserted_encoders import insert_encoders
from seehear.learn.model.network import Network, Tensors
from seehear.learn.quantisation import quantise
from seehear.runtime.graph import OPSET
from seehear.runtime.graph_safety import check_graph
from seehear.runtime.model_runner import PRESENT
from seehear.runtime.onnx_session import Session

BATCHES = (1, 3, 28)  # sizes of the batches compared, other than the traced one
DECODED = 4  # examples on which decoders are compared
NETWORK, DECODER = "network.onnx", "decoder.onnx"  # in messages
TOLERANCE = 1e-3  # relative, or absolute for values below 1


class ServingModule(nn.Module):
    """The network with its inputs and outputs in a fixed order, as in a graph."""

    def __init__(self, network: Network, inputs: list[str], outputs: list[str]) -> None:
        super().__init__()
        self.network, self.inputs, self.outputs = network, inputs, outputs

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        named = dict(zip(self.inputs, tensors, strict=True))
        present = named.pop(PRESENT, None)
        if present is None:
            present = torch.ones(tensors[0].shape[0], 1, dtype=torch.bool, device=tensors[0].device)
        raw = self.network(named, present)
        return tuple(raw[name] for name in self.outputs)


class Servable(Protocol):
    """A module that takes its inputs in order, as a graph does, and names its outputs."""

    outputs: tuple[str, ...]

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]: ...


class Graphs(NamedTuple):
    """ONNX graphs: of the network, and of its decoder if it has one."""

    network: bytes
    decoder: bytes | None


def trace_graphs(network: Network, dataset: DatasetCache, rows: NDArray[np.int64]) -> Graphs:
    """Trace the network and its decoder, without their weights.

    Tracing takes most of the time of an export and does not depend on the weights. Done before training, it leaves all
    remaining time to training, and shows early whether the network can be exported and served.

    Raises TrainingError for a graph that the runtime would refuse.
    """
    network = network.cpu().eval()
    feeds, outputs = _feeds(network, dataset, rows[:2])
    dynamic_axes = {name: axes for encoder in network.encoders.values() for name, axes in encoder.dynamic_axes.items()}  # type: ignore[operator, union-attr]
    dynamic_axes = {name: {0: "batch", **dynamic_axes.get(name, {})} for name in feeds}
    serving = ServingModule(_fold(network), list(feeds), list(outputs))
    graph = trace_module(serving, feeds, list(outputs), dynamic_axes)
    _check_servable(fill_graph(graph, serving), NETWORK)
    if (decoder := network.decoder) is None:
        return Graphs(graph, None)
    inputs = next(_decoder_inputs(decoder, network, dataset, rows))
    decoder_graph = trace_module(decoder, inputs, decoder.outputs, decoder.dynamic_axes)
    _check_servable(fill_graph(decoder_graph, decoder), DECODER)
    return Graphs(graph, decoder_graph)


def _check_servable(graph: bytes, name: str) -> None:
    try:
        check_graph(graph, name)
    except BundleError as error:
        raise TrainingError(
            f"the runtime would refuse the exported graph: {error.what}", hint="please report this with the recipe"
        ) from None


def export_graphs(traced: Graphs, network: Network, dataset: DatasetCache, rows: NDArray[np.int64]) -> Graphs:
    """Fill the traced graphs with the network's weights. Raises TrainingError if their outputs on these rows differ."""
    network = network.cpu().eval()
    graph = fill_graph(traced.network, ServingModule(_fold(network), [], []))  # weights have their names in the graph
    check_parity(network, graph, dataset, rows)
    if traced.decoder is None or (decoder := network.decoder) is None:
        return Graphs(graph, None)
    decoder_graph = fill_graph(traced.decoder, decoder)
    check_outputs(decoder, decoder_graph, _decoder_inputs(decoder, network, dataset, rows))
    return Graphs(graph, quantise(decoder_graph) if decoder.quantised else decoder_graph)


def _fold(network: Network) -> Network:
    """The network, or a copy with normalisations folded into weights, which has fewer operators to trace and run."""
    if not any(hasattr(encoder, "fold") for encoder in network.encoders.values()):
        return network
    folded = deepcopy(network)
    for encoder in folded.encoders.values():
        if hasattr(encoder, "fold"):
            encoder.fold()  # type: ignore[operator]
    return folded


def to_safetensors(network: Network) -> bytes:
    """Its weights; matrices in half precision if it began from a pretrained encoder, whose weights are most of them."""
    half = bool(network.recipe.starts)
    stored = {
        name: tensor.half() if half and tensor.ndim > 1 and tensor.is_floating_point() else tensor
        for name, tensor in network.state_dict().items()
    }
    return safetensors.torch.save({name: tensor.contiguous() for name, tensor in stored.items()})


@torch.no_grad()
def check_parity(network: Network, content: bytes, dataset: DatasetCache, rows: NDArray[np.int64]) -> None:
    """Compare network and graph on real examples, in batches of several sizes and with each set of senses."""
    session = Session(content)
    remaining = rows
    for size in BATCHES:
        size = dataset.batch_limit(size)
        batch, remaining = remaining[:size], remaining[size:]
        if len(batch) == 0:
            return
        feeds, _ = _feeds(network, dataset, batch)
        inputs = {name: tensor for name, tensor in feeds.items() if name != PRESENT}
        for present in network.sense_subsets(len(batch)):
            fed = inputs | ({PRESENT: present} if PRESENT in feeds else {})
            served = session.run({name: tensor.numpy() for name, tensor in fed.items()})
            for name, value in network(inputs, present).items():
                _compare(name, value.numpy(), served[name])


@torch.no_grad()
def check_outputs(module: Servable, content: bytes, inputs: Iterable[Mapping[str, Tensor]]) -> None:
    """Compare a module that takes its inputs in order with its graph. Raises TrainingError if outputs differ."""
    session = Session(content)
    for feeds in inputs:
        served = session.run({name: tensor.numpy() for name, tensor in feeds.items()})
        for name, value in zip(module.outputs, module(*feeds.values()), strict=True):
            _compare(name, value.numpy(), served[name])


def _compare(name: str, ours: NDArray[np.float32], served: NDArray[np.float32]) -> None:
    difference = float((np.abs(ours - served) / np.maximum(1, np.abs(ours))).max())
    if ours.shape != served.shape or not difference <= TOLERANCE:
        raise TrainingError(
            f"the exported graph and the network give different outputs: '{name}' differs by {difference:.2g}",
            allowed=f"at most {TOLERANCE:g}",
            hint="the model was not saved; please report this with the recipe",
        )


def _feeds(network: Network, dataset: DatasetCache, rows: NDArray[np.int64]) -> tuple[Tensors, Tensors]:
    """Inputs of the graph for these rows, with all senses present, and the outputs of the network."""
    batch = dataset.batch(rows)
    senses = len(network.encoders)
    present = torch.ones(len(rows), senses, dtype=torch.bool)
    with torch.no_grad():
        outputs = network(batch.inputs, present)
    return batch.inputs | ({PRESENT: present} if senses > 1 else {}), outputs


@torch.no_grad()
def _decoder_inputs(
    decoder: Decoder, network: Network, dataset: DatasetCache, rows: NDArray[np.int64]
) -> Iterator[Tensors]:
    """Inputs of the decoder for some of these rows, the longest first."""
    batch = dataset.batch(rows[:DECODED])
    yield from decoder.example_inputs(network(batch.inputs, torch.ones_like(batch.present)), batch.target)


def trace_module(
    module: Any, feeds: Tensors, outputs: Sequence[str], dynamic_axes: Mapping[str, Mapping[int, str]]
) -> bytes:
    """Export to ONNX. `dynamic_axes` gives the axes of each input that may have any length."""
    shapes = tuple(dict(dynamic_axes[name]) for name in feeds)
    takes_any = any(each.kind is each.VAR_POSITIONAL for each in signature(module.forward).parameters.values())
    with _quiet(), _no_garbage_collection():
        program = torch.onnx.export(
            module,
            tuple(feeds.values()),
            input_names=list(feeds),
            output_names=list(outputs),
            dynamic_shapes=(shapes,) if takes_any else shapes,  # *tensors are one argument
            opset_version=OPSET,
            dynamo=True,
            optimize=False,  # it would fold weights, see _optimise
            verbose=False,
        )
    return _optimise(program.model_proto, module)  # type: ignore[union-attr]


def _optimise(graph: onnx.ModelProto, module: Any) -> bytes:
    """Optimise the graph once for all weights: they become inputs, so that none is folded into another."""
    from onnxscript import optimizer  # slow to import

    names = module.state_dict().keys()
    weights = {tensor.name: tensor for tensor in graph.graph.initializer if tensor.name in names}
    for name, tensor in weights.items():
        graph.graph.input.append(onnx.helper.make_tensor_value_info(name, tensor.data_type, tensor.dims))
        graph.graph.initializer.remove(tensor)
    with _quiet():
        graph = optimizer.optimize(graph)
    _strip(graph.graph)
    content: bytes = graph.SerializeToString()
    return content


def fill_graph(traced: bytes, module: Any) -> bytes:
    """The graph with the module's weights."""
    weights = module.state_dict()
    model = onnx.load_from_string(traced)
    graph = model.graph
    for value in [value for value in graph.input if value.name in weights]:
        graph.input.remove(value)
        graph.initializer.append(numpy_helper.from_array(weights[value.name].numpy(), value.name))
    insert_encoders(graph)
    del model.opset_import[:]
    model.opset_import.append(onnx.helper.make_opsetid("", OPSET))
    content: bytes = model.SerializeToString()
    return content


def _strip(graph: onnx.GraphProto) -> None:
    """Remove what no runtime needs: shapes, and source paths of the exporting machine."""
    del graph.value_info[:]
    for message in (graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        message.ClearField("doc_string")
        del message.metadata_props[:]


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Tracing makes millions of objects that live until its end. Looking for garbage among them takes a fifth of it."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in ("torch.onnx", "onnxscript", "onnx_ir"):
            logging.getLogger(logger).setLevel(logging.ERROR)
        yield
