"""The senses: the protocol of a sense, and the registry of all of them.

A sense is a folder with `read` and `preprocess` (numpy, shared by training and serving), `augment` and `encoder`
(torch, never imported by serving).
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
from seehear.senses.examination import Examiner
from seehear.senses.model_sizing import SizingInputs
from seehear.senses.occlusion import Occlusion
from seehear.senses.statistic import Statistic

if TYPE_CHECKING:
    from torch import nn

Array = NDArray[Any]
Source = str | Path | Excerpt | bytes | Array | Any  # a file, an excerpt of one, its bytes, an array or a PIL image


class Sense(Protocol):
    """One kind of input. `name` is its table column, its flag, and its key in printed results.

    A Spec has a `cell_width`, the channels D of its cells, and an `augmentation_strength` from 0 to 1.
    """

    name: str
    noun: str  # what its column holds, in the singular
    attended: str  # what a recogniser did with the part that mattered: "it looked at the top left"
    media: tuple[str, ...]  # the kinds of file it reads: picture, recording, video
    pitch_s: float | None  # seconds per cell; None if cells are not slices of time
    padding: Literal["constant", "edge"] | None  # mode of numpy.pad in time; None without pitch_s
    Spec: type[BaseModel]
    statistics: Mapping[str, Statistic]  # how to describe the values of `compute_statistics`
    examiner: Examiner | None  # a capability: finds flaws and duplicates of inputs

    @property
    def missing_dependency(self) -> str:
        """What to install before this sense can be used; "" if nothing is missing."""

    def read(self, source: Source) -> Array:
        """Decode one input. Time and memory are bounded. Raises InputError if it cannot be read."""

    def check(self, source: Path | Excerpt) -> None:
        """Decode one input as `read` does, to see whether it can, and with less work where that says the same.

        Raises InputError like `read`. A recording that is too long to be read whole is only begun: parts of it can be.
        """

    def read_metadata(self, file: Path) -> Mapping[str, str]:
        """Metadata stored in the file, by the name of its metadata column; {} if there is none."""

    def grid(self, signal: Array) -> Grid:
        """The sample grid of a decoded or preprocessed signal, in the unit of its Warp."""

    def summarise(self, signal: Array) -> dict[str, Any]:
        """What planning needs to know about one example, such as its size."""

    def plan(self, inputs: SizingInputs) -> Any:
        """Choose a Spec from the training examples and the compute budget."""

    def cut_tiles(self, grid: Grid, spec: Any, largest_object_px: float) -> Sequence[Tile]:
        """Overlapping tiles of about the training size, to run a large signal in parts.

        An object up to `largest_object_px`, or half a tile if that is less, lies fully in one tile. Signals of about
        the training size are one tile, and so are all signals in time.
        """

    def preprocess(self, signal: Array, spec: Any) -> tuple[Array, Warp]:
        """Bring a decoded input to the shape the encoder expects. Deterministic, the same for training and serving."""

    def compute_statistics(self, preprocessed: Array) -> dict[str, float]:
        """The values of `statistics` for a preprocessed input. Must be fast: it runs on every input."""

    def collate(self, preprocessed: Sequence[Array | None], spec: Any) -> dict[str, Array]:
        """Stack preprocessed inputs into the encoder's named input arrays; None stands for a missing input."""

    def build_encoder(self, spec: Any) -> nn.Module:
        """A module: forward(the tensors of `collate` by name) -> Cells.

        `widths` are the channels of each level of cells, finest first; `dynamic_axes` the variable axes of each
        input besides the batch; `fit_statistics(inputs)` sets normalisation constants before the first step. Encoders
        with pretrained weights have `load_pretrained(tensors)`, and may have `fold()`, called on the copy to export.
        """

    def build_augmentation(self, spec: Any, *, robust: bool = False) -> nn.Module:
        """A module: forward(tensors of `collate`, TimeStretch) -> (augmented tensors, Warps or None).

        With `robust`, inputs are also distorted as other devices and surroundings would, but never by one of
        `corruptions`, which measure what that is good for.

        Augmentation must not change the answer. The Warps say how pixels moved, for answers with positions. Senses
        with time cells apply the given stretch and no other change of timing.

        `mix(inputs, partner, share)` blends each example with another of its batch -> (inputs, remaining share).
        """

    def corruptions(self) -> Mapping[str, Corruption]:
        """Corruptions of decoded signals by name, for stress tests; {} if there are none."""

    def draw(self, signal: Array) -> Any:
        """A PIL image of one decoded input: the picture itself, or the spectrogram of a sound."""

    def occlude(self, preprocessed: Array, geometry: Geometry) -> Occlusion:
        """What hides parts of one preprocessed input, to see how the answer changes."""


def _senses() -> dict[str, Sense]:
    from seehear.senses.hearing import HEARING
    from seehear.senses.lips import LIPS
    from seehear.senses.sight import SIGHT

    return {sense.name: sense for sense in (SIGHT, HEARING, LIPS)}


SENSES: dict[str, Sense] = _senses()


def load_signal(name: str, source: Source, spec: Any) -> tuple[Array, Geometry]:
    """Read and preprocess one input; also returns its Geometry. Raises InputError like `Sense.read`."""
    sense = SENSES[name]
    signal = sense.read(source)
    preprocessed, warp = sense.preprocess(signal, spec)
    return preprocessed, Geometry(warp, sense.grid(signal), sense.grid(preprocessed))


def time_aligned(senses: Collection[str]) -> bool:
    """Whether there are several senses, all with time cells of the same length."""
    pitches_s = {SENSES[name].pitch_s for name in senses}
    return len(senses) > 1 and len(pitches_s) == 1 and None not in pitches_s


__all__ = ["SENSES", "Array", "Sense", "Source", "load_signal", "np", "time_aligned"]
