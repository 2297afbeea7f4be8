"""Videos of drawn faces that speak, which a face detector accepts."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

SIDE_PX = 128
RATE_HZ = 16_000


def face(
    opening: float, at: tuple[float, float] = (0.5, 0.5), size: float = 0.7, side_px: int = SIDE_PX
) -> Image.Image:
    """A face seen from the front: its mouth open from 0 to 1, its centre and height as shares of the picture."""
    picture = Image.new("L", (side_px, side_px), 90)
    pen = ImageDraw.Draw(picture)
    scale, x0, y0 = size * side_px, at[0] * side_px, at[1] * side_px

    def oval(x: float, y: float, width: float, height: float, grey: int) -> None:
        left, top = x0 + (x - width / 2) * scale, y0 + (y - height / 2) * scale
        pen.ellipse([left, top, left + width * scale, top + height * scale], fill=grey)

    oval(0, 0, 0.8, 1.05, 190)
    for side in (-1, 1):
        oval(side * 0.19, -0.12, 0.26, 0.14, 120)
        oval(side * 0.19, -0.21, 0.28, 0.06, 70)
        oval(side * 0.19, -0.12, 0.12, 0.10, 40)
        oval(side * 0.06, 0.14, 0.06, 0.04, 110)
    oval(0, 0, 0.10, 0.30, 215)
    oval(0, 0.30, 0.32, 0.07 + 0.12 * opening, 70)
    return picture.filter(ImageFilter.GaussianBlur(side_px * 0.012))


def film(
    path: Path,
    pictures: Sequence[Image.Image],
    *,
    rate_hz: int = 25,
    sound: NDArray[np.float32] | None = None,
    shown_at: Sequence[int] | None = None,
) -> Path:
    """A video of grey pictures, with samples (T,) at RATE_HZ if it has sound; the extension gives its format.

    shown_at: when each picture is shown, in ticks of 1 / rate_hz, if not at a constant rate.
    """
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate_hz)
        stream.width, stream.height, stream.pix_fmt = *pictures[0].size, "yuv420p"
        stream.codec_context.time_base = Fraction(1, rate_hz)
        stream.bit_rate = 2_000_000
        track = None if sound is None else container.add_stream("aac", rate=RATE_HZ, layout="mono")
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.asarray(picture.convert("RGB")), format="rgb24")
            frame.pts = number if shown_at is None else shown_at[number]
            frame.time_base = Fraction(1, rate_hz)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if track is not None and sound is not None:
            heard = av.AudioFrame.from_ndarray(np.asarray(sound, np.float32)[None], format="fltp", layout="mono")
            heard.sample_rate, heard.pts = RATE_HZ, 0
            container.mux(track.encode(heard))
            container.mux(track.encode(None))
    return path
