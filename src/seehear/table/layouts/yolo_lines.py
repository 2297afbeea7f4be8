"""Lines of YOLO label files, with all numbers relative to the size of the picture:

0 0.5 0.5 0.2 0.1                   centre x, y, width, height   https://docs.ultralytics.com/datasets/detect
0 0.1 0.1 0.3 0.1 0.2 0.4           corners of an outline        https://docs.ultralytics.com/datasets/segment
0 0.5 0.5 0.2 0.1 0.5 0.5 2 0 0 0   a box, then K key points     https://docs.ultralytics.com/datasets/pose
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.errors import DataError

_BOX, _FEWEST_CORNERS = 4, 6  # numbers after the class
_MOST_DIGITS = 4  # of the number of key points
_MOST_SHARE = 0.9  # of long lines have the same length; outlines vary in theirs
_OUTSIDE_PICTURE, _OUTSIDE_BOX = 0.02, 0.25  # how far boxes and key points may lie outside
_VISIBLE = 2.0  # COCO's flag of a visible key point; no corner has this coordinate


@dataclass(frozen=True, eq=False)
class Line:
    """One line: the row of its picture, where it is, and its numbers, class first; or what is wrong with it."""

    row: int
    where: str
    numbers: NDArray[np.float64]
    wrong: str = ""

    @classmethod
    def of(cls, row: int, where: str, line: str) -> Line:
        try:
            return cls(row, where, np.array(line.split(), np.float64))
        except ValueError:
            return cls(row, where, np.zeros(0), f"{line.strip()[:40]!r} are not all numbers")

    @property
    def coordinates(self) -> NDArray[np.float64]:
        return self.numbers[1:]


@dataclass(frozen=True)
class KeyPoints:
    """K key points of 2 or 3 numbers after each box."""

    count: int
    dims: int

    @property
    def length(self) -> int:
        return _BOX + self.count * self.dims

    def __str__(self) -> str:
        return f"[{self.count}, {self.dims}]"


class _Fit(Enum):
    NONE, POSSIBLE, SURE = range(3)


def infer_key_points(config: Mapping[str, Any], name: str, lines: Sequence[Line]) -> KeyPoints | None:
    """What follows the boxes of all lines; None if long lines are outlines.

    `kpt_shape` or `task` in the config, a file called `name`, decides. Without them the lines do: key points lie near
    their box, whereas corners do not lie near the box that their first four numbers would be.

    Raises DataError if the lines do not decide.
    """
    if config.get("kpt_shape"):
        return _parse_kpt_shape(config["kpt_shape"], name)
    if str(config.get("task", "")).startswith(("seg", "obb")):
        return None
    counts = Counter(len(line.coordinates) for line in lines if len(line.coordinates) >= _FEWEST_CORNERS)
    (length, times), *_ = counts.most_common(1) or [(0, 0)]
    if times <= _MOST_SHARE * counts.total():
        return None
    long = [line for line in lines if len(line.coordinates) == length]
    coordinates = np.array([line.coordinates for line in long])
    shapes = [KeyPoints((length - _BOX) // dims, dims) for dims in (3, 2) if (length - _BOX) % dims == 0]
    fits = {shape: _fit(coordinates, shape) for shape in shapes}
    if sure := [key_points for key_points, fit in fits.items() if fit is _Fit.SURE]:
        return sure[0]
    if possible := [key_points for key_points, fit in fits.items() if fit is _Fit.POSSIBLE]:
        table = name or "a data.yaml"
        raise DataError(
            f"{length} numbers after the class may be an outline, or a box with key points",
            where=long[0].where,
            hint=f"add kpt_shape: {possible[-1]} to {table} for key points, or task: segment for outlines",
        )
    return None


def parse_line(
    line: Line, key_points: KeyPoints | None, classes: Sequence[str], size_px: NDArray[np.float64]
) -> tuple[str, list[float], list[list[float]] | None] | str:
    """(label, corners of the box in pixels, those of the outline or None), or what is wrong with the line."""
    if line.wrong:
        return line.wrong
    number, *coordinates = line.numbers.tolist()
    if not number.is_integer() or not 0 <= number < len(classes) or not classes[int(number)]:
        return f"{number:g} is not one of the {len(classes):,} classes"
    label = classes[int(number)]
    if len(coordinates) == _BOX or (key_points is not None and len(coordinates) == key_points.length):
        x, y, width, height = coordinates[:_BOX]
        corners = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
        return label, _in_pixels(corners if min(width, height) >= 0 else [np.nan] * 4, size_px), None
    if key_points is None and len(coordinates) >= _FEWEST_CORNERS and len(coordinates) % 2 == 0:
        xs, ys = coordinates[::2], coordinates[1::2]
        return label, _in_pixels([min(xs), min(ys), max(xs), max(ys)], size_px), [_in_pixels(coordinates, size_px)]
    alternatives = ", nor corners" if key_points is None else f", nor {key_points.length} for a box with key points"
    return f"{len(coordinates)} numbers after the class, not 4 for a box (x, y, width, height){alternatives}"


def _parse_kpt_shape(shape: Any, name: str) -> KeyPoints:
    numbers = (
        [int(each) for each in shape if str(each).isdecimal() and len(each) < 6] if isinstance(shape, list) else []
    )
    if len(numbers) != 2 or not numbers[0] or numbers[1] not in (2, 3):
        raise DataError(
            "'kpt_shape' is not a number of key points and 2 or 3", where=name, allowed="such as kpt_shape: [17, 3]"
        )
    return KeyPoints(*numbers)


def _in_pixels(coordinates: Sequence[float], size_px: NDArray[np.float64]) -> list[float]:
    """x, y, x, y, … relative to the picture -> in pixels."""
    pixels: list[float] = (np.array(coordinates).reshape(-1, 2) * size_px).round(2).ravel().tolist()
    return pixels


def _fit(coordinates: NDArray[np.float64], key_points: KeyPoints) -> _Fit:
    """Whether all lines (n, length) can be boxes with such key points, and whether they can be nothing else."""
    middle, side = coordinates[:, None, :2], coordinates[:, None, 2:_BOX]
    inside = (middle - side / 2 >= -_OUTSIDE_PICTURE) & (middle + side / 2 <= 1 + _OUTSIDE_PICTURE)
    each = coordinates[:, _BOX:].reshape(len(coordinates), key_points.count, key_points.dims)
    is_near = np.abs(each[..., :2] - middle) <= side * (0.5 + _OUTSIDE_BOX)
    invisible = (each[..., :2] == 0).all(-1)
    flags = each[..., 2:]
    has_valid_flags = np.isin(flags, (0, 1, _VISIBLE)).all()
    if not (inside.all() and (side > 0).all() and (is_near.all(-1) | invisible).all() and has_valid_flags):
        return _Fit.NONE
    return _Fit.SURE if coordinates.shape[1] % 2 or (flags == _VISIBLE).any() else _Fit.POSSIBLE
