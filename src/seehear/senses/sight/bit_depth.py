"""Convert pixels of any type to 8 bits, with a fixed scale where possible:

* 16-bit integers are divided by 65535; if the maximum is at most 4095, the picture is taken for 12 bits, which cameras
  and scanners store in 16-bit files, and divided by 4095;
* floats from 0 to 1 are multiplied by 255;
* in files, other values have no known range: minimum and maximum of the picture become 0 and 255. Arrays with such
  values are rejected.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.errors import InputError
from seehear.senses.sight.limits import check_size

Pixels = NDArray[np.uint8]


def to_uint8(values: NDArray[Any]) -> Pixels:
    """Integers or floats -> uint8 of the same shape, by the rules above."""
    least, greatest = float(values.min()), float(values.max())
    if not np.isfinite(least + greatest):
        raise InputError("pixels that are not numbers (nan or infinite)", hint="export the picture again")
    whole = values.dtype.kind in "iu"
    if whole and least >= 0 and greatest <= 65535:
        low, high = 0.0, 4095.0 if greatest <= 4095 else 65535.0
    elif not whole and least >= 0 and greatest <= 1:
        low, high = 0.0, 1.0
    else:
        low, high = least, greatest
    scale = 255 / (high - low) if high > low else 0.0
    scaled: Pixels = np.rint((values - np.float32(low)) * np.float32(scale)).astype(np.uint8)
    return scaled


def array_to_pixels(values: NDArray[Any]) -> Pixels:
    """A decoded picture (H, W) or (H, W, 1 | 3 | 4) -> (H, W, 1 | 3 | 4) uint8. Raises InputError."""
    if values.ndim == 2:
        values = values[:, :, None]
    if values.ndim != 3 or values.shape[2] not in (1, 3, 4):
        raise InputError(f"an array of shape {values.shape}", allowed="(H, W) or (H, W, 1 | 3 | 4)")
    check_size(values.shape[1], values.shape[0])
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(255)
    if values.dtype == np.uint8:
        return np.ascontiguousarray(values)
    if values.dtype == np.uint16 or (values.dtype.kind == "f" and _is_unit_range(values)):
        return to_uint8(values)
    raise InputError(
        f"an array of {values.dtype} from {values.min()} to {values.max()}",
        allowed="uint8, uint16, bool, or floats from 0 to 1",
    )


def _is_unit_range(values: NDArray[Any]) -> bool:
    """Whether values lie within 0 to 1; to_uint8 rejects nan."""
    return not (values.min() < 0 or values.max() > 1)
