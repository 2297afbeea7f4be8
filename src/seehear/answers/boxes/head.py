"""From cells on several grids to a box and class scores for each of them.

Anchor-free, each cell measuring from its middle to the four sides (FCOS, Tian 2019, arXiv:1904.01355); which cells a
thing is learned by is decided by how well they see it (task-aligned assignment, TOOD, Feng 2021, arXiv:2108.07755).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seehear.answers.boxes.answer import NEED_NOT, OBJECT
from seehear.answers.head import Smooth, map_of
from seehear.geometry import Cells, Warps
from seehear.layers.linear import Float32Linear

if TYPE_CHECKING:
    from seehear.answers.boxes.answer import BoxesSpec

SHARE, NARROWEST, WIDEST = 2, 16, 64  # channels while decoding, of those of the coarsest cells
DEPTH = 2  # convolutions of each tower
RARE = 0.01  # score of everything before anything is learned (RetinaNet, Lin 2017, section 4.1)
FIRST_REACH = 2.0  # cells from the middle to a side, before anything is learned
OVERLAP_POWER, CELLS_EACH = 6, 10  # TOOD's beta, and how many cells learn a thing
NEAR = 0.75  # pitches around its middle that a thing reaches at least, so that some cell lies in the smallest
BOX_WEIGHT = 2.0
SEEN = 0.3  # share of a thing that is still in the picture, below which it need not be found


class Head(nn.Module):
    """Cells with finer ones -> {"corners": (B, N, 4) px, "logits": (B, N, C), "cells": (B, N, 3) middle and pitch, px}.

    A feature pyramid (Lin 2017, arXiv:1612.03144), then two towers, one for what and one for where, whose weights all
    grids share: a thing is alike on each.
    """

    def __init__(self, spec: BoxesSpec, widths: Sequence[int]) -> None:
        super().__init__()
        width = max(NARROWEST, min(WIDEST, widths[-1] // SHARE))
        self.lateral = nn.ModuleList(Smooth(own, width, size=1) for own in widths)
        self.smooth = nn.ModuleList(Smooth(width, width, size=3) for _ in widths)
        self.what, self.where = Tower(width), Tower(width)
        self.classify, self.measure = Float32Linear(width, len(spec.classes)), Float32Linear(width, 4)
        for last, start in ((self.classify, math.log(RARE / (1 - RARE))), (self.measure, FIRST_REACH)):
            nn.init.zeros_(last.weight)
            nn.init.constant_(last.bias, start)

    def forward(self, cells: Cells) -> dict[str, Tensor]:
        levels = (*cells.finer, cells)
        maps = self._pyramid(levels)
        places = torch.cat([_places(level) for level in levels])  # (N, 3)
        middle, pitch = places[:, :2], places[:, 2:]
        reach = F.softplus(self.measure(self.where(maps))) * pitch  # (B, N, 4) left, top, right, bottom
        corners = torch.cat([middle - reach[:, :, :2], middle + reach[:, :, 2:]], 2)
        logits = self.classify(self.what(maps))
        return {"corners": corners, "logits": logits, "cells": places.expand(len(corners), -1, -1)}

    def _pyramid(self, levels: Sequence[Cells]) -> list[Tensor]:
        """(B, D, h, w) of each level, finest first."""
        own = [lateral(map_of(level)) for lateral, level in zip(self.lateral, levels, strict=True)]
        maps = [self.smooth[-1](own[-1])]
        for finer, smooth in zip(own[-2::-1], self.smooth[:-1][::-1], strict=True):
            maps.append(smooth(finer + F.interpolate(maps[-1], size=finer.shape[2:], mode="nearest")))
        return maps[::-1]

    def loss(self, raw: dict[str, Tensor], target: dict[str, Tensor]) -> Tensor:
        """(B,): cross-entropy of each cell's scores with how well it sees its thing, and generalised IoU of the boxes.

        Both are sums over the cells, by the share that all things of the batch have in an example (Rezatofighi 2019,
        arXiv:1902.09630, for the latter).
        """
        corners, logits, cells = raw["corners"].float(), raw["logits"].float(), raw["cells"].float()
        target = _some(target)
        with torch.no_grad():
            learned = assigned(corners, logits, cells, target)
        entropy = F.binary_cross_entropy_with_logits(logits, learned.scores, reduction="none").sum(2)  # (B, N)
        strength = learned.scores.sum(2)  # (B, N)
        things = target["corners"].gather(1, learned.thing[:, :, None].expand(-1, -1, 4))  # (B, N, 4)
        apart = 1 - generalised(corners, things)
        each = (entropy * learned.counts).sum(1) + BOX_WEIGHT * (apart * strength).sum(1)
        share: Tensor = each / strength.sum(1).mean().clamp_min(1)
        return share

    def moved(self, target: dict[str, Tensor], warps: Warps) -> dict[str, Tensor]:
        """The boxes of pictures that moved, cut at their edges; of what is mostly gone none need be found."""
        scale, offset = (each.to(target["corners"])[:, None] for each in (warps.scale, warps.offset))
        first, second = target["corners"][:, :, :2] * scale + offset, target["corners"][:, :, 2:] * scale + offset
        whole = torch.cat([torch.minimum(first, second), torch.maximum(first, second)], 2)  # (B, M, 4)
        edge = target["size"][:, None].repeat(1, 1, 2)
        inside = whole.clamp_min(0).minimum(edge)
        left = _area(inside) / _area(whole).clamp_min(1e-6)
        kind = torch.where((left < SEEN) & (target["kind"] == OBJECT), NEED_NOT, target["kind"])
        return {**target, "corners": inside, "kind": torch.where(left > 0, kind, 0)}


class Tower(nn.Module):
    """Maps (B, D, h, w) of several grids -> (B, N, D), cell after cell. Normalised over all grids together."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1, bias=False) for _ in range(DEPTH))
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) for _ in range(DEPTH))

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        sizes = [each.shape[2:] for each in maps]
        x = self._layer(0, maps)
        for layer in range(1, DEPTH):
            parts = torch.split(x, [height * width for height, width in sizes], 2)
            x = self._layer(
                layer, [part.reshape(*part.shape[:2], *size) for part, size in zip(parts, sizes, strict=True)]
            )
        return x.transpose(1, 2)

    def _layer(self, layer: int, maps: Sequence[Tensor]) -> Tensor:
        """(B, D, N)"""
        joined = torch.cat([self.convs[layer](each).flatten(2) for each in maps], 2)
        return F.gelu(self.norms[layer](joined))


class Assigned(NamedTuple):
    """What each cell is to learn: scores (B, N, C) 0 to 1, the number of its thing (B, N), whether it counts (B, N)."""

    scores: Tensor
    thing: Tensor
    counts: Tensor


def assigned(corners: Tensor, logits: Tensor, cells: Tensor, target: dict[str, Tensor]) -> Assigned:
    """Each thing is learned by the CELLS_EACH cells within it that see it best: score times overlap^6 (TOOD, eq. 6).

    The best of them is to score as much as its box overlaps, the others in proportion (TOOD, section 3.2). A cell that
    several things want is for the one that it overlaps most. What need not be found is no mistake.
    """
    truth, kind = target["corners"], target["kind"]  # (B, M, 4), (B, M)
    shared = _overlaps(truth, corners)  # (B, M, N)
    within = _within(truth, cells)
    classes = target["class"][:, None].expand(-1, logits.shape[1], -1)  # (B, N, M)
    score = logits.sigmoid().gather(2, classes).transpose(1, 2)  # (B, M, N)
    seen = (score * shared**OVERLAP_POWER + 1e-12) * (within & (kind == OBJECT)[:, :, None])
    best = seen.topk(min(CELLS_EACH, seen.shape[2]), 2)
    mine = torch.zeros_like(seen).scatter(2, best.indices, best.values) > 0  # (B, M, N)
    rival = torch.where(mine, shared + 1e-6, 0)
    thing = rival.argmax(1)  # (B, N)
    mine = mine & (thing[:, None] == torch.arange(truth.shape[1], device=truth.device)[None, :, None])
    seen, shared = seen * mine, shared * mine
    wished = seen / seen.amax(2, keepdim=True).clamp_min(1e-12) * shared.amax(2, keepdim=True)  # (B, M, N)
    label = target["class"].gather(1, thing)  # (B, N)
    scores = F.one_hot(label, logits.shape[2]) * wished.sum(1)[:, :, None]
    excused = (within & (kind == NEED_NOT)[:, :, None]).any(1)
    return Assigned(scores, thing, (mine.any(1) | ~excused).float())


def generalised(boxes: Tensor, others: Tensor) -> Tensor:
    """Generalised IoU (..., ) of boxes (..., 4) pair by pair: less than 0 the further apart they are."""
    low, high = torch.minimum(boxes, others), torch.maximum(boxes, others)
    common = (low[..., 2:] - high[..., :2]).clamp_min(0).prod(-1)
    union = (_area(boxes) + _area(others) - common).clamp_min(1e-6)
    hull = (high[..., 2:] - low[..., :2]).clamp_min(0).prod(-1).clamp_min(1e-6)
    return common / union - (hull - union) / hull


def _overlaps(truth: Tensor, corners: Tensor) -> Tensor:
    """(B, M, 4), (B, N, 4) -> IoU (B, M, N)."""
    a, b = truth[:, :, None], corners[:, None]
    common = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp_min(0).prod(-1)
    shared: Tensor = common / (_area(a) + _area(b) - common).clamp_min(1e-6)
    return shared


def _within(truth: Tensor, cells: Tensor) -> Tensor:
    """(B, M, N) whether the middle of a cell lies in a thing, which is taken to be NEAR a cell large at least."""
    middle, half = (truth[..., :2] + truth[..., 2:]) / 2, (truth[..., 2:] - truth[..., :2]) / 2
    away = (cells[:, None, :, :2] - middle[:, :, None]).abs()  # (B, M, N, 2)
    reach = torch.maximum(half[:, :, None], NEAR * cells[:, None, :, 2:])
    return (away < reach).all(-1)


def _some(target: dict[str, Tensor]) -> dict[str, Tensor]:
    """With room for one thing at least, in batches of pictures that hold nothing."""
    if target["kind"].shape[1]:
        return target
    padded = {name: F.pad(target[name], (0, 1)) for name in ("class", "kind")}
    return {**target, **padded, "corners": F.pad(target["corners"], (0, 0, 0, 1))}


def _area(boxes: Tensor) -> Tensor:
    area: Tensor = (boxes[..., 2:] - boxes[..., :2]).clamp_min(0).prod(-1)
    return area


def _places(cells: Cells) -> Tensor:
    """(N, 3) the middle of each cell, x and y, and its pitch, in pixels."""
    rows, columns = cells.grid.shape
    pitch = cells.grid.pitch
    y, x = torch.meshgrid(
        (torch.arange(rows, device=cells.x.device) + 0.5) * pitch,
        (torch.arange(columns, device=cells.x.device) + 0.5) * pitch,
        indexing="ij",
    )
    return torch.stack([x.flatten(), y.flatten(), torch.full_like(x, pitch).flatten()], 1)
