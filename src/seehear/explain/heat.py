"""A heat map from answers alone: hides random halves of an input, and fits a linear model to the changes.

As LIME (Ribeiro et al. 2016, arXiv:1602.04938), with patches of a grid that is shifted at random for each half, as in
RISE (Petsiuk et al. 2018, arXiv:1806.07421): fixed borders would cut through the parts that matter. Each half is hidden
once and shown once, so that interactions of two places cancel out. The map is smoothed a little, because cells are
smaller than patches, and what tells neighbours apart is mostly chance. docs/decisions/073-why.md compares it with
other maps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Shape = tuple[int, int]
Block = tuple[slice, slice]  # rows and columns of a grid
Measure = Callable[[Array], Array]  # hidden (n, rows, columns), 0 to 1 -> the stretched quantity (n,)

PATCHES = 8  # of each axis, at most
PER_PATCH, LEAST = 1.0, 40  # inputs that are tried, for each patch and in all; 32 misplaced the peak in narrow grids
RIDGE = 0.3  # penalty of the squared weights, relative to the mean variance of what is shown
SMOOTH = 0.3  # standard deviation of the smoothing, in patches
SEED = 0
PEAK = 0.5  # of the highest heat, down to which cells belong to the peak
CONTROLS = 4  # other blocks of the same size


def map_heat(measure: Measure, shape: Shape) -> Array:
    """(rows, columns): how much hiding each cell lowers the quantity; negative where it raises it."""
    shown = _draw_halves(shape)  # (n, rows, columns)
    values = measure(1 - shown.astype(np.float32))
    heat = _fit_ridge(shown.reshape(len(shown), -1).astype(np.float64), values).reshape(shape)
    rows, columns = map(_make_smoothing, shape)
    smooth: Array = rows @ heat @ columns.T
    return smooth


def hide_blocks(blocks: Sequence[Block], shape: Shape) -> Array:
    """(n, rows, columns): for each block, the mask that hides only it."""
    hidden = np.zeros((len(blocks), *shape), np.float32)
    for each, block in zip(hidden, blocks, strict=True):
        each[block] = 1
    return hidden


def find_peak(heat: Array) -> Block | None:
    """The smallest block around the highest cell and the connected cells that are at least PEAK as high; None if no
    cell is above 0."""
    highest = np.unravel_index(heat.argmax(), heat.shape)
    if heat[highest] <= 0:
        return None
    high = heat >= PEAK * heat[highest]
    peak = np.zeros(heat.shape, np.bool_)
    peak[highest] = True
    while (grown := _dilate(peak) & high).sum() > peak.sum():
        peak = grown
    rows, columns = (np.flatnonzero(peak.any(axis)) for axis in (1, 0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def choose_controls(block: Block, shape: Shape) -> list[Block]:
    """Choose up to CONTROLS blocks of the same size, spread over the grid, that do not overlap this one."""
    starts = [
        np.unique(np.linspace(0, cells - (part.stop - part.start), 5).round().astype(int)).tolist()
        for cells, part in zip(shape, block, strict=True)
    ]
    height, width = (part.stop - part.start for part in block)
    others = [(slice(top, top + height), slice(left, left + width)) for top in starts[0] for left in starts[1]]
    apart = [other for other in others if not all(map(_overlap, other, block))]
    if not apart:
        return []
    return [apart[i] for i in np.unique(np.linspace(0, len(apart) - 1, CONTROLS).round().astype(int))]


def _draw_halves(shape: Shape) -> Array:
    """(n, rows, columns) bool: random halves of the cells, followed by their complements."""
    random = np.random.default_rng(SEED)
    patches = [min(PATCHES, cells) for cells in shape]
    pairs = -(-max(LEAST, round(PER_PATCH * math.prod(patches))) // 2)
    half = np.stack([_draw_half(shape, patches, random) for _ in range(pairs)])
    return np.concatenate([half, ~half])


def _draw_half(shape: Shape, patches: Sequence[int], random: np.random.Generator) -> Array:
    """(rows, columns) bool: each patch of a grid that is shifted at random is in the half or not."""
    chosen = random.random([number + 1 for number in patches]) < 0.5  # one more, for the shift
    row, column = (_assign_patches(*each, random.random()) for each in zip(shape, patches, strict=True))
    half: Array = chosen[np.ix_(row, column)]
    return half


def _assign_patches(cells: int, patches: int, shift: float) -> Array:
    """(cells,): the patch of each cell along one axis. `shift`, 0 to 1, is relative to a patch."""
    return ((np.arange(cells) + 0.5) / cells * patches + shift).astype(int)


def _fit_ridge(shown: Array, values: Array) -> Array:
    """shown (n, cells), values (n,) -> (cells,): what showing each adds. Solved for the n inputs, which are fewer."""
    x, y = shown - shown.mean(0), values - values.mean()
    alike = x @ x.T
    weights: Array = x.T @ np.linalg.solve(alike + RIDGE * alike.trace() / len(x) * np.eye(len(x)), y)
    return weights


def _make_smoothing(cells: int) -> Array:
    """(cells, cells): the weights of all cells along one axis, for each; they add up to 1 at the borders, too."""
    place = (np.arange(cells) + 0.5) / cells * min(PATCHES, cells)  # in patches
    weights = np.exp(-0.5 * ((place[:, None] - place) / SMOOTH) ** 2)
    smoothing: Array = weights / weights.sum(1, keepdims=True)
    return smoothing


def _dilate(cells: Array) -> Array:
    """The cells and their neighbours above, below, left and right."""
    grown = cells.copy()
    grown[1:] |= cells[:-1]
    grown[:-1] |= cells[1:]
    grown[:, 1:] |= cells[:, :-1]
    grown[:, :-1] |= cells[:, 1:]
    return grown


def _overlap(one: slice, other: slice) -> bool:
    return bool(one.start < other.stop and other.start < one.stop)
