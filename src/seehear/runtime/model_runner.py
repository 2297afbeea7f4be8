"""Runs a model file's graph on a batch of preprocessed examples, and checks what it returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from seehear.answers import ANSWERS, AnyKind, Shape
from seehear.errors import BundleError
from seehear.runtime.bundle import Bundle
from seehear.runtime.bundle_cost import check_bundle_cost
from seehear.runtime.onnx_session import Session
from seehear.senses import SENSES, Array

PRESENT = "present"  # bool (B, S), an input of graphs with several senses: which senses each example has
EMBEDDING = "embedding"  # float (B, F) of length 1, an output: similar for similar examples
OOD_SCORE = "ood_score_"  # + sense: float (B,), an output: the out-of-distribution score of each example


class Outputs(NamedTuple):
    """What the graph returned for one example, without the batch axis.

    The head's arrays, an embedding (F,), and an out-of-distribution score for each sense.
    """

    raw: dict[str, Array]
    embedding: Array
    ood_scores: dict[str, Array]

    def select(self, senses: Sequence[str]) -> Outputs:
        """The outputs of an example that has only these senses. Raises BundleError for values that are not finite."""
        scores = {sense: self.ood_scores[sense] for sense in senses}
        if not all(np.isfinite(array).all() for array in (*self.raw.values(), self.embedding, *scores.values())):
            raise BundleError("the graph returned values that are not finite")
        return self._replace(ood_scores=scores)


class ModelRunner:
    """A model file's graph, ready to run.

    kind    the recipe's kind of answer, with the file's decoder if it has one
    Raises BundleError for a graph that costs too much, or that does not fit the recipe.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.recipe = bundle.recipe
        check_bundle_cost(bundle, self._feeds([{}]))
        self._session = Session(bundle.model)
        self.kind: AnyKind = ANSWERS[self.recipe.kind]
        if bundle.decoder is not None:
            self.kind = self.kind.require_decoding("a decoder").with_network(Session(bundle.decoder).run)
        self._raw_shapes = self.kind.raw_shapes(self.recipe.answer)
        self._check_fit()

    def run(self, batch: Sequence[Mapping[str, Array]]) -> list[Outputs]:
        """One Outputs for each example, given as its preprocessed arrays by sense. Raises BundleError."""
        arrays = self._session.run(self._feeds(batch))
        lengths: dict[str, int] = {}
        for name, shape in self._shapes().items():
            if not _has_shape(arrays[name], (len(batch), *shape), lengths):
                raise BundleError(
                    f"the graph returned {name} of shape {arrays[name].shape} for a batch of {len(batch)}",
                    allowed=f"{(len(batch), *shape)}",
                )
        return [
            Outputs(
                raw={name: arrays[name][i] for name in self._raw_shapes},
                embedding=arrays[EMBEDDING][i],
                ood_scores={sense: arrays[OOD_SCORE + sense][i] for sense in self.recipe.senses},
            )
            for i in range(len(batch))
        ]

    def _shapes(self) -> dict[str, Shape]:
        """The shape of each output that is read, without the batch axis."""
        scores: dict[str, Shape] = {OOD_SCORE + sense: () for sense in self.recipe.senses}
        return {**self._raw_shapes, EMBEDDING: ("F",), **scores}

    def _feeds(self, batch: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
        """The graph's inputs by name, for a batch."""
        feeds: dict[str, Array] = {}
        for sense, spec in self.recipe.senses.items():
            feeds |= SENSES[sense].collate([arrays.get(sense) for arrays in batch], spec)
        if len(self.recipe.senses) > 1:
            feeds[PRESENT] = np.array([[sense in arrays for sense in self.recipe.senses] for arrays in batch])
        return feeds

    def _check_fit(self) -> None:
        """Run the graph once on an empty example. Raises BundleError for inputs or outputs that do not fit."""
        wanted = self._shapes()
        if not set(wanted) <= set(self._session.outputs):
            raise BundleError(f"the graph's outputs are {', '.join(self._session.outputs)}", allowed=", ".join(wanted))
        (outputs,) = self.run([{}])
        if self.kind.decoding and self.kind.decoding.uses_network(self.recipe.answer):
            self.kind.to_answer(outputs.raw, self.recipe.answer, {}, None)


def _has_shape(array: Array, shape: Shape, lengths: dict[str, int]) -> bool:
    """Whether an array has this shape. Named lengths must be at least 1, and equal in all arrays (see `lengths`)."""
    return array.ndim == len(shape) and all(
        lengths.setdefault(wanted, n) == n >= 1 if isinstance(wanted, str) else n == wanted
        for n, wanted in zip(array.shape, shape, strict=True)
    )
