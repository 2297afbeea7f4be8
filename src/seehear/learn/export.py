"""From the trained network to the runtime's graph, and the proof that both answer alike."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seehear.errors import TrainingError
from seehear.learn.network import Network, Tensors
from seehear.learn.shelf import Shelf
from seehear.runtime.recognise import PRESENT
from seehear.runtime.session import Session

OPSET = 20
BATCHES = (1, 3, 28)  # examples that prove parity; sizes other than the traced one
ASKED = 4  # examples about which a decoder proves it
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


def to_onnx(network: Network, shelf: Shelf, rows: NDArray[np.int64]) -> bytes:
    """The graph as bytes, proved on these rows. Raises TrainingError where it differs from the network."""
    network = network.cpu().eval()
    feeds, outputs = _feeds(network, shelf, rows[:2])
    served = Served(network, list(feeds), list(outputs))
    flexible = {name: axes for encoder in network.encoders.values() for name, axes in encoder.flexible.items()}  # type: ignore[operator, union-attr]
    content = _export(served, feeds, served.outputs, {name: {0: "batch", **flexible.get(name, {})} for name in feeds})
    check_parity(network, content, shelf, rows)
    return content


@torch.no_grad()
def decoder_to_onnx(network: Network, shelf: Shelf, rows: NDArray[np.int64]) -> bytes | None:
    """The decoder's graph, if there is one, proved on questions about these rows. Raises TrainingError like to_onnx."""
    network = network.cpu().eval()
    decoder = network.decoder
    if decoder is None:
        return None
    batch = shelf.batch(rows[:ASKED])
    raw = network(batch.inputs, torch.ones_like(batch.present))
    first, *others = decoder.questions(raw, batch.target)
    content = _export(decoder, first, decoder.outputs, decoder.flexible)
    asked = Session(content)
    for question in (first, *others):
        served = asked.run({name: tensor.numpy() for name, tensor in question.items()})
        for name, value in zip(decoder.outputs, decoder(*question.values()), strict=True):
            _compare(name, value.numpy(), served[name])
    return content


def to_safetensors(network: Network) -> bytes:
    return safetensors.torch.save({name: tensor.contiguous() for name, tensor in network.state_dict().items()})


@torch.no_grad()
def check_parity(network: Network, content: bytes, shelf: Shelf, rows: NDArray[np.int64]) -> None:
    """Ask network and graph the same real examples, in batches of several sizes and with each sense withheld."""
    session = Session(content)
    rest = rows
    for size in BATCHES:
        size = shelf.together(size)
        now, rest = rest[:size], rest[size:]
        if len(now) == 0:
            return
        feeds, _ = _feeds(network, shelf, now)
        inputs = {name: tensor for name, tensor in feeds.items() if name != PRESENT}
        for way in network.ways(len(now)):
            fed = inputs | ({PRESENT: way} if PRESENT in feeds else {})
            served = session.run({name: tensor.numpy() for name, tensor in fed.items()})
            for name, value in network(inputs, way).items():
                _compare(name, value.numpy(), served[name])


def _compare(name: str, ours: NDArray[np.float32], served: NDArray[np.float32]) -> None:
    apart = float((np.abs(ours - served) / np.maximum(1, np.abs(ours))).max())
    if ours.shape != served.shape or not apart <= TOLERANCE:
        raise TrainingError(
            f"the exported graph answers otherwise than the network: '{name}' differs by {apart:.2g}",
            allowed=f"at most {TOLERANCE:g}",
            hint="the model was not saved; please report this with the recipe",
        )


def _feeds(network: Network, shelf: Shelf, rows: NDArray[np.int64]) -> tuple[Tensors, Tensors]:
    """What the graph is fed for these rows, all senses present, and what the network answers."""
    batch = shelf.batch(rows)
    senses = len(network.encoders)
    present = torch.ones(len(rows), senses, dtype=torch.bool)
    with torch.no_grad():
        outputs = network(batch.inputs, present)
    return batch.inputs | ({PRESENT: present} if senses > 1 else {}), outputs


def _export(module: Any, feeds: Tensors, outputs: Sequence[str], flexible: Mapping[str, Mapping[int, str]]) -> bytes:
    """`flexible`: for each input the axes that may have any length."""
    shapes = tuple(dict(flexible[name]) for name in feeds)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for talker in ("torch.onnx", "onnxscript", "onnx_ir"):
            logging.getLogger(talker).setLevel(logging.ERROR)
        program = torch.onnx.export(
            module,
            tuple(feeds.values()),
            input_names=list(feeds),
            output_names=list(outputs),
            dynamic_shapes=(shapes,) if isinstance(module, Served) else shapes,  # Served takes *tensors: one argument
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    content: bytes = program.model_proto.SerializeToString()  # type: ignore[union-attr]
    return content
