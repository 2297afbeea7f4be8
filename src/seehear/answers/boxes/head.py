"""The detection head: a box and class scores for each cell of several grids.

Anchor-free: each cell predicts the distances from its centre to the four sides (FCOS, Tian 2019, arXiv:1904.01355).
Objects are assigned to the cells that predict them best (task-aligned assignment, TOOD, Feng 2021, arXiv:2108.07755).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seehear.answers.boxes.answer import IGNORE, OBJECT
from seehear.answers.head_layers import Smooth, map_of
from seehear.geometry import Cells, Warps
from seehear.layers.linear import Float32Linear
from seehear.layers.parameter_groups import ParameterGroups, head_parameters

if TYPE_CHECKING:
    from seehear.answers.boxes.answer import BoxesSpec

REDUCTION, MIN_CHANNELS, MAX_CHANNELS = 2, 16, 64  # of the decoder: the coarsest cells' channels over REDUCTION
DEPTH = 2  # convolutions of each tower
PRIOR_SCORE = 0.01  # of every class before training (RetinaNet, Lin 2017, section 4.1)
INITIAL_DISTANCE = 2.0  # cells from the centre to a side, before training
IOU_POWER, CELLS_PER_OBJECT = 6, 10  # TOOD's beta, and the number of cells assigned to an object
MIN_HALF_SIDE = 0.75  # cells: smaller objects are taken to be this large, so that some centre lies inside
BOX_WEIGHT = 2.0
LEAST_SHARE = 0.01  # of the most frequent class: rarer classes weigh no more
MIN_VISIBLE = 0.3  # share of an object left in the picture, below which it is ignored


class Head(nn.Module):
    """Cells with finer ones -> {"corners": (B, N, 4) px, "logits": (B, N, C), "cells": (B, N, 3) centre and pitch, px}.

    A feature pyramid (Lin 2017, arXiv:1612.03144), then a classification and a regression tower. All grids share the
    towers' weights, because an object looks the same on each.
    """

    class_weights: Tensor  # (C,) of the scores, in proportion to 1 / sqrt(objects), with a mean over all objects of 1

    def __init__(self, spec: BoxesSpec, widths: Sequence[int]) -> None:
        super().__init__()
        width = max(MIN_CHANNELS, min(MAX_CHANNELS, widths[-1] // REDUCTION))
        self.lateral = nn.ModuleList(Smooth(own, width, size=1) for own in widths)
        self.smooth = nn.ModuleList(Smooth(width, width, size=3) for _ in widths)
        self.classification_tower, self.regression_tower = Tower(width), Tower(width)
        self.classify, self.regress = Float32Linear(width, len(spec.classes)), Float32Linear(width, 4)
        prior_logit = math.log(PRIOR_SCORE / (1 - PRIOR_SCORE))
        for last, bias in ((self.classify, prior_logit), (self.regress, INITIAL_DISTANCE)):
            nn.init.zeros_(last.weight)
            nn.init.constant_(last.bias, bias)
        counts = torch.tensor(spec.counts, dtype=torch.float32)
        counts = counts.clamp_min(LEAST_SHARE * float(counts.max()))
        self.register_buffer("class_weights", counts.rsqrt() * counts.sum() / counts.sqrt().sum(), persistent=False)

    def parameter_groups(self) -> ParameterGroups:
        return head_parameters(self)

    def forward(self, cells: Cells) -> dict[str, Tensor]:
        levels = (*cells.finer, cells)
        maps = self._pyramid(levels)
        positions = torch.cat([_positions(level) for level in levels])  # (N, 3)
        centre, pitch = positions[:, :2], positions[:, 2:]
        distance = F.softplus(self.regress(self.regression_tower(maps))) * pitch  # (B, N, 4) left, top, right, bottom
        corners = torch.cat([centre - distance[:, :, :2], centre + distance[:, :, 2:]], 2)
        logits = self.classify(self.classification_tower(maps))
        return {"corners": corners, "logits": logits, "cells": positions.expand(corners.shape[0], -1, -1)}

    def _pyramid(self, levels: Sequence[Cells]) -> list[Tensor]:
        """(B, D, h, w) of each level, finest first."""
        lateral = [layer(map_of(level)) for layer, level in zip(self.lateral, levels, strict=True)]
        maps = [self.smooth[-1](lateral[-1])]
        for finer, smooth in zip(lateral[-2::-1], self.smooth[:-1][::-1], strict=True):
            maps.append(smooth(finer + F.interpolate(maps[-1], size=finer.shape[2:], mode="nearest")))
        return maps[::-1]

    def loss(self, raw: dict[str, Tensor], target: dict[str, Tensor]) -> Tensor:
        """(B,): binary cross-entropy of the scores with their assigned quality, weighted by class, and generalised IoU
        loss of the boxes.

        Both are summed over cells and divided by the mean total quality per example of the batch (GIoU: Rezatofighi
        2019, arXiv:1902.09630).
        """
        corners, logits, cells = raw["corners"].float(), raw["logits"].float(), raw["cells"].float()
        target = _at_least_one(target)
        with torch.no_grad():
            assigned = assign(corners, logits, cells, target)
        entropies = F.binary_cross_entropy_with_logits(logits, assigned.scores, reduction="none")  # (B, N, C)
        entropy = (entropies * self.class_weights).sum(2)  # (B, N)
        quality = assigned.scores.sum(2)  # (B, N)
        truth = target["corners"].gather(1, assigned.box_index[:, :, None].expand(-1, -1, 4))  # (B, N, 4)
        giou_loss = 1 - generalised_iou(corners, truth)
        total = (entropy * assigned.weights).sum(1) + BOX_WEIGHT * (giou_loss * quality).sum(1)
        loss: Tensor = total / quality.sum(1).mean().clamp_min(1)
        return loss

    def warp_target(self, target: dict[str, Tensor], warps: Warps) -> dict[str, Tensor]:
        """The boxes of warped pictures, clipped at the edges. Boxes that are mostly outside are ignored."""
        scale, offset = (each.to(target["corners"])[:, None] for each in (warps.scale, warps.offset))
        first, second = target["corners"][:, :, :2] * scale + offset, target["corners"][:, :, 2:] * scale + offset
        warped = torch.cat([torch.minimum(first, second), torch.maximum(first, second)], 2)  # (B, M, 4)
        edge = target["size"][:, None].repeat(1, 1, 2)
        clipped = warped.clamp_min(0).minimum(edge)
        visible = _area(clipped) / _area(warped).clamp_min(1e-6)
        kind = torch.where((visible < MIN_VISIBLE) & (target["kind"] == OBJECT), IGNORE, target["kind"])
        return {**target, "corners": clipped, "kind": torch.where(visible > 0, kind, 0)}


class Tower(nn.Module):
    """Maps (B, D, h, w) of several grids -> (B, N, D). Batch normalisation is over all grids together."""

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
        x = torch.cat([self.convs[layer](each).flatten(2) for each in maps], 2)
        return F.gelu(self.norms[layer](x))


class Assignment(NamedTuple):
    """Training targets of each cell: scores (B, N, C) from 0 to 1, the index of its true box (B, N), weights (B, N)."""

    scores: Tensor
    box_index: Tensor
    weights: Tensor


def assign(corners: Tensor, logits: Tensor, cells: Tensor, target: dict[str, Tensor]) -> Assignment:
    """Assign each object to the CELLS_PER_OBJECT cells inside it with the best score * IoU^6 (TOOD, eq. 6).

    The best cell's target score is its IoU, the others' are in proportion (TOOD, section 3.2). A cell claimed by
    several objects takes the one with the largest IoU. Cells in ignored boxes have no weight.
    """
    truth, kind = target["corners"], target["kind"]  # (B, M, 4), (B, M)
    iou = _pairwise_iou(truth, corners)  # (B, M, N)
    inside = _centre_inside(truth, cells)
    classes = target["class"][:, None].expand(-1, logits.shape[1], -1)  # (B, N, M)
    score = logits.sigmoid().gather(2, classes).transpose(1, 2)  # (B, M, N)
    alignment = (score * iou**IOU_POWER + 1e-12) * (inside & (kind == OBJECT)[:, :, None])
    best = alignment.topk(min(CELLS_PER_OBJECT, alignment.shape[2]), 2)
    claimed = torch.zeros_like(alignment).scatter(2, best.indices, best.values) > 0  # (B, M, N)
    box_index = torch.where(claimed, iou + 1e-6, 0).argmax(1)  # (B, N)
    claimed = claimed & (box_index[:, None] == torch.arange(truth.shape[1], device=truth.device)[None, :, None])
    alignment, iou = alignment * claimed, iou * claimed
    quality = alignment / alignment.amax(2, keepdim=True).clamp_min(1e-12) * iou.amax(2, keepdim=True)  # (B, M, N)
    label = target["class"].gather(1, box_index)  # (B, N)
    scores = F.one_hot(label, logits.shape[2]) * quality.sum(1)[:, :, None]
    ignored = (inside & (kind == IGNORE)[:, :, None]).any(1)
    return Assignment(scores, box_index, (claimed.any(1) | ~ignored).float())


def generalised_iou(boxes: Tensor, others: Tensor) -> Tensor:
    """(..., 4) and (..., 4), pair by pair -> (...), from -1 (far apart) to 1 (equal)."""
    low, high = torch.minimum(boxes, others), torch.maximum(boxes, others)
    intersection = (low[..., 2:] - high[..., :2]).clamp_min(0).prod(-1)
    union = (_area(boxes) + _area(others) - intersection).clamp_min(1e-6)
    hull = (high[..., 2:] - low[..., :2]).clamp_min(0).prod(-1).clamp_min(1e-6)
    return intersection / union - (hull - union) / hull


def _pairwise_iou(truth: Tensor, corners: Tensor) -> Tensor:
    """(B, M, 4), (B, N, 4) -> IoU (B, M, N)."""
    a, b = truth[:, :, None], corners[:, None]
    intersection = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp_min(0).prod(-1)
    iou: Tensor = intersection / (_area(a) + _area(b) - intersection).clamp_min(1e-6)
    return iou


def _centre_inside(truth: Tensor, cells: Tensor) -> Tensor:
    """(B, M, N) whether a cell's centre is inside an object of at least MIN_HALF_SIDE cells."""
    centre, half = (truth[..., :2] + truth[..., 2:]) / 2, (truth[..., 2:] - truth[..., :2]) / 2
    offset = (cells[:, None, :, :2] - centre[:, :, None]).abs()  # (B, M, N, 2)
    return (offset < torch.maximum(half[:, :, None], MIN_HALF_SIDE * cells[:, None, :, 2:])).all(-1)


def _at_least_one(target: dict[str, Tensor]) -> dict[str, Tensor]:
    """Pad to one box, for batches of pictures without any."""
    if target["kind"].shape[1]:
        return target
    padded = {name: F.pad(target[name], (0, 1)) for name in ("class", "kind")}
    return {**target, **padded, "corners": F.pad(target["corners"], (0, 0, 0, 1))}


def _area(boxes: Tensor) -> Tensor:
    area: Tensor = (boxes[..., 2:] - boxes[..., :2]).clamp_min(0).prod(-1)
    return area


def _positions(cells: Cells) -> Tensor:
    """(N, 3) x and y of each cell's centre, and its pitch, in pixels."""
    rows, columns = cells.grid.shape
    pitch = cells.grid.pitch
    y, x = torch.meshgrid(
        (torch.arange(rows, device=cells.x.device) + 0.5) * pitch,
        (torch.arange(columns, device=cells.x.device) + 0.5) * pitch,
        indexing="ij",
    )
    return torch.stack([x.flatten(), y.flatten(), torch.full_like(x, pitch).flatten()], 1)
