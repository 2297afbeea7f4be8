"""Loads the weights that training starts from: a trained model, or the pretrained encoders named in the recipe."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from pydantic import BaseModel
from torch import Tensor

from seehear.errors import BundleError, UsageError
from seehear.files import MODEL_SUFFIX
from seehear.learn.model.network import Network
from seehear.planning.reuse import same_answer
from seehear.recipe import Recipe
from seehear.runtime.bundle import read_bundle
from seehear.runtime.onnx_session import Session
from seehear.starts import Start, find_start, load_tensors
from seehear.starts.onnx_encoder import convert_graph, describe_encoder

HEAD = "head."
ROWS = ("moments", "subspace.centres", "subspace.directions")  # whose number of rows a scorer must know

Array = NDArray[np.float32]


@runtime_checkable
class GraphEncoder(Protocol):
    """An encoder that is an ONNX graph: the file, as bytes, and what runs it."""

    architecture: BaseModel
    file: Tensor
    run: Callable[[Array], Array] | None


def load_starts(network: Network) -> None:
    """Load the pretrained encoders that the recipe names.

    Raises SeehearError if one is not installed, UsageError if the weights of a file do not fit their architecture.
    """
    for sense, name in network.recipe.starts.items():
        tensors = load_tensors(_find_start(name))
        try:
            network.encoders[sense].load_pretrained(tensors)  # type: ignore[operator]
            if (load := getattr(network.head, "load_pretrained", None)) is not None:  # a decoder of the same start
                load(tensors)
            open_graphs(network)
        except ValueError as error:
            raise UsageError(f"the weights do not fit: {error}", where=name) from None


def _find_start(name: str) -> Start:
    try:
        return find_start(name)
    except UsageError as error:  # the user has named a recipe, not this
        raise UsageError(
            f"the recipe starts from it, but {error.what}",
            where=name,
            allowed=error.allowed,
            hint="put the file there again, or train a model file further with --start, which needs no other file",
        ) from None


@dataclass(frozen=True)
class Pretrained:
    """A trained model to start from.

    weights   its weights.safetensors
    name      what messages call it
    """

    recipe: Recipe
    weights: bytes
    name: str

    def fingerprint(self) -> str:
        return hashlib.sha256(self.weights).hexdigest()

    def keeps_head(self, recipe: Recipe) -> bool:
        """Whether the head is loaded too: only if the answers are the same."""
        return same_answer(self.recipe, recipe)

    @torch.no_grad()
    def load_into(self, network: Network) -> None:
        """Copy the weights into a network; those of the head only if it answers the same.

        Raises UsageError if encoders or fusion have other shapes.
        """
        stored, keeps_head = safetensors.torch.load(self.weights), self.keeps_head(network.recipe)
        for sense, scorer in network.ood.items():
            rows = [_count_rows(stored.get(f"ood.{sense}.{name}")) for name in ROWS]
            scorer.allocate(*rows)  # type: ignore[operator]
        for name, own in network.state_dict().items():
            if name.startswith(HEAD) and not keeps_head:
                continue
            found = stored.get(name)
            if found is None or found.shape != own.shape:
                came = "is missing" if found is None else f"has the shape {tuple(found.shape)}"
                raise UsageError(
                    f"its weights do not fit the recipe: {name} {came}",
                    where=self.name,
                    allowed=f"the shape {tuple(own.shape)}",
                    hint="start from a model file that this version of seehear has written, or without --start",
                )
            own.copy_(found)
        open_graphs(network)
        network.initialised = True


def _count_rows(tensor: torch.Tensor | None) -> int:
    return len(tensor) if tensor is not None and tensor.ndim else 0


def open_graphs(network: Network) -> None:
    """Make encoders that are ONNX graphs run the files among their weights.

    Raises BundleError for a file that the runtime would refuse, or that is not the one that the recipe describes.
    """
    for name, encoder in network.encoders.items():
        if not isinstance(encoder, GraphEncoder):
            continue
        content = encoder.file.numpy(force=True).tobytes()
        described = type(encoder.architecture).model_validate(describe_encoder(content))
        if described != encoder.architecture:
            raise BundleError(f"the ONNX graph of the {name} encoder is not the one that the recipe describes")
        encoder.run = _make_runner(Session(convert_graph(content)))


def _make_runner(session: Session) -> Callable[[Array], Array]:
    """A function, because networks are copied, and sessions cannot be."""
    (name,) = session.inputs

    def run(pictures: Array) -> Array:
        return session.run({name: pictures})[session.outputs[0]]

    return run


def read_pretrained(start: str | Path | None, recipe: str | Path | Recipe | None) -> Pretrained | None:
    """The model file to start from, if it is one. Raises UsageError if a recipe is given too, as it names its start."""
    if start is None:
        return None
    if recipe is not None:
        raise UsageError("both a recipe and a start", hint="leave out one: a recipe says what to start from")
    if Path(start).suffix != MODEL_SUFFIX:
        return None
    bundle = read_bundle(Path(start))
    return Pretrained(bundle.recipe, bundle.weights, str(start))
