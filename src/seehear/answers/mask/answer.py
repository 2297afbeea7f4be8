"""Semantic segmentation: the class of each pixel of a picture."""

from __future__ import annotations

import math
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from seehear.answers.class_marks import mark_classes
from seehear.answers.items import ItemCount, accepted_from
from seehear.answers.kind import TileOutput
from seehear.answers.mask.levels import LEVELS, min_level, to_levels
from seehear.answers.mask.outlines import format_outlines, is_outlines, parse_outlines
from seehear.answers.mask.picture import encode_png, load_mask
from seehear.answers.mask.spec import UNKNOWN, MaskSpec
from seehear.answers.mask.spec import plan as plan
from seehear.errors import InputError
from seehear.geometry import Geometry, Grid, Tile, Warp

if TYPE_CHECKING:
    from PIL.Image import Image

Array = NDArray[Any]
DEFAULT_DEVIATION = 0.1  # of the pixel accuracy from its expectation, before calibration
MIN_ACCEPTED = 0.5  # share of a class's accepted pixels, below which it is marked as unsure
WHITE = 255
BLOCK = 1 << 22  # probabilities in memory at once
SUFFIXES = (".png",)
_IDENTITY = Warp.identity(2)


@dataclass(frozen=True)
class Mask:
    """The class of each of (H, W) pixels, compressed: hundreds of masks of large pictures take a few megabytes.

    warp                from its own pixels to where they are resampled
    confidence          probability that the answer is right: that its pixel accuracy is at least `spec.min_accuracy`
    expected_accuracy   the calibrated mean confidence of its pixels
    class_confidence    the mean confidence of the pixels of each class; () for a truth
    compressed_levels   the confidence of each pixel, see `to_levels`; b"" for a truth
    accepted_from       the lowest level that is accepted
    where               the file it was read from; "" for outlines
    """

    item: ClassVar[str] = "pixel"
    spec: MaskSpec = field(repr=False)
    shape: tuple[int, int]
    compressed_pixels: bytes = field(repr=False)
    warp: Warp = _IDENTITY
    confidence: float = 1.0
    expected_accuracy: float = 1.0
    class_confidence: tuple[float, ...] = ()
    compressed_levels: bytes = field(default=b"", repr=False)
    accepted_from: int = 0
    where: str = field(default="", compare=False)

    @classmethod
    def from_pixels(cls, pixels: Array, spec: MaskSpec, **fields: Any) -> Self:
        """pixels (H, W) uint8: class indices, or UNKNOWN."""
        height, width = pixels.shape
        return cls(spec, (height, width), compress(pixels), **fields)

    @property
    def pixels(self) -> Array:
        """(H, W) uint8: class indices, or UNKNOWN."""
        return _decompress(self.compressed_pixels, self.shape)

    @property
    def levels(self) -> Array:
        """(H, W) uint8: the confidence of each pixel, see `to_levels`; the highest level for a truth."""
        if not self.compressed_levels:
            return np.full(self.shape, LEVELS - 1, np.uint8)
        return _decompress(self.compressed_levels, self.shape)

    @property
    def accepted(self) -> Array:
        """(H, W) bool."""
        accepted: Array = self.levels >= self.accepted_from
        return accepted

    @property
    def items(self) -> ItemCount:
        return ItemCount(self.item, sum(self.accepted_areas.values()), sum(self.areas.values()))

    def reject_items(self) -> Mask:
        """The same, with no pixel accepted."""
        return replace(self, accepted_from=LEVELS)

    @property
    def alternatives(self) -> tuple[()]:
        return ()

    @cached_property
    def areas(self) -> dict[str, int]:
        """Pixels of each class in the mask, largest first."""
        counts = _count_values(self.pixels)
        order = np.argsort(-counts[: len(self.spec.classes)], kind="stable")
        return {self.spec.classes[i]: int(counts[i]) for i in order if counts[i]}

    @cached_property
    def accepted_areas(self) -> dict[str, int]:
        """Accepted pixels of each class in the mask."""
        counts = _count_values(np.where(self.accepted, self.pixels, np.uint8(UNKNOWN)))
        return {name: int(counts[self.spec.classes.index(name)]) for name in self.areas}

    def transform(self, warp: Warp) -> Mask:
        """Warps are only combined here, so that pixels are resampled once, in `resample`."""
        return replace(self, warp=self.warp.then(warp))

    def resample(self, height: int, width: int) -> Array:
        """(height, width) uint8: the nearest pixels of the warped mask, UNKNOWN outside it."""
        x, y = (self.warp.back(np.stack([np.arange(side) + 0.5] * 2, 1)).T for side in (width, height))
        columns, rows = np.floor(x[0]).astype(np.int64), np.floor(y[1]).astype(np.int64)
        inside = _in_range(rows, self.shape[0])[:, None] & _in_range(columns, self.shape[1])
        nearest = self.pixels[np.clip(rows, 0, self.shape[0] - 1)][:, np.clip(columns, 0, self.shape[1] - 1)]
        return np.where(inside, nearest, np.uint8(UNKNOWN))

    def to_json(self) -> dict[str, Any]:
        """Area, mean confidence and accepted pixels of each class. The mask itself is in `files`."""
        total = self.shape[0] * self.shape[1]
        areas = [
            {
                "class": name,
                "px": px,
                "share": round(px / total, 4),
                "confidence": round(self._class_confidence(name), 4),
                "accepted_px": self.accepted_areas[name],
            }
            for name, px in self.areas.items()
        ]
        height, width = self.shape
        return {
            "mask": areas,
            "width": width,
            "height": height,
            "expected_accuracy": round(self.expected_accuracy, 4),
        }

    def to_cell(self) -> str:
        """Outlines in run lengths, one for each class; pixels of no known class are in none."""
        pixels = self.pixels
        inside = {name: pixels == self.spec.classes.index(name) for name in sorted(self.areas)}
        return format_outlines(self.shape, inside)

    def files(self) -> dict[str, bytes]:
        """The mask, with the numbers and colours of the training data; except for a truth, also its accepted pixels, in
        white on black."""
        unknown = self.spec.unknown[0] if self.spec.unknown else UNKNOWN
        numbers = np.full(256, unknown, np.uint8)
        numbers[: len(self.spec.numbers)] = self.spec.numbers
        colors = ["#000000"] * 256
        for number, color in zip(self.spec.numbers, self.spec.colors, strict=True):
            colors[number] = color
        files = {"png": encode_png(numbers[self.pixels], colors)}
        if self.compressed_levels:
            grey = [f"#{n:02x}{n:02x}{n:02x}" for n in range(256)]
            files["accepted.png"] = encode_png(np.where(self.accepted, np.uint8(WHITE), np.uint8(0)), grey)
        return files

    def draw_on(self, picture: Image, classes: Sequence[str] = ()) -> Image:
        """A copy of a picture with coloured pixels and a legend. Small pictures are enlarged.

        Pixels that are not accepted are striped. Without `classes`, colours are those of the training data's masks.
        """
        from seehear.answers.mask.overlay import draw_on

        marks = {mark.name: mark.colour for mark in mark_classes(list(dict.fromkeys([*classes, *self.spec.classes])))}
        colors = [marks[name] for name in self.spec.classes] if classes else self.spec.colors
        legend = {name: color for name, color in zip(self.spec.classes, colors, strict=True) if name in self.areas}
        return draw_on(picture, self.pixels, colors, legend, self.accepted)

    def to_marked_text(self) -> str:
        """The classes, in brackets if most of their pixels are not accepted."""
        unsure = {name for name, px in self.areas.items() if self.accepted_areas[name] < MIN_ACCEPTED * px}
        return self._format(unsure)

    def __str__(self) -> str:
        return self._format()

    def _format(self, unsure: Collection[str] = ()) -> str:
        total = self.shape[0] * self.shape[1]
        parts = [(name, f"{name} {format_percent(px / total)}") for name, px in self.areas.items()]
        return ", ".join(f"[{part}]" if name in unsure else part for name, part in parts) or "no known class"

    def _class_confidence(self, name: str) -> float:
        return self.class_confidence[self.spec.classes.index(name)] if self.class_confidence else 1.0


def fits(cells: Sequence[str], heading: str) -> bool:
    """Whether all cells are outlines, or all are PNG files."""
    return bool(cells) and (all(map(is_outlines, cells)) or all(cell.lower().endswith(SUFFIXES) for cell in cells))


def in_files(cells: Sequence[str]) -> bool:
    return not all(map(is_outlines, cells))


def check_cell(cell: str) -> None:
    """Outlines only: a file may not be there any more when the cell is read."""
    parse_outlines(cell).rasterise(lambda _: 0, 0)


def read(cell: str, spec: MaskSpec) -> Mask:
    """Read a file or outlines. Raises InputError for a pixel or an outline without a class."""
    if is_outlines(cell):
        outlines = parse_outlines(cell)
        return Mask.from_pixels(outlines.rasterise(spec.index_of, spec.index.get(outlines.background, UNKNOWN)), spec)
    numbers, _, names = load_mask(cell)
    indices = (spec.indices_of(names) if names else spec.index_of_number)[numbers]
    if (indices < 0).any():
        row, column = np.argwhere(indices < 0)[0]
        known = ", ".join(f"{n} {name}" for n, name in zip(spec.numbers[:12], spec.classes, strict=False))
        raise InputError(
            f"the pixel at ({column}, {row}) is {numbers[row, column]}, which is not the number of a class",
            where=cell,
            allowed=known + (", …" if len(spec.numbers) > 12 else ""),
            hint="correct the mask, or name its class in a classes.txt",
        )
    return Mask.from_pixels(indices.astype(np.uint8), spec, where=cell)


def stratum(cell: str) -> str:
    """None: a picture may have several classes."""
    return ""


def count_items(cell: str) -> float:
    """Unlimited: neighbouring pixels are so similar that their number does not matter."""
    return math.inf


def target(answer: Mask, spec: MaskSpec, geometry: Geometry | None) -> dict[str, Array]:
    """{"classes": (H, W) uint8} of the preprocessed picture; UNKNOWN on the border of a letterbox, too."""
    if geometry is None:
        return {"classes": answer.resample(*answer.shape)}
    _check_size(answer, geometry.original.shape)
    height, width = geometry.preprocessed.shape
    return {"classes": answer.transform(geometry.warp).resample(height, width)}


def raw_shapes(spec: MaskSpec) -> dict[str, tuple[int | str, ...]]:
    """Class logits on a grid of cells of `cell_px` preprocessed pixels."""
    return {"logits": (len(spec.classes), "h", "w"), "cell_px": ()}


def to_answer(
    raw: Mapping[str, Array], spec: MaskSpec, calibration: Mapping[str, float], geometry: Geometry | None
) -> Mask:
    """raw: logits (C, h, w), cell_px ()."""
    if geometry is None:
        grid = Grid(tuple(round(n * _cell_px(raw)) for n in raw["logits"].shape[1:]), 1.0, "px")
        geometry = Geometry(_IDENTITY, grid, grid)
    return merge_tiles([TileOutput(raw, Tile.all_of(geometry.original), geometry)], spec, calibration)


def largest_object_px(spec: MaskSpec) -> float:
    """None: a pixel can be classified without seeing its whole object."""
    return 0.0


def merge_tiles(outputs: Iterable[TileOutput], spec: MaskSpec, calibration: Mapping[str, float]) -> Mask:
    """Take each pixel from the tile whose centre is nearest; interpolate probabilities between cells.

    The confidence assumes that the pixel accuracy is normally distributed around its expectation, which is a linear
    function of the mean probability of the most likely class.
    """
    pixels, levels = np.empty((2, 0, 0), np.uint8)
    counts, total = np.zeros(256, np.int64), np.zeros(256)
    for output in outputs:
        if not pixels.size:
            pixels, levels = np.zeros((2, *output.tile.full_shape), np.uint8)
        classes, probability = _classify_pixels(output, calibration.get("temperature", 1.0))
        pixels[output.tile.core], levels[output.tile.core] = classes, to_levels(probability)
        counts += np.bincount(classes.ravel(), minlength=256)
        total += np.bincount(classes.ravel(), probability.ravel(), minlength=256)
    mean = total.sum() / counts.sum()
    expected = float(np.clip(calibration.get("slope", 1.0) * mean + calibration.get("bias", 0.0), 0, 1))
    class_confidence = (total / np.maximum(counts, 1))[: len(spec.classes)]
    deviation = max(calibration.get("deviation", DEFAULT_DEVIATION), 1e-3)
    confidence = 0.5 * (1 + math.erf((expected - spec.min_accuracy) / (math.sqrt(2) * deviation)))
    return Mask.from_pixels(
        pixels,
        spec,
        confidence=confidence,
        expected_accuracy=expected,
        class_confidence=tuple(class_confidence.tolist()),
        compressed_levels=compress(levels),
        accepted_from=min_level(accepted_from(calibration)),
    )


def check(answer: Mask, truth: Mask, duration_s: float) -> None:
    """Raises InputError for masks of different sizes."""
    _check_size(truth, answer.shape)


def known_pixels(answer: Mask, truth: Mask) -> tuple[Array, Array, Array]:
    """Predicted class, true class and level, (n,) each, of the pixels whose class is known. Raises InputError for masks
    of different sizes."""
    _check_size(truth, answer.shape)
    true = truth.pixels
    known = true != UNKNOWN
    return answer.pixels[known], true[known], answer.levels[known]


def compress(array: Array) -> bytes:
    """(H, W) uint8"""
    return zlib.compress(np.ascontiguousarray(array).data, 1)


def _decompress(data: bytes, shape: tuple[int, int]) -> Array:
    return np.frombuffer(zlib.decompress(data), np.uint8).reshape(shape)


def _count_values(array: Array) -> Array:
    """(H, W) uint8 -> (256,) the count of each value."""
    counts = np.zeros(256, np.int64)
    for row in array:  # row by row, because all at once would take eight bytes per pixel
        counts += np.bincount(row, minlength=256)
    return counts


def _check_size(mask: Mask, shape: Sequence[int]) -> None:
    if mask.shape != tuple(shape):
        raise InputError(
            f"a mask of {mask.shape[1]} by {mask.shape[0]} pixels for a picture of {shape[1]} by {shape[0]}",
            where=mask.where,
            hint="make each mask the size of its picture",
        )


def _classify_pixels(output: TileOutput, temperature: float) -> tuple[Array, Array]:
    """The most likely class (h, w) uint8 of each pixel that a tile decides, and its probability (h, w) float32."""
    rows, columns = output.tile.core
    cells = Warp((1 / _cell_px(output.raw),) * 2, (0.0, 0.0))
    to_cells = Warp((1.0, 1.0), (float(columns.start), float(rows.start))).then(output.warp).then(cells)
    shape = rows.stop - rows.start, columns.stop - columns.start
    return _most_likely(softmax(output.raw["logits"], temperature), to_cells, shape)


def _cell_px(raw: Mapping[str, Array]) -> float:
    return max(float(raw["cell_px"]), 1.0)


def softmax(logits: Array, temperature: float) -> Array:
    """(C, h, w) -> (C, h, w) float32."""
    scaled = logits.astype(np.float32) / np.float32(temperature)
    odds = np.exp(scaled - scaled.max(0))
    probabilities: Array = odds / odds.sum(0)
    return probabilities


def _most_likely(probabilities: Array, to_cells: Warp, shape: tuple[int, int]) -> tuple[Array, Array]:
    """The most likely class (H, W) uint8 of each pixel and its probability (H, W) float32, in blocks of rows."""
    classes, (height, width) = len(probabilities), shape
    across = _interpolation(width, probabilities.shape[2], to_cells.scale[0], to_cells.offset[0])
    down = _interpolation(height, probabilities.shape[1], to_cells.scale[1], to_cells.offset[1])
    wide = probabilities @ across.T  # (C, h, W)
    best, probability = np.zeros(shape, np.uint8), np.empty(shape, np.float32)
    step = max(1, BLOCK // (classes * width))
    for start in range(0, height, step):
        rows = slice(start, start + step)
        interpolated = down[rows] @ wide  # (C, rows, W)
        probability[rows] = interpolated[0]
        for index in range(1, classes):
            best[rows][interpolated[index] > probability[rows]] = index
            np.maximum(probability[rows], interpolated[index], out=probability[rows])
    return best, probability


def _interpolation(pixels: int, cells: int, scale: float, offset: float) -> Array:
    """(pixels, cells) float32: weights of linear interpolation between cell centres."""
    at = np.clip((np.arange(pixels) + 0.5) * scale + offset - 0.5, 0, cells - 1)
    before = np.floor(at).astype(np.int64)
    weights = np.zeros((pixels, cells), np.float32)
    np.add.at(weights, (np.arange(pixels), before), 1 - (at - before))
    np.add.at(weights, (np.arange(pixels), np.minimum(before + 1, cells - 1)), at - before)
    return weights


def _in_range(indices: Array, length: int) -> Array:
    in_range: Array = (indices >= 0) & (indices < length)
    return in_range


def format_percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 else f"{100 * share:.1f} %"
