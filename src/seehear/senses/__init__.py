"""The senses: what each must provide, and the one table that lists them.

A sense is a folder with `read` and `preprocess` (numpy, shared by training and serving) and, right of the bar,
`augment` and `encoder` (torch, never imported by serving).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from seehear.geometry import Geometry, Grid, Tile, Warp
from seehear.media import Excerpt
from seehear.senses.corruption import Corruption
from seehear.senses.model_sizing import SizingInputs
from seehear.senses.statistic import Statistic

if TYPE_CHECKING:
    from torch import nn

Array = NDArray[Any]
Source = str | Path | Excerpt | bytes | Array | Any  # a file, a stretch of one, its bytes, an array or a PIL image


class Sense(Protocol):
    """One way to perceive. `name` is the table column, the flag and the key in every printed result.

    A Spec has a `cell_width`, D of the cells, and a `augmentation_strength`, 0 to 1.
    """

    name: str
    noun: str  # what a column holds for it, in the singular
    media: tuple[str, ...]  # of picture, recording and video: what it reads
    pitch_s: float | None  # what a cell covers; None where cells are not slices of time
    padding: Literal["constant", "edge"] | None  # numpy.pad's way to go on where nothing happens; None with pitch_s
    Spec: type[BaseModel]
    statistics: Mapping[
        str, Statistic
    ]  # what `compute_statistics` gives, and what people call inputs that have less or more of it

    @property
    def missing_dependency(self) -> str:
        """What must be installed before this sense can be used; "" where nothing must."""

    def read(self, source: Source) -> Array:
        """Decode one input. Raises InputError, in bounded time and memory, for all that is not readable."""

    def read_metadata(self, file: Path) -> Mapping[str, str]:
        """What a file says of itself beside its signal, by the heading of a column of metadata; {} for nothing."""

    def grid(self, signal: Array) -> Grid:
        """The samples of a signal, read or prepared, in the unit of the warps between them."""

    def summarise(self, signal: Array) -> dict[str, Any]:
        """What the plan wants to know of one example: its size, its rate, its colour."""

    def plan(self, inputs: SizingInputs) -> Any:
        """A Spec whose sizes follow from the examples and from the work that may be spent on them."""

    def cut_tiles(self, grid: Grid, spec: Any, largest_object_px: float) -> Sequence[Tile]:
        """The pieces in which a signal of this grid is asked about, as large as those that were learned from.

        They overlap so that a thing up to `largest_object_px` is whole in one of them, up to half of their size.
        What is about as large as those is one piece, and so is all that goes on in time.
        """

    def preprocess(self, signal: Array, spec: Any) -> tuple[Array, Warp]:
        """Bring one decoded input to the shape the encoder expects. Not random; the same for training and serving."""

    def compute_statistics(self, preprocessed: Array) -> dict[str, float]:
        """How one prepared input was taken, by the names of `statistics`: quickly, as every input is measured."""

    def collate(self, preprocessed: Sequence[Array | None], spec: Any) -> dict[str, Array]:
        """Stack prepared inputs into the arrays that the encoder is fed by name; None is a sense withheld."""

    def build_encoder(self, spec: Any) -> nn.Module:
        """A module: forward(collate's tensors by name) -> Cells, with `finer` ones where it has them.

        `widths` tells the channels of each level of cells, finest first; `flexible` the axes that vary from batch to
        batch, by input; `begin(inputs)` fits what is a statistic of training examples, before the first step.
        """

    def build_augmentation(self, spec: Any) -> nn.Module:
        """A module: collate's tensors, Tempo -> the same, randomly changed without changing the answer; and the Warps
        that tell how they moved, None where the answer does not say where.

        Those whose cells are slices of time follow the tempo, and change time in no other way that moves it.

        `mix(inputs, partner, share)` blends each example with another of its batch -> inputs, and the share left.
        """

    def corruptions(self) -> Mapping[str, Corruption]:
        """By name, changes of a read signal by which `evaluate` measures what a recogniser withstands; {} for none."""

    def draw(self, signal: Array) -> Any:
        """A PIL picture of one decoded input: the picture itself, or the spectrogram of a sound."""


def _senses() -> dict[str, Sense]:
    from seehear.senses.hearing import HEARING
    from seehear.senses.lips import LIPS
    from seehear.senses.sight import SIGHT

    return {sense.name: sense for sense in (SIGHT, HEARING, LIPS)}


SENSES: dict[str, Sense] = _senses()


def load_signal(name: str, source: Source, spec: Any) -> tuple[Array, Geometry]:
    """One input as its sense prepares it, and where the original lies in that. Raises InputError as `read` does."""
    sense = SENSES[name]
    signal = sense.read(source)
    preprocessed, warp = sense.preprocess(signal, spec)
    return preprocessed, Geometry(warp, sense.grid(signal), sense.grid(preprocessed))


def time_aligned(senses: Collection[str]) -> bool:
    """Whether there are several senses and all divide time into cells of the same length."""
    pitches_s = {SENSES[name].pitch_s for name in senses}
    return len(senses) > 1 and len(pitches_s) == 1 and None not in pitches_s


__all__ = ["SENSES", "Array", "Sense", "Source", "load_signal", "np", "time_aligned"]
