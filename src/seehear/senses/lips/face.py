"""Locate the mouth: detect the face in some frames of a video, and crop its lower part.

The detector is the cascade of Viola & Jones (2001) that is part of OpenCV's wheel.
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
DETECTION_PX = 160  # longer side of the frames for face detection
DETECT_EVERY = 20  # frames between detections
FEWEST_DETECTIONS = 3
SMALLEST_SHARE = 0.2  # smallest face relative to the shorter side; lips in smaller ones are too small
STEP, NEIGHBOURS = 1.2, 3  # scale factor and neighbours of detectMultiScale
FARTHEST = 0.5  # of a face's width; detections farther from the median position are discarded

# The mouth within the face box, relative to its side.
MOUTH_X, MOUTH_Y = 0.5, 0.80
MOUTH_WIDTH, MOUTH_HEIGHT = 0.60, 0.40

_local = threading.local()  # a classifier is not thread-safe
_loading = threading.Lock()  # importing OpenCV is not thread-safe


def missing_dependency() -> str:
    """What to install before lips can be read; "" if nothing is missing."""
    return "" if find_spec("cv2") else f"reading lips needs OpenCV, which is not installed: {INSTALL}"


def check_opencv() -> None:
    if missing_dependency():
        raise InputError("reading lips needs OpenCV, which is not installed", hint=INSTALL)


def crop_mouth(pictures: Sequence[Picture], height: int, width: int) -> Picture:
    """Frames (H, W) of one size -> the mouth of the largest face (T, height, width).

    The crop follows the head at a constant size. Raises InputError if no face is found.
    """
    looks = np.unique(
        np.linspace(0, len(pictures) - 1, max(FEWEST_DETECTIONS, len(pictures) // DETECT_EVERY)).astype(int)
    )
    found = [(look, box) for look in looks if (box := _detect_face(pictures[look])) is not None]
    if not found:
        raise InputError(
            f"no face found in {len(looks)} frames of this video",
            allowed=f"an upright, frontal face, at least {SMALLEST_SHARE:.0%} of the frame high",
            hint="cut the video to the speaker, or leave lips out with --senses",
        )
    centres, side = _track_mouth(
        np.array([look for look, _ in found]), np.array([box for _, box in found]), len(pictures)
    )
    return np.stack(
        [_crop(picture, centre, side, height, width) for picture, centre in zip(pictures, centres, strict=True)]
    )


def _detector() -> Any:
    if not hasattr(_local, "detector"):
        with _loading:
            _local.detector = _load_detector()
    return _local.detector


def _load_detector() -> Any:
    check_opencv()
    import cv2  # takes 0.2 s and 80 MB to import

    cv2.setNumThreads(1)  # videos are already read in parallel
    cascade = Path(cv2.__file__).parent / "data" / MODEL
    return cv2.CascadeClassifier(str(cascade))


def _detect_face(picture: Picture) -> Floats | None:
    """The largest face -> (left, top, side) in pixels; None if there is none."""
    scale = min(1.0, DETECTION_PX / max(picture.shape))
    size = tuple(max(1, round(side * scale)) for side in reversed(picture.shape))
    small = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0))
    least = max(20, round(SMALLEST_SHARE * min(size)))
    boxes = _detector().detectMultiScale(small, STEP, NEIGHBOURS, minSize=(least, least))
    if not len(boxes):
        return None
    left, top, side, _ = max(boxes, key=lambda box: box[2])
    box: Floats = np.array([left, top, side]) / scale
    return box


def _track_mouth(looks: NDArray[np.int64], boxes: Floats, count: int) -> tuple[Floats, float]:
    """Face boxes (n, 3) in some frames -> (mouth centres in all frames (count, 2), side of the face)."""
    side = float(np.median(boxes[:, 2]))
    middles = boxes[:, :2] + boxes[:, 2:] / 2
    apart = np.abs(middles - np.median(middles, axis=0)).max(axis=1)
    near = apart <= np.maximum(FARTHEST * side, apart.min())
    looks, middles = looks[near], _median_filter(middles[near])
    centres = np.stack([np.interp(np.arange(count), looks, middles[:, axis]) for axis in range(2)], axis=1)
    return centres + np.array([MOUTH_X - 0.5, MOUTH_Y - 0.5]) * side, side


def _median_filter(middles: Floats) -> Floats:
    """Median filter of length 3, because detections jitter by some pixels."""
    padded = np.concatenate([middles[:1], middles, middles[-1:]])
    steady: Floats = np.median(np.stack([padded[:-2], padded[1:-1], padded[2:]]), axis=0)
    return steady


def _crop(picture: Picture, centre: Floats, side: float, height: int, width: int) -> Picture:
    """Crop the mouth and resize it; pixels outside of the frame repeat its border."""
    half_width, half_height = MOUTH_WIDTH * side / 2, MOUTH_HEIGHT * side / 2
    across = np.clip(np.linspace(-half_width, half_width, width) + centre[0], 0, picture.shape[1] - 1)
    down = np.clip(np.linspace(-half_height, half_height, height) + centre[1], 0, picture.shape[0] - 1)
    return _sample(picture, down, across)


def _sample(picture: Picture, rows: Floats, columns: Floats) -> Picture:
    """Sample bilinearly on the grid of rows (H,) and columns (W,)."""
    top, left = (np.minimum(at.astype(int), size - 2) for at, size in zip((rows, columns), picture.shape, strict=True))
    down, right = (rows - top)[:, None], (columns - left)[None, :]
    corners = [picture[(top + i)[:, None], (left + j)[None, :]].astype(np.float32) for i in (0, 1) for j in (0, 1)]
    upper = corners[0] * (1 - right) + corners[1] * right
    lower = corners[2] * (1 - right) + corners[3] * right
    sampled: Picture = np.rint(upper * (1 - down) + lower * down).astype(np.uint8)
    return sampled
