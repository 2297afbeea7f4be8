"""The Vision Transformer (Dosovitskiy et al. 2020, arXiv:2010.11929) as a sight encoder, including DINOv2
(Oquab et al. 2023, arXiv:2304.07193), with the names of the weights that timm publishes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from seehear.layers.parameter_groups import ParameterGroups
from seehear.senses.sight.architectures import VIT_HEAD, VisionTransformer
from seehear.senses.sight.encoder import PretrainedSightEncoder
from seehear.senses.sight.plan import SightSpec

EPSILON = 1e-6
MLP_FACTOR = 4


class VisionTransformerEncoder(PretrainedSightEncoder):
    """See `SightEncoder`. A cell concatenates the outputs for its patch and for the class token."""

    def __init__(self, spec: SightSpec, architecture: VisionTransformer) -> None:
        super().__init__(spec, architecture.normalisation)
        width, patch = architecture.width, architecture.patch_px
        self.grid = (spec.height // patch, spec.width // patch)
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, width, patch, patch)})
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + math.prod(self.grid), width))
        self.blocks = nn.ModuleList(Block(width, architecture.layer_scale) for _ in range(architecture.depth))
        self.norm = nn.LayerNorm(width, EPSILON)

    def load_pretrained(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        """Interpolates position embeddings from the grid of its training to the grid of our pictures."""
        positions = interpolate_positions(tensors["pos_embed"], self.grid)
        super().load_pretrained({**tensors, "pos_embed": positions})

    def parameter_groups(self) -> ParameterGroups:
        *lower, last = self.blocks
        embeddings = nn.ParameterList([self.cls_token, self.pos_embed])
        first, top = nn.ModuleList([self.patch_embed, embeddings]), nn.ModuleList([last, self.norm])
        return self.group_blocks([first, *lower, top])

    def compute_maps(self, planes: Tensor) -> Iterator[Tensor]:
        x = self.patch_embed["proj"](self.normalise(planes)).flatten(2).transpose(1, 2)  # (B, N, D)
        x = torch.cat([self.cls_token.expand(x.shape[0], -1, -1), x], 1) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        whole, patches = x[:, :1], x[:, 1:]
        cells = torch.cat([patches, whole.expand(-1, patches.shape[1], -1)], 2)  # (B, N, 2 D)
        yield cells.transpose(1, 2).unflatten(2, self.grid)  # type: ignore[no-untyped-call]


class Block(nn.Module):
    """One pre-norm Transformer layer over (B, N, D)."""

    def __init__(self, width: int, layer_scale: bool) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, EPSILON), nn.LayerNorm(width, EPSILON)
        self.attn = Attention(width)
        layers = {"fc1": nn.Linear(width, MLP_FACTOR * width), "fc2": nn.Linear(MLP_FACTOR * width, width)}
        self.mlp = nn.ModuleDict(layers)
        self.ls1 = LayerScale(width) if layer_scale else nn.Identity()
        self.ls2 = LayerScale(width) if layer_scale else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.ls1(self.attn(self.norm1(x)))
        hidden: Tensor = self.mlp["fc2"](F.gelu(self.mlp["fc1"](self.norm2(x))))
        gained: Tensor = self.ls2(hidden)
        return x + gained


class Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (
            part.unflatten(2, (-1, VIT_HEAD)).transpose(1, 2) for part in self.qkv(x).chunk(3, 2)
        )  # (B, heads, N, VIT_HEAD)
        attended = (query @ key.transpose(2, 3) / math.sqrt(VIT_HEAD)).softmax(3) @ value
        mixed: Tensor = self.proj(attended.transpose(1, 2).flatten(2))
        return mixed


class LayerScale(nn.Module):
    """A gain for each channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


def interpolate_positions(positions: NDArray[Any], grid: tuple[int, int]) -> NDArray[np.float32]:
    """(1, 1 + n * n, D), for the class token and then a square of patches -> (1, 1 + rows * columns, D)."""
    whole, patches = np.split(np.asarray(positions, np.float32), [1], 1)
    side = math.isqrt(patches.shape[1])
    square = torch.from_numpy(patches).transpose(1, 2).unflatten(2, (side, side))  # type: ignore[no-untyped-call]
    ours = F.interpolate(square, grid, mode="bicubic", align_corners=False) if (side, side) != grid else square
    return np.concatenate([whole, ours.flatten(2).transpose(1, 2).numpy()], 1)
