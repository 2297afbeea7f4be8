"""Size limits of pictures, checked before decoding: a few bytes can decode to gigabytes."""

from __future__ import annotations

from seehear.errors import InputError

MOST_PIXELS = 100_000_000
MOST_ASPECT = 200
MOST_FILE_BYTES = 1 << 30


def check_size(width: int, height: int) -> None:
    """Raises InputError for an empty or too large picture, or an extreme aspect ratio."""
    if width < 1 or height < 1:
        raise InputError(f"a picture of {width} by {height} pixels", allowed="at least 1 by 1")
    if width * height > MOST_PIXELS:
        raise InputError(
            f"{width} by {height} pixels are too many",
            allowed=f"up to {MOST_PIXELS // 1_000_000} million",
            hint="make it smaller, or cut it into several pictures",
        )
    if max(width, height) > MOST_ASPECT * min(width, height):
        raise InputError(
            f"{width} by {height} pixels are nearly a line",
            allowed=f"up to {MOST_ASPECT} times as long as wide",
            hint="cut it into pieces",
        )
