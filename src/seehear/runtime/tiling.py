"""Answers a large image tile by tile, each as large as the training images, and merges the answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seehear.answers import ANSWERS, TileOutput
from seehear.errors import InputError, UsageError
from seehear.geometry import Grid, Tile
from seehear.recipe import Recipe
from seehear.runtime.batching import run_in_batches
from seehear.runtime.loading import LoadedExample
from seehear.runtime.model_runner import ModelRunner, Outputs
from seehear.senses import SENSES, Array

FEW_TILES = 4  # an image of at most this many tiles is answered well enough as a whole
HINT = "much larger than the training images; --tiles (in Python, tiles=True) finds small objects too"


def check_tiling(recipe: Recipe) -> None:
    """Raises UsageError for a recogniser that cannot answer in tiles."""
    if ANSWERS[recipe.kind].spatial is None or len(recipe.senses) > 1:
        spatial = ", ".join(name for name, kind in ANSWERS.items() if kind.spatial)
        raise UsageError(
            f"tiles for '{recipe.kind}' answers from {' and '.join(recipe.senses)}",
            allowed=f"answers with a position, from a single sense: {spatial}",
        )


def plan_tiles(recipe: Recipe, sense: str, grid: Grid) -> Sequence[Tile]:
    """The overlapping tiles of a signal; one, if it is about as large as the training images.

    Raises UsageError for answers without a position.
    """
    largest_px = ANSWERS[recipe.kind].require_spatial("tiles").largest_object_px(recipe.answer)
    return SENSES[sense].cut_tiles(grid, recipe.senses[sense], largest_px)


def tiling_hint(recipe: Recipe, sense: str, grid: Grid) -> str:
    """What to tell the user of a large image that was answered as a whole; "" for any other input."""
    if ANSWERS[recipe.kind].spatial is None or len(plan_tiles(recipe, sense, grid)) <= FEW_TILES:
        return ""
    return HINT


@dataclass(frozen=True)
class TileAnswer:
    """The merged answer of all tiles, and the median out-of-distribution score.

    The score's threshold is set for single images. Among many tiles some exceed it by chance, but not half of them.
    """

    answer: Any
    ood_score: Array


def answer_tiles(
    runner: ModelRunner,
    tiles: Sequence[Tile],
    examples: Iterable[LoadedExample],
    merge: Callable[[Iterable[TileOutput]], Any],
    sense: str,
) -> TileAnswer:
    """Run the tiles in batches and merge them; memory does not grow with their number.

    Raises InputError for a tile that cannot be read, BundleError for outputs that cannot be used.
    """
    scores: list[Array] = []

    def run(batch: Sequence[LoadedExample]) -> list[tuple[LoadedExample, Outputs]]:
        return list(zip(batch, runner.run([example.arrays for example in batch]), strict=True))

    def parts() -> Iterator[TileOutput]:
        for tile, (example, outputs) in zip(tiles, run_in_batches(run, examples), strict=True):
            if example.errors:
                raise InputError(f"a tile cannot be read: {example.errors[sense].what}")
            selected = outputs.select((sense,))
            scores.append(selected.ood_scores[sense])
            yield TileOutput(selected.raw, tile, example.geometry[sense])

    answer = merge(parts())
    return TileAnswer(answer, np.median(scores))
