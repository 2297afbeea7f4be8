"""A recogniser as a network: senses -> encoders -> fusion -> answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn

from seehear.answers import ANSWERS, Decoder
from seehear.geometry import Cells, Warps
from seehear.learn.model.fusion import fusion
from seehear.learn.model.ood import OodScorer
from seehear.recipe import Recipe
from seehear.runtime.predictor import OOD_SCORE
from seehear.senses import SENSES

Tensors = dict[str, Tensor]


class Network(nn.Module):
    """Every sense's inputs by name, and which senses are present (B, S) -> the head's raw arrays and unfamiliarity."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.recipe = recipe
        self.encoders = nn.ModuleDict({name: SENSES[name].build_encoder(spec) for name, spec in recipe.senses.items()})
        self.fusion = fusion(recipe.senses, recipe.width)
        alone = len(self.encoders) == 1  # what several see together has no finer levels
        widths = next(iter(self.encoders.values())).widths if alone else (recipe.width,)
        self.head = ANSWERS[recipe.kind].head(recipe.answer, widths)  # type: ignore[arg-type]
        self.ood = nn.ModuleDict({name: OodScorer(own.widths) for name, own in self.encoders.items()})  # type: ignore[arg-type]

    def begin(self, sense: str, inputs: Tensors) -> None:
        """Fit what is a statistic of the training examples that have a sense, before the first step."""
        self.encoders[sense].fit_statistics(inputs)  # type: ignore[operator]

    def own(self, sense: str, inputs: Tensors) -> Tensors:
        """The inputs of one sense: those named like it, or like it and an underscore."""
        return {key: value for key, value in inputs.items() if key == sense or key.startswith(f"{sense}_")}

    def encode(self, inputs: Tensors) -> list[Cells]:
        return [encoder(**self.own(name, inputs)) for name, encoder in self.encoders.items()]

    def answer(self, cells: list[Cells], present: Tensor) -> Tensors:
        raw: Tensors = self.head(self.fusion(withheld(cells, present)))
        return raw

    def loss(self, raw: Tensors, target: Tensors) -> Tensor:
        """(B,), as the head defines it."""
        value: Tensor = self.head.loss(raw, target)  # type: ignore[operator]
        return value

    def moved(self, target: Tensors, warps: Warps) -> Tensors:
        """The target of examples that moved, as the head says it; of answers that say what is where."""
        there: Tensors = self.head.moved(target, warps)  # type: ignore[operator]
        return there

    @property
    def decoder(self) -> Decoder | None:
        """What is asked while an answer is made, where the kind has such."""
        found: Decoder | None = getattr(self.head, "decoder", None)
        return found

    def forward(self, inputs: Tensors, present: Tensor) -> Tensors:
        cells = self.encode(inputs)
        unfamiliar = {OOD_SCORE + name: self.ood[name](own) for name, own in zip(self.encoders, cells, strict=True)}
        return self.answer(cells, present) | unfamiliar

    def ways(self, batch: int) -> Iterator[Tensor]:
        """Every set of senses that one may have: all (B, S) `present`, then each sense alone."""
        senses = len(self.encoders)
        yield torch.ones(batch, senses, dtype=torch.bool)
        if senses > 1:
            for alone in torch.eye(senses, dtype=torch.bool):
                yield alone.expand(batch, senses)


def withheld(cells: list[Cells], present: Tensor) -> list[Cells]:
    """The same cells, not real where their sense is not present. One sense alone is always present."""
    if len(cells) == 1:
        return cells
    return [replace(own, valid_mask=own.valid_mask & present[:, i, None]) for i, own in enumerate(cells)]
