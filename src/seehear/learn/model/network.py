"""A recogniser as a network: senses -> encoders -> fusion -> answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seehear.answers import ANSWERS, Decoder
from seehear.geometry import Cells, Warps
from seehear.layers.parameter_groups import ParameterGroups, join_groups
from seehear.learn.model.fusion import make_fusion
from seehear.learn.model.ood import OodScorer
from seehear.recipe import Recipe
from seehear.runtime.model_runner import EMBEDDING, OOD_SCORE
from seehear.senses import SENSES

Tensors = dict[str, Tensor]


class Network(nn.Module):
    """Inputs by name, and which senses are present (B, S) -> the head's raw arrays, an embedding, and an OOD score for
    each sense.

    initialised   whether statistics of the training examples are set: by `fit_statistics`, or with loaded weights
    """

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.recipe = recipe
        self.initialised = False
        self.encoders = nn.ModuleDict({name: SENSES[name].build_encoder(spec) for name, spec in recipe.senses.items()})
        self.fusion = make_fusion(recipe.senses, recipe.width)
        single = len(self.encoders) == 1  # fused cells have no finer levels
        widths = next(iter(self.encoders.values())).widths if single else (recipe.width,)
        self.head = ANSWERS[recipe.kind].head(recipe.answer, widths)  # type: ignore[arg-type]
        self.ood = nn.ModuleDict({name: OodScorer(own.widths) for name, own in self.encoders.items()})  # type: ignore[arg-type]

    def fit_statistics(self, sense: str, inputs: Tensors) -> None:
        """Set what an encoder takes from statistics of training examples, before the first step."""
        self.encoders[sense].fit_statistics(inputs)  # type: ignore[operator]
        self.initialised = True

    def parameter_groups(self) -> ParameterGroups:
        modules = (*self.encoders.values(), self.fusion, self.head)
        return join_groups(module.parameter_groups() for module in modules)  # type: ignore[operator]

    def select_inputs(self, sense: str, inputs: Tensors) -> Tensors:
        """The inputs of one sense: those with its name, alone or followed by an underscore."""
        return {key: value for key, value in inputs.items() if key == sense or key.startswith(f"{sense}_")}

    def encode(self, inputs: Tensors) -> list[Cells]:
        return [encoder(**self.select_inputs(name, inputs)) for name, encoder in self.encoders.items()]

    def fuse(self, cells: list[Cells], present: Tensor) -> Cells:
        """The cells that the head reads."""
        fused: Cells = self.fusion(mask_absent(cells, present))
        return fused

    def apply_head(self, cells: list[Cells], present: Tensor) -> Tensors:
        raw: Tensors = self.head(self.fuse(cells, present))
        return raw

    def extract_features(self, fused: Cells) -> Tensor:
        """The inputs (B, F) of the head's last layer; for heads without such features, the mean of the cells."""
        if (extract := getattr(self.head, "extract_features", None)) is not None:
            features: Tensor = extract(fused)
            return features
        mean: Tensor = fused.mean()
        return mean

    def loss(self, raw: Tensors, target: Tensors) -> Tensor:
        """(B,), as the head defines it."""
        value: Tensor = self.head.loss(raw, target)  # type: ignore[operator]
        return value

    def warp_target(self, target: Tensors, warps: Warps) -> Tensors:
        """The target of warped pictures; for spatial answers only."""
        warped: Tensors = self.head.warp_target(target, warps)  # type: ignore[operator]
        return warped

    @property
    def trains_encoders(self) -> bool:
        """Whether an encoder has weights that training changes."""
        return any(weight.requires_grad for weight in self.encoders.parameters())

    @property
    def decoder(self) -> Decoder | None:
        """The head's autoregressive decoder, if it has one."""
        found: Decoder | None = getattr(self.head, "decoder", None)
        return found

    def forward(self, inputs: Tensors, present: Tensor) -> Tensors:
        cells = self.encode(inputs)
        scores = {OOD_SCORE + name: self.ood[name](own) for name, own in zip(self.encoders, cells, strict=True)}
        fused = self.fuse(cells, present)
        raw: Tensors = self.head(fused)
        return raw | {EMBEDDING: F.normalize(self.extract_features(fused), dim=1)} | scores

    def sense_subsets(self, batch: int) -> Iterator[Tensor]:
        """The sets of senses that the network is trained for, as `present` (B, S): all of them, then each alone."""
        senses = len(self.encoders)
        yield torch.ones(batch, senses, dtype=torch.bool)
        if senses > 1:
            for single in torch.eye(senses, dtype=torch.bool):
                yield single.expand(batch, senses)


def create_network(recipe: Recipe, device: torch.device) -> Network:
    """A network with random weights on the device, in the memory layout that is fastest for convolutions."""
    network: Network = Network(recipe).to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def mask_absent(cells: list[Cells], present: Tensor) -> list[Cells]:
    """Mask the cells of senses that are not present. A single sense always is."""
    if len(cells) == 1:
        return cells
    return [replace(own, valid_mask=own.valid_mask & present[:, i, None]) for i, own in enumerate(cells)]
