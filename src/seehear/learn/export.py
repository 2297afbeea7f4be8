"""The runtime's graph of a network: drafted before it learns, filled after, and proved to answer like it."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import safetensors.torch
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from seehear.answers import Decoder
from seehear.errors import TrainingError
from seehear.files import write_whole
from seehear.learn.data.cache import DatasetCache
from seehear.learn.model.network import Network, Tensors
from seehear.runtime.graph import OPSET
from seehear.runtime.predictor import PRESENT
from seehear.runtime.session import Session

BATCHES = (1, 3, 28)  # examples that prove parity; sizes other than the traced one
ASKED = 4  # examples about which a decoder proves it
NETWORK, DECODER = "network.onnx", "decoder.onnx"  # names of drafts that are kept
TOLERANCE = 1e-3  # of the value, or of 1 where it is smaller


class Served(nn.Module):
    """The network with its inputs and outputs in a fixed order, as a graph has them."""

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


class Graphs(NamedTuple):
    """In ONNX: of the network, and of its decoder where it has one."""

    network: bytes
    decoder: bytes | None

    def keep(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        if self.decoder is not None:
            write_whole(folder / DECODER, self.decoder)
        write_whole(folder / NETWORK, self.network)  # last: where it is, all is

    @classmethod
    def kept(cls, folder: Path) -> Graphs | None:
        if not (folder / NETWORK).exists():
            return None
        decoder = folder / DECODER
        return cls((folder / NETWORK).read_bytes(), decoder.read_bytes() if decoder.exists() else None)


def trace_graphs(network: Network, dataset: DatasetCache, rows: NDArray[np.int64]) -> Graphs:
    """Its graphs with the weights that it happens to have, not yet folded into each other.

    Tracing takes most of an export's time, and no notice of the weights: so it is done before learning, which then has
    all the time that is left, and does not end with a network that can not be exported.
    """
    network = network.cpu().eval()
    feeds, outputs = _feeds(network, dataset, rows[:2])
    flexible = {name: axes for encoder in network.encoders.values() for name, axes in encoder.dynamic_axes.items()}  # type: ignore[operator, union-attr]
    flexible = {name: {0: "batch", **flexible.get(name, {})} for name in feeds}
    graph = _traced(Served(network, list(feeds), list(outputs)), feeds, list(outputs), flexible)
    if (decoder := network.decoder) is None:
        return Graphs(graph, None)
    question = next(_questions(decoder, network, dataset, rows))
    return Graphs(graph, _traced(decoder, question, decoder.outputs, decoder.flexible))


def export_graphs(draft: Graphs, network: Network, dataset: DatasetCache, rows: NDArray[np.int64]) -> Graphs:
    """Its graphs, proved on these rows. Raises TrainingError where they answer otherwise than the network."""
    network = network.cpu().eval()
    graph = _filled(draft.network, Served(network, [], []))  # as its weights are named in the graph
    check_parity(network, graph, dataset, rows)
    if draft.decoder is None or (decoder := network.decoder) is None:
        return Graphs(graph, None)
    asked = _filled(draft.decoder, decoder)
    _check_decoder(decoder, asked, _questions(decoder, network, dataset, rows))
    return Graphs(graph, asked)


def to_safetensors(network: Network) -> bytes:
    return safetensors.torch.save({name: tensor.contiguous() for name, tensor in network.state_dict().items()})


@torch.no_grad()
def check_parity(network: Network, content: bytes, dataset: DatasetCache, rows: NDArray[np.int64]) -> None:
    """Ask network and graph the same real examples, in batches of several sizes and with each sense withheld."""
    session = Session(content)
    rest = rows
    for size in BATCHES:
        size = dataset.batch_limit(size)
        now, rest = rest[:size], rest[size:]
        if len(now) == 0:
            return
        feeds, _ = _feeds(network, dataset, now)
        inputs = {name: tensor for name, tensor in feeds.items() if name != PRESENT}
        for way in network.ways(len(now)):
            fed = inputs | ({PRESENT: way} if PRESENT in feeds else {})
            served = session.run({name: tensor.numpy() for name, tensor in fed.items()})
            for name, value in network(inputs, way).items():
                _compare(name, value.numpy(), served[name])


@torch.no_grad()
def _check_decoder(decoder: Decoder, content: bytes, questions: Iterable[Tensors]) -> None:
    session = Session(content)
    for question in questions:
        served = session.run({name: tensor.numpy() for name, tensor in question.items()})
        for name, value in zip(decoder.outputs, decoder(*question.values()), strict=True):
            _compare(name, value.numpy(), served[name])


def _compare(name: str, ours: NDArray[np.float32], served: NDArray[np.float32]) -> None:
    apart = float((np.abs(ours - served) / np.maximum(1, np.abs(ours))).max())
    if ours.shape != served.shape or not apart <= TOLERANCE:
        raise TrainingError(
            f"the exported graph answers otherwise than the network: '{name}' differs by {apart:.2g}",
            allowed=f"at most {TOLERANCE:g}",
            hint="the model was not saved; please report this with the recipe",
        )


def _feeds(network: Network, dataset: DatasetCache, rows: NDArray[np.int64]) -> tuple[Tensors, Tensors]:
    """What the graph is fed for these rows, all senses present, and what the network answers."""
    batch = dataset.batch(rows)
    senses = len(network.encoders)
    present = torch.ones(len(rows), senses, dtype=torch.bool)
    with torch.no_grad():
        outputs = network(batch.inputs, present)
    return batch.inputs | ({PRESENT: present} if senses > 1 else {}), outputs


@torch.no_grad()
def _questions(decoder: Decoder, network: Network, dataset: DatasetCache, rows: NDArray[np.int64]) -> Iterator[Tensors]:
    """What it may be asked about some of these rows, the longest first."""
    batch = dataset.batch(rows[:ASKED])
    yield from decoder.questions(network(batch.inputs, torch.ones_like(batch.present)), batch.target)


def _traced(module: Any, feeds: Tensors, outputs: Sequence[str], flexible: Mapping[str, Mapping[int, str]]) -> bytes:
    """`flexible`: for each input the axes that may have any length."""
    shapes = tuple(dict(flexible[name]) for name in feeds)
    with _quiet():
        program = torch.onnx.export(
            module,
            tuple(feeds.values()),
            input_names=list(feeds),
            output_names=list(outputs),
            dynamic_shapes=(shapes,) if isinstance(module, Served) else shapes,  # Served takes *tensors: one argument
            opset_version=OPSET,
            dynamo=True,
            optimize=False,  # which would fold weights into others, of other names
            verbose=False,
        )
    content: bytes = program.model_proto.SerializeToString()  # type: ignore[union-attr]
    return content


def _filled(draft: bytes, module: Any) -> bytes:
    """The graph with the module's weights, folded."""
    from onnxscript import optimizer  # slow to import, as tracing does too

    weights = module.state_dict()
    graph = onnx.load_from_string(draft)
    for tensor in graph.graph.initializer:
        if tensor.name in weights:
            tensor.CopyFrom(numpy_helper.from_array(weights[tensor.name].numpy(), tensor.name))
    with _quiet():
        graph = optimizer.optimize(graph)
    _strip(graph.graph)
    content: bytes = graph.SerializeToString()
    return content


def _strip(graph: onnx.GraphProto) -> None:
    """Take out what no runtime reads: where in the source of this machine each operator came from, and its shapes."""
    del graph.value_info[:]
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        part.ClearField("doc_string")
        del part.metadata_props[:]


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for talker in ("torch.onnx", "onnxscript", "onnx_ir"):
            logging.getLogger(talker).setLevel(logging.ERROR)
        yield
