"""Where the mouth is: the face in some pictures of a video, and the lower part of it.

The finder is that of Viola & Jones (2001) as OpenCV trained it; its model comes inside OpenCV's wheel.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seehear.errors import InputError

Picture = NDArray[np.uint8]
Floats = NDArray[np.float64]

INSTALL = "pip install 'seehear[lips]'"
MODEL = "haarcascade_frontalface_alt2.xml"
LOOKED_AT_PX = 160  # the longer side of the picture in which a face is looked for
LOOK_EVERY = 20  # pictures
FEWEST_LOOKS = 3
SMALLEST_SHARE = 0.2  # of the picture's shorter side: a smaller face shows too little of its lips
STEP, NEIGHBOURS = 1.2, 3  # from size to size of the faces tried, and how many hits beside each other make a face
FARTHEST = 0.5  # of a face's width, from the middle of all: what is farther off is taken for no face

# The mouth in the box of a face, in shares of the box's side.
MOUTH_X, MOUTH_Y = 0.5, 0.80
MOUTH_WIDTH, MOUTH_HEIGHT = 0.60, 0.40

_local = threading.local()  # a finder is not safe to share between threads
_loading = threading.Lock()  # while one thread imports OpenCV, it is not there for the others


def missing_dependency() -> str:
    """What must be installed before lips can be read; "" where all is there."""
    return "" if find_spec("cv2") else f"reading lips needs OpenCV, which is not installed: {INSTALL}"


def check_opencv() -> None:
    if missing_dependency():
        raise InputError("reading lips needs OpenCV, which is not installed", hint=INSTALL)


def mouth(pictures: Sequence[Picture], height: int, width: int) -> Picture:
    """Pictures (H, W) of one size -> the mouth of the largest face in each (T, height, width).

    The head may move: its place is followed, its size is taken as one. Raises InputError where no face is found.
    """
    looks = np.unique(np.linspace(0, len(pictures) - 1, max(FEWEST_LOOKS, len(pictures) // LOOK_EVERY)).astype(int))
    found = [(look, box) for look in looks if (box := _face(pictures[look])) is not None]
    if not found:
        raise InputError(
            f"no face found in {len(looks)} pictures of this video",
            allowed=f"a face from the front, upright, at least {SMALLEST_SHARE:.0%} of the picture high",
            hint="cut the video to the speaker, or leave lips out with --senses",
        )
    centres, side = _followed(np.array([look for look, _ in found]), np.array([box for _, box in found]), len(pictures))
    return np.stack(
        [_cropped(picture, centre, side, height, width) for picture, centre in zip(pictures, centres, strict=True)]
    )


def _finder() -> Any:
    if not hasattr(_local, "finder"):
        with _loading:
            _local.finder = _loaded()
    return _local.finder


def _loaded() -> Any:
    check_opencv()
    import cv2  # 0.2 s to import, and 80 MB: paid by those who read lips

    cv2.setNumThreads(1)  # videos are read beside each other already
    cascade = Path(cv2.__file__).parent / "data" / MODEL
    return cv2.CascadeClassifier(str(cascade))


def _face(picture: Picture) -> Floats | None:
    """The largest face -> (left, top, side) in pixels of the picture; None where there is none."""
    scale = min(1.0, LOOKED_AT_PX / max(picture.shape))
    size = tuple(max(1, round(side * scale)) for side in reversed(picture.shape))
    small = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0))
    least = max(20, round(SMALLEST_SHARE * min(size)))
    boxes = _finder().detectMultiScale(small, STEP, NEIGHBOURS, minSize=(least, least))
    if not len(boxes):
        return None
    left, top, side, _ = max(boxes, key=lambda box: box[2])
    box: Floats = np.array([left, top, side]) / scale
    return box


def _followed(looks: NDArray[np.int64], boxes: Floats, count: int) -> tuple[Floats, float]:
    """Boxes (n, 3) in some pictures -> (the centre of the mouth in each of `count` (count, 2), the face's side)."""
    side = float(np.median(boxes[:, 2]))
    middles = boxes[:, :2] + boxes[:, 2:] / 2
    apart = np.abs(middles - np.median(middles, axis=0)).max(axis=1)
    near = apart <= np.maximum(FARTHEST * side, apart.min())
    looks, middles = looks[near], _steadied(middles[near])
    centres = np.stack([np.interp(np.arange(count), looks, middles[:, axis]) for axis in range(2)], axis=1)
    return centres + np.array([MOUTH_X - 0.5, MOUTH_Y - 0.5]) * side, side


def _steadied(middles: Floats) -> Floats:
    """Each the median of itself and its neighbours: the finder's boxes jump by some pixels."""
    padded = np.concatenate([middles[:1], middles, middles[-1:]])
    steady: Floats = np.median(np.stack([padded[:-2], padded[1:-1], padded[2:]]), axis=0)
    return steady


def _cropped(picture: Picture, centre: Floats, side: float, height: int, width: int) -> Picture:
    """The mouth at a size; what lies outside of the picture is as its border."""
    half_width, half_height = MOUTH_WIDTH * side / 2, MOUTH_HEIGHT * side / 2
    across = np.clip(np.linspace(-half_width, half_width, width) + centre[0], 0, picture.shape[1] - 1)
    down = np.clip(np.linspace(-half_height, half_height, height) + centre[1], 0, picture.shape[0] - 1)
    return _sampled(picture, down, across)


def _sampled(picture: Picture, rows: Floats, columns: Floats) -> Picture:
    """Bilinear, at the crossings of rows (H,) and columns (W,)."""
    top, left = (np.minimum(at.astype(int), size - 2) for at, size in zip((rows, columns), picture.shape, strict=True))
    down, right = (rows - top)[:, None], (columns - left)[None, :]
    corners = [picture[(top + i)[:, None], (left + j)[None, :]].astype(np.float32) for i in (0, 1) for j in (0, 1)]
    upper = corners[0] * (1 - right) + corners[1] * right
    lower = corners[2] * (1 - right) + corners[3] * right
    sampled: Picture = np.rint(upper * (1 - down) + lower * down).astype(np.uint8)
    return sampled
