"""The features, classes and groups of examples that a model file stores so that classes can be added later.

The examples themselves are not stored. docs/reference/model-file.md says what features reveal.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seehear.answers import ANSWERS
from seehear.answers.class_names import require_extension
from seehear.errors import BundleError
from seehear.learn.data.cache import DatasetCache
from seehear.learn.data.split import DataSplit
from seehear.learn.loop.probe import EncodedExamples, PoolingHead, encode_examples, normalise
from seehear.learn.model.network import Network
from seehear.recipe import Recipe
from seehear.sampling import take_evenly

MOST = 1000  # training examples stored, and as many held-out ones at most
LARGEST = 65504.0  # in half precision


@runtime_checkable
class ExtensibleHead(PoolingHead, Protocol):
    """A head whose last layer has an output for each class, and can be extended."""

    classify: nn.Module

    def add_classes(self, weight: Tensor, bias: Tensor) -> None:
        """Add an output for each row of `weight` (k, F) and `bias` (k,)."""


class ClassExamples(NamedTuple):
    """The last layer's inputs: features (n, F) float32, with classes (n,) and groups (n,) such as speakers."""

    features: Tensor
    classes: Tensor
    groups: Tensor

    def join(self, other: ClassExamples) -> ClassExamples:
        """Concatenate two sets, whose groups are distinct."""
        apart = other.groups + (int(self.groups.max()) + 1 if len(self.groups) else 0)
        return ClassExamples(
            torch.cat([self.features, other.features]),
            torch.cat([self.classes, other.classes]),
            torch.cat([self.groups, apart]),
        )

    def take(self, chosen: Tensor) -> ClassExamples:
        """The examples that a mask or indices select."""
        return ClassExamples(*(values[chosen] for values in self))


class KeptFeatures(NamedTuple):
    """Training examples and held-out ones."""

    train: ClassExamples
    held_out: ClassExamples

    def to_safetensors(self) -> bytes:
        """Write at most MOST examples of each part, with features in half precision."""
        tensors: dict[str, Tensor] = {}
        for part, examples in self._asdict().items():
            kept = examples.take(torch.from_numpy(take_evenly(np.arange(len(examples.classes)), MOST)))
            tensors[f"{part}.features"] = kept.features.clamp(-LARGEST, LARGEST).half()
            tensors[f"{part}.classes"], tensors[f"{part}.groups"] = kept.classes.int(), kept.groups.int()
        return safetensors.torch.save(tensors)

    @classmethod
    def from_safetensors(cls, content: bytes, width: int, classes: int) -> KeptFeatures:
        """Raises BundleError for other tensors, shapes or values than those of a network of this width."""
        tensors = safetensors.torch.load(content)
        parts = []
        for part in cls._fields:
            found = [tensors.pop(f"{part}.{name}", None) for name in ClassExamples._fields]
            features, labels, groups = found
            if features is None or labels is None or groups is None:
                raise _refuse(f"the tensors of the part {part!r} are incomplete")
            n = len(labels) if labels.ndim == 1 else -1
            if features.shape != (n, width) or groups.shape != (n,) or not 0 < n <= MOST:
                shapes = " and ".join(str(tuple(tensor.shape)) for tensor in (features, labels, groups))
                raise _refuse(f"the tensors of the part {part!r} have the shapes {shapes}")
            if (features.dtype, labels.dtype, groups.dtype) != (torch.half, torch.int, torch.int):
                raise _refuse(f"the part {part!r} has other types of numbers")
            if not (int(labels.min()) >= 0 and int(labels.max()) < classes and bool(features.isfinite().all())):
                raise _refuse(f"the part {part!r} has values that the recipe does not allow")
            parts.append(ClassExamples(features.float(), labels.long(), groups.long()))
        if tensors:
            raise _refuse(f"it has an unexpected tensor, {next(iter(tensors))[:40]!r}")
        return cls(*parts)


def _refuse(reason: str) -> BundleError:
    return BundleError(f"features.safetensors is refused: {reason}")


def supports_new_classes(recipe: Recipe) -> bool:
    """Whether classes can be added: the recogniser has one sense and gives each example one of several classes."""
    extension = ANSWERS[recipe.kind].extension
    return len(recipe.senses) == 1 and extension is not None and extension.supports(recipe.answer)


def load_features(content: bytes, network: Network) -> KeptFeatures:
    """The features stored with a network that supports new classes. Raises BundleError if they do not fit."""
    head: Any = network.head
    if not isinstance(head, ExtensibleHead):
        raise TypeError(f"{type(head).__name__} cannot take more classes")
    width: Any = head.classify.in_features
    names = require_extension(ANSWERS[network.recipe.kind]).names(network.recipe.answer)
    return KeptFeatures.from_safetensors(content, width, len(names))


def keep_features(network: Network, split: DataSplit, encoded: EncodedExamples) -> bytes:
    """The features of up to MOST examples of each part. The training examples are encoded already."""
    places = take_evenly(np.arange(len(encoded.rows)), MOST)
    train = _describe_examples(network, split.train, encoded.rows[places], encoded.pooled[places])
    return KeptFeatures(train, read_examples(network, split.val, take_evenly(split.val_rows, MOST))).to_safetensors()


def read_examples(network: Network, dataset: DatasetCache, rows: NDArray[np.int64]) -> ClassExamples:
    """The last layer's inputs for these rows."""
    return _describe_examples(network, dataset, rows, encode_examples(network, dataset, rows).pooled)


def _describe_examples(
    network: Network, dataset: DatasetCache, rows: NDArray[np.int64], pooled: Tensor
) -> ClassExamples:
    extension = require_extension(ANSWERS[network.recipe.kind])
    names = list(extension.names(dataset.recipe.answer))
    classes = [names.index(dataset.truth(int(row)).to_cell()) for row in rows]
    groups = np.unique(dataset.groups[rows], return_inverse=True)[1]
    features = normalise(network.head, pooled)  # type: ignore[arg-type]
    return ClassExamples(features, torch.tensor(classes), torch.from_numpy(groups))
