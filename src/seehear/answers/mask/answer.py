"""A mask: the class of every pixel; from a file to the truth, and from a head's cells to the answer."""

from __future__ import annotations

import math
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from seehear.answers.items import ItemCount, accepted_from
from seehear.answers.mask.levels import LEVELS, min_level, to_levels
from seehear.answers.mask.outlines import is_outlines, parse_outlines
from seehear.answers.mask.picture import encode_png, load_mask
from seehear.answers.mask.spec import UNKNOWN, MaskSpec
from seehear.answers.mask.spec import plan as plan
from seehear.answers.part import Part
from seehear.errors import InputError
from seehear.geometry import Geometry, Grid, Tile, Warp

if TYPE_CHECKING:
    from PIL.Image import Image

Array = NDArray[Any]
USUAL_DEVIATION = 0.1  # of the share of right pixels from what was expected, where nothing is known of it
MOSTLY = 0.5  # a class of whose pixels this share is accepted needs no mark
WHITE = 255
IN_MEMORY = 1 << 22  # probabilities at once
FILES = (".png",)  # how cells end that look like files of masks
_STRAIGHT = Warp.identity(2)


@dataclass(frozen=True)
class Mask:
    """The class of each of (H, W) pixels, kept packed: a few hundred of large pictures are some megabytes.

    warp        from its own pixels to where it was moved
    sure        the mean confidence of the pixels of each class; () for a truth
    expected    the share of its pixels that are right, as far as it knows
    levels      how sure each pixel is, as `levels_of` has it, packed; b"" for a truth
    accepted_from   the level from which on a pixel is accepted
    where       the file that it was read from; "" for outlines
    """

    item: ClassVar[str] = "pixel"
    spec: MaskSpec = field(repr=False)
    shape: tuple[int, int]
    packed: bytes = field(repr=False)
    warp: Warp = _STRAIGHT
    confidence: float = 1.0
    expected: float = 1.0
    sure: tuple[float, ...] = ()
    levels: bytes = field(default=b"", repr=False)
    accepted_from: int = 0
    where: str = field(default="", compare=False)

    @classmethod
    def of(cls, pixels: Array, spec: MaskSpec, **more: Any) -> Self:
        """Of (H, W) uint8, each the place of its class in the spec, or UNKNOWN."""
        height, width = pixels.shape
        return cls(spec, (height, width), pack(pixels), **more)

    @property
    def pixels(self) -> Array:
        """(H, W) uint8: the place of each pixel's class, or UNKNOWN."""
        return _unpack(self.packed, self.shape)

    @property
    def pixel_levels(self) -> Array:
        """(H, W) uint8: how sure each pixel is, as `levels_of` has it; of a truth the highest."""
        return _unpack(self.levels, self.shape) if self.levels else np.full(self.shape, LEVELS - 1, np.uint8)

    @property
    def accepted(self) -> Array:
        """(H, W) bool: which pixels are accepted."""
        yes: Array = self.pixel_levels >= self.accepted_from
        return yes

    @property
    def items(self) -> ItemCount:
        return ItemCount(self.item, sum(self.accepted_areas.values()), sum(self.areas.values()))

    def refused(self) -> Mask:
        """The same, but no pixel is accepted."""
        return replace(self, accepted_from=LEVELS)

    @property
    def alternatives(self) -> tuple[()]:
        return ()

    @cached_property
    def areas(self) -> dict[str, int]:
        """Pixels of each class that there is, the largest first."""
        counts = _counted(self.pixels)
        order = np.argsort(-counts[: len(self.spec.classes)], kind="stable")
        return {self.spec.classes[i]: int(counts[i]) for i in order if counts[i]}

    @cached_property
    def accepted_areas(self) -> dict[str, int]:
        """Accepted pixels of each class that there is."""
        counts = _counted(np.where(self.accepted, self.pixels, np.uint8(UNKNOWN)))
        return {name: int(counts[self.spec.classes.index(name)]) for name in self.areas}

    def moved(self, warp: Warp) -> Mask:
        """Its pixels stay as they are until somebody asks what is where: they are resampled once."""
        return replace(self, warp=self.warp.then(warp))

    def on(self, height: int, width: int) -> Array:
        """(height, width) uint8: the nearest pixel where it was moved to, UNKNOWN beyond it."""
        x, y = (self.warp.back(np.stack([np.arange(side) + 0.5] * 2, 1)).T for side in (width, height))
        columns, rows = np.floor(x[0]).astype(np.int64), np.floor(y[1]).astype(np.int64)
        there = _within(rows, self.shape[0])[:, None] & _within(columns, self.shape[1])
        nearest = self.pixels[np.clip(rows, 0, self.shape[0] - 1)][:, np.clip(columns, 0, self.shape[1] - 1)]
        return np.where(there, nearest, np.uint8(UNKNOWN))

    def to_json(self) -> dict[str, Any]:
        """Areas in pixels and as shares of the picture, how sure each is and how many of its pixels are accepted; the
        mask itself is a file."""
        every = self.shape[0] * self.shape[1]
        areas = [
            {
                "class": name,
                "px": px,
                "share": round(px / every, 4),
                "confidence": round(self._sure_of(name), 4),
                "accepted_px": self.accepted_areas[name],
            }
            for name, px in self.areas.items()
        ]
        return {"mask": areas, "width": self.shape[1], "height": self.shape[0], "pixels_right": round(self.expected, 4)}

    def files(self) -> dict[str, bytes]:
        """The mask, with the numbers and the colours of those that were learned from; and, but for a truth, which of
        its pixels are accepted, in white."""
        unknown = self.spec.unknown[0] if self.spec.unknown else UNKNOWN
        written = np.full(256, unknown, np.uint8)
        written[: len(self.spec.numbers)] = self.spec.numbers
        colors = ["#000000"] * 256
        for number, color in zip(self.spec.numbers, self.spec.colors, strict=True):
            colors[number] = color
        files = {"png": encode_png(written[self.pixels], colors)}
        if self.levels:
            grey = [f"#{n:02x}{n:02x}{n:02x}" for n in range(256)]
            files["accepted.png"] = encode_png(np.where(self.accepted, np.uint8(WHITE), np.uint8(0)), grey)
        return files

    def draw_on(self, picture: Image) -> Image:
        """A copy of a picture, each pixel of a known class half in its colour, with a key; a small one enlarged.

        Where pixels are not accepted, only stripes are in colour.
        """
        from seehear.answers.mask.overlay import draw_on

        colors = zip(self.spec.classes, self.spec.colors, strict=True)
        key = {name: color for name, color in colors if name in self.areas}
        return draw_on(picture, self.pixels, self.spec.colors, key, self.accepted)

    def marked(self) -> str:
        """The classes, those in brackets of which most pixels are not accepted."""
        doubtful = {name for name, px in self.areas.items() if self.accepted_areas[name] < MOSTLY * px}
        return self._line(doubtful)

    def __str__(self) -> str:
        return self._line()

    def _line(self, doubtful: Collection[str] = ()) -> str:
        every = self.shape[0] * self.shape[1]
        parts = [(name, f"{name} {percent(px / every)}") for name, px in self.areas.items()]
        return ", ".join(f"[{said}]" if name in doubtful else said for name, said in parts) or "nothing that is known"

    def _sure_of(self, name: str) -> float:
        return self.sure[self.spec.classes.index(name)] if self.sure else 1.0


def fits(cells: Sequence[str], heading: str) -> bool:
    """All are outlines, or files of the one format that masks come in."""
    return bool(cells) and (all(map(is_outlines, cells)) or all(cell.lower().endswith(FILES) for cell in cells))


def in_files(cells: Sequence[str]) -> bool:
    return not all(map(is_outlines, cells))


def read(cell: str, spec: MaskSpec) -> Mask:
    """The mask in a file, or in outlines. Raises InputError for a pixel or an outline that is of no class."""
    if is_outlines(cell):
        outlines = parse_outlines(cell)
        return Mask.of(outlines.rasterise(spec.index_of, spec.index.get(outlines.background, UNKNOWN)), spec)
    found, _, names = load_mask(cell)
    places = (spec.indices_of(names) if names else spec.index_of_number)[found]
    if (places < 0).any():
        row, column = np.argwhere(places < 0)[0]
        known = ", ".join(f"{n} {name}" for n, name in zip(spec.numbers[:12], spec.classes, strict=False))
        raise InputError(
            f"the pixel at ({column}, {row}) is {found[row, column]}, which is no class",
            where=cell,
            allowed=known + (", …" if len(spec.numbers) > 12 else ""),
            hint="correct the mask, or name its class in a classes.txt",
        )
    return Mask.of(places.astype(np.uint8), spec, where=cell)


def stratum(cell: str) -> str:
    """A picture has many classes: there is none to balance."""
    return ""


def items_in(cell: str) -> float:
    """More pixels than would matter: those of one picture are alike, and count for a few."""
    return math.inf


def target(answer: Mask, spec: MaskSpec, geometry: Geometry | None) -> dict[str, Array]:
    """{"classes": (H, W) uint8}, of the prepared picture; UNKNOWN where nobody said, as on a letterbox's border."""
    if geometry is None:
        return {"classes": answer.on(*answer.shape)}
    _check_size(answer, geometry.original.shape)
    height, width = geometry.preprocessed.shape
    return {"classes": answer.moved(geometry.warp).on(height, width)}


def raw_shapes(spec: MaskSpec) -> dict[str, tuple[int | str, ...]]:
    """A logit for each class on a grid of cells of `cell_px` prepared pixels."""
    return {"logits": (len(spec.classes), "h", "w"), "cell_px": ()}


def to_answer(
    raw: Mapping[str, Array], spec: MaskSpec, calibration: Mapping[str, float], geometry: Geometry | None
) -> Mask:
    """raw: logits (C, h, w), cell_px ()."""
    if geometry is None:
        seen = Grid(tuple(round(n * _cell_px(raw)) for n in raw["logits"].shape[1:]), 1.0, "px")
        geometry = Geometry(_STRAIGHT, seen, seen)
    return merge_tiles([Part(raw, Tile.all_of(geometry.original), geometry)], spec, calibration)


def largest_object_px(spec: MaskSpec) -> float:
    """What a pixel is may be seen without the whole of the thing that it is of."""
    return 0.0


def merge_tiles(parts: Iterable[Part], spec: MaskSpec, calibration: Mapping[str, float]) -> Mask:
    """Each pixel as the tile says whose middle is nearest; probabilities between the cells are interpolated.

    Its confidence is the probability that it is right, the share of right pixels taken as normally distributed about
    what the mean probability of what is said of each lets expect.
    """
    pixels, levels = np.empty((2, 0, 0), np.uint8)
    counts, sure = np.zeros(256, np.int64), np.zeros(256)
    for part in parts:
        if not pixels.size:
            pixels, levels = np.zeros((2, *part.tile.full_shape), np.uint8)
        own, probability = _own(part, calibration.get("temperature", 1.0))
        pixels[part.tile.core], levels[part.tile.core] = own, to_levels(probability)
        counts += np.bincount(own.ravel(), minlength=256)
        sure += np.bincount(own.ravel(), probability.ravel(), minlength=256)
    mean = sure.sum() / counts.sum()
    expected = float(np.clip(calibration.get("slope", 1.0) * mean + calibration.get("bias", 0.0), 0, 1))
    by_class = sure / np.maximum(counts, 1)
    deviation = max(calibration.get("deviation", USUAL_DEVIATION), 1e-3)
    confidence = 0.5 * (1 + math.erf((expected - spec.min_accuracy) / (math.sqrt(2) * deviation)))
    shown = tuple(by_class[: len(spec.classes)].tolist())
    return Mask.of(
        pixels,
        spec,
        confidence=confidence,
        expected=expected,
        sure=shown,
        levels=pack(levels),
        accepted_from=min_level(accepted_from(calibration)),
    )


def check(answer: Mask, truth: Mask, duration_s: float) -> None:
    """Raises InputError for masks of different sizes."""
    _check_size(truth, answer.shape)


def beside(answer: Mask, truth: Mask) -> tuple[Array, Array, Array]:
    """What was said (n,), what is true (n,) and the levels (n,) of the pixels whose class is known, in the answer's
    coordinates."""
    _check_size(truth, answer.shape)
    true = truth.pixels
    known = true != UNKNOWN
    return answer.pixels[known], true[known], answer.pixel_levels[known]


def pack(array: Array) -> bytes:
    """(H, W) uint8, of which neighbours are alike."""
    return zlib.compress(np.ascontiguousarray(array).data, 1)


def _unpack(packed: bytes, shape: tuple[int, int]) -> Array:
    return np.frombuffer(zlib.decompress(packed), np.uint8).reshape(shape)


def _counted(array: Array) -> Array:
    """(256,) how often each number is in (H, W) uint8."""
    counts = np.zeros(256, np.int64)
    for row in array:  # all at once, each pixel would take eight bytes
        counts += np.bincount(row, minlength=256)
    return counts


def _check_size(mask: Mask, shape: Sequence[int]) -> None:
    if mask.shape != tuple(shape):
        raise InputError(
            f"a mask of {mask.shape[1]} by {mask.shape[0]} pixels for a picture of {shape[1]} by {shape[0]}",
            where=mask.where,
            hint="masks need the size of their pictures",
        )


def _own(part: Part, temperature: float) -> tuple[Array, Array]:
    """The likeliest class (h, w) uint8 of each pixel that is a tile's own, and its probability (h, w) float32."""
    rows, columns = part.tile.core
    cells = Warp((1 / _cell_px(part.raw),) * 2, (0.0, 0.0))
    to_cells = Warp((1.0, 1.0), (float(columns.start), float(rows.start))).then(part.warp).then(cells)
    shape = rows.stop - rows.start, columns.stop - columns.start
    return _likeliest(_softmax(part.raw["logits"], temperature), to_cells, shape)


def _cell_px(raw: Mapping[str, Array]) -> float:
    return max(float(raw["cell_px"]), 1.0)


def _softmax(logits: Array, temperature: float) -> Array:
    """(C, h, w) -> the same, float32."""
    scaled = logits.astype(np.float32) / np.float32(temperature)
    odds = np.exp(scaled - scaled.max(0))
    probabilities: Array = odds / odds.sum(0)
    return probabilities


def _likeliest(probabilities: Array, to_cells: Warp, shape: tuple[int, int]) -> tuple[Array, Array]:
    """The likeliest class (H, W) uint8 of each pixel and its probability (H, W) float32, some rows at once."""
    classes, (height, width) = len(probabilities), shape
    across = _between(width, probabilities.shape[2], to_cells.scale[0], to_cells.offset[0])
    down = _between(height, probabilities.shape[1], to_cells.scale[1], to_cells.offset[1])
    wide = probabilities @ across.T  # (C, h, W)
    best, sure = np.zeros(shape, np.uint8), np.empty(shape, np.float32)
    step = max(1, IN_MEMORY // (classes * width))
    for start in range(0, height, step):
        rows = slice(start, start + step)
        of_class = down[rows] @ wide  # (C, rows, W)
        sure[rows] = of_class[0]
        for number in range(1, classes):
            best[rows][of_class[number] > sure[rows]] = number
            np.maximum(sure[rows], of_class[number], out=sure[rows])
    return best, sure


def _between(pixels: int, cells: int, scale: float, offset: float) -> Array:
    """(pixels, cells) float32: how much of each cell a pixel has, by linear interpolation between their middles."""
    at = np.clip((np.arange(pixels) + 0.5) * scale + offset - 0.5, 0, cells - 1)
    before = np.floor(at).astype(np.int64)
    weights = np.zeros((pixels, cells), np.float32)
    np.add.at(weights, (np.arange(pixels), before), 1 - (at - before))
    np.add.at(weights, (np.arange(pixels), np.minimum(before + 1, cells - 1)), at - before)
    return weights


def _within(places: Array, length: int) -> Array:
    inside: Array = (places >= 0) & (places < length)
    return inside


def percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 else f"{100 * share:.1f} %"
