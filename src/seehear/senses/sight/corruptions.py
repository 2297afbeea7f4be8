"""Corruptions of pictures: the 15 common ones of Hendrycks & Dietterich (2019, arXiv:1903.12261), and some more.

In our own words and for any size: lengths are shares of the shorter side, strengths those that the authors chose for
small pictures (CIFAR-10-C). Where they lay photographs over a picture, for frost and snow, here are seeded textures.
Pictures are (H, W, C) uint8; within this module (H, W, C) float of 0 to 1.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seehear.senses.corruption import Corruption

Pixels = NDArray[np.uint8]
Values = NDArray[np.float64]
Random = np.random.Generator

GAUSSIAN_NOISE = (0.04, 0.06, 0.08, 0.09, 0.10)  # standard deviation
PHOTONS = (500, 250, 100, 75, 50)  # that make a white pixel
IMPULSES = (0.01, 0.02, 0.03, 0.05, 0.07)  # share of the values
DEFOCUS = (0.012, 0.02, 0.028, 0.036, 0.046)  # radius of a point
GLASS = (0.008, 0.016, 0.024, 0.032, 0.04)  # how far a pixel may be displaced
MOTION = (0.06, 0.1, 0.14, 0.19, 0.25)  # length
ZOOM = (1.06, 1.11, 1.16, 1.21, 1.26)
SNOW = (0.1, 0.2, 0.3, 0.4, 0.5)
FROST = (0.2, 0.3, 0.4, 0.5, 0.6)
FOG = (0.2, 0.35, 0.5, 0.6, 0.7)
BRIGHTER = (0.05, 0.1, 0.15, 0.2, 0.3)
CONTRAST = (0.75, 0.5, 0.4, 0.3, 0.15)
ELASTIC = (0.02, 0.03, 0.04, 0.05, 0.06)  # root mean square of the displacement
PIXELATED = (0.95, 0.85, 0.75, 0.65, 0.5)  # of the side
JPEG_QUALITY = (80, 65, 50, 35, 20)
SATURATION = (0.7, 0.5, 0.3, 0.15, 0.0)
GAMMA = (1.2, 1.4, 1.7, 2.0, 2.5)
SHARPENED = (0.5, 1.0, 1.5, 2.0, 3.0)
STEPS = 11  # pictures that a zoom averages


def _gaussian_noise(x: Values, severity: int, random: Random) -> Values:
    return x + GAUSSIAN_NOISE[severity - 1] * random.standard_normal(x.shape)


def _shot_noise(x: Values, severity: int, random: Random) -> Values:
    """Of few photons, whose number varies as its root."""
    return x + np.sqrt(np.maximum(x, 0) / PHOTONS[severity - 1]) * random.standard_normal(x.shape)


def _impulse_noise(x: Values, severity: int, random: Random) -> Values:
    chance = random.random(x.shape)
    value = random.integers(0, 2, x.shape)
    return np.where(chance < IMPULSES[severity - 1], value, x)


def _defocus(x: Values, severity: int, random: Random) -> Values:
    return _convolved(x, _disk(DEFOCUS[severity - 1] * min(x.shape[:2])))


def _glass(x: Values, severity: int, random: Random) -> Values:
    """As through frosted glass: every pixel from somewhere near it, a little blurred."""
    reach = GLASS[severity - 1] * min(x.shape[:2])
    shift = reach * random.uniform(-1, 1, (2, *x.shape[:2]))
    return _convolved(_displaced(x, shift), _disk(reach / 2))


def _motion(x: Values, severity: int, random: Random) -> Values:
    angle = random.uniform(0, np.pi)
    return _convolved(x, _line(MOTION[severity - 1] * min(x.shape[:2]), angle))


def _zoom(x: Values, severity: int, random: Random) -> Values:
    height, width = x.shape[:2]
    y, across = (np.arange(side) - (side - 1) / 2 for side in (height, width))
    looks = []
    for zoom in np.linspace(1, ZOOM[severity - 1], STEPS):
        shift = np.stack(np.broadcast_arrays(y[:, None] * (1 / zoom - 1), across[None] * (1 / zoom - 1)))
        looks.append(_displaced(x, shift))
    return np.asarray(np.mean(looks, 0))


def _snow(x: Values, severity: int, random: Random) -> Values:
    """Flakes that fall aslant before a picture that has become paler."""
    share, side = SNOW[severity - 1], min(x.shape[:2])
    flakes = (random.random(x.shape[:2]) > 1 - 0.25 * share).astype(np.float64)[:, :, None]
    falling = _convolved(flakes, _line(max(2.0, 0.1 * side), random.uniform(np.pi / 4, 3 * np.pi / 4)))
    pale = (1 - share / 2) * x + share / 2 * np.maximum(x, 0.7)
    return pale + 1.5 * falling


def _frost(x: Values, severity: int, random: Random) -> Values:
    """Crystals: the ridges of a rough surface."""
    share = FROST[severity - 1]
    surface = _clouds(x.shape[:2], random, roughness=1.2)
    crystals = 1 - np.abs(2 * surface - 1)
    return (1 - share) * x + share * (0.4 + 0.6 * crystals[:, :, None])


def _fog(x: Values, severity: int, random: Random) -> Values:
    share = FOG[severity - 1] * (0.5 + 0.5 * _clouds(x.shape[:2], random, roughness=2.0)[:, :, None])
    return x * (1 - share) + 0.9 * share


def _brighter(x: Values, severity: int, random: Random) -> Values:
    return x + BRIGHTER[severity - 1]


def _darker(x: Values, severity: int, random: Random) -> Values:
    return x - BRIGHTER[severity - 1]


def _contrast(x: Values, severity: int, random: Random) -> Values:
    mean = x.mean((0, 1))
    return np.asarray(mean + CONTRAST[severity - 1] * (x - mean))


def _elastic(x: Values, severity: int, random: Random) -> Values:
    """Stretched here and squeezed there (Simard 2003), smoothly."""
    height, width = x.shape[:2]
    shift = np.stack([_clouds((height, width), random, roughness=3.0) for _ in range(2)])
    shift -= shift.mean((1, 2), keepdims=True)
    size = np.sqrt(np.mean(np.square(shift)))
    return _displaced(x, shift * ELASTIC[severity - 1] * min(height, width) / max(size, 1e-9))


def _pixelated(x: Values, severity: int, random: Random) -> Values:
    height, width = x.shape[:2]
    share = PIXELATED[severity - 1]
    fewer = max(1, round(width * share)), max(1, round(height * share))
    box, nearest = Image.Resampling.BOX, Image.Resampling.NEAREST
    return _through_pillow(x, lambda picture: picture.resize(fewer, box).resize((width, height), nearest))


def _jpeg(x: Values, severity: int, random: Random) -> Values:
    def saved(picture: Image.Image) -> Image.Image:
        file = BytesIO()
        picture.save(file, "JPEG", quality=JPEG_QUALITY[severity - 1])
        return Image.open(file)

    return _through_pillow(x, saved)


def _paler(x: Values, severity: int, random: Random) -> Values:
    grey = x.mean(2, keepdims=True)
    return np.asarray(grey + SATURATION[severity - 1] * (x - grey))


def _gamma(x: Values, severity: int, random: Random) -> Values:
    return np.asarray(x ** GAMMA[severity - 1])


def _sharpened(x: Values, severity: int, random: Random) -> Values:
    """By an unsharp mask."""
    return x + SHARPENED[severity - 1] * (x - _convolved(x, _disk(0.03 * min(x.shape[:2]))))


def _disk(radius: float) -> Values:
    """A disk of that radius in pixels, its edge as soft as a pixel; (K, K) whose sum is 1."""
    reach = int(np.ceil(radius))
    steps = np.arange(-reach, reach + 1)
    distance = np.hypot(steps[:, None], steps[None])
    kernel = np.clip(radius + 0.5 - distance, 0, 1)
    return np.asarray(kernel / kernel.sum())


def _line(length: float, angle: float) -> Values:
    """A line through the middle, as soft as a pixel; (K, K) whose sum is 1."""
    reach = int(np.ceil(length / 2))
    steps = np.arange(-reach, reach + 1)
    along = np.abs(steps[None] * np.cos(angle) + steps[:, None] * np.sin(angle))
    has_aligned_sense = np.abs(steps[:, None] * np.cos(angle) - steps[None] * np.sin(angle))
    kernel = np.clip(length / 2 + 0.5 - along, 0, 1) * np.clip(1 - has_aligned_sense, 0, 1)
    return np.asarray(kernel / kernel.sum())


def _convolved(x: Values, kernel: Values) -> Values:
    """(H, W, C) by (K, K), the borders mirrored."""
    reach = len(kernel) // 2
    if not reach:
        return x
    padded = np.pad(x, ((reach, reach), (reach, reach), (0, 0)), mode="symmetric")
    size = padded.shape[0], padded.shape[1]
    spectrum = np.fft.rfft2(padded, size, axes=(0, 1)) * np.fft.rfft2(kernel, size)[:, :, None]
    blurred = np.fft.irfft2(spectrum, size, axes=(0, 1))
    return np.asarray(blurred[2 * reach :, 2 * reach :])


def _displaced(x: Values, shift: Values) -> Values:
    """Each pixel from where `shift` (2, H, W), down and right, says: bilinear; beyond the border is its edge."""
    height, width = x.shape[:2]
    y = np.clip(np.arange(height)[:, None] + shift[0], 0, height - 1)
    across = np.clip(np.arange(width)[None] + shift[1], 0, width - 1)
    top, left = y.astype(int), across.astype(int)
    bottom, right = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
    down, over = (y - top)[:, :, None], (across - left)[:, :, None]
    upper = x[top, left] * (1 - over) + x[top, right] * over
    lower = x[bottom, left] * (1 - over) + x[bottom, right] * over
    return np.asarray(upper * (1 - down) + lower * down)


def _clouds(shape: tuple[int, ...], random: Random, *, roughness: float) -> Values:
    """(H, W) of 0 to 1: noise whose amplitude falls with frequency to that power, so that larger is smoother."""
    height, width = shape
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    frequency[0, 0] = 1
    spectrum = np.fft.rfft2(random.standard_normal((height, width))) / frequency**roughness
    spectrum[0, 0] = 0
    surface = np.fft.irfft2(spectrum, (height, width))
    low, high = surface.min(), surface.max()
    return np.asarray((surface - low) / max(high - low, 1e-12))


def _through_pillow(x: Values, change: Callable[[Image.Image], Image.Image]) -> Values:
    pixels = _pixels(x)
    picture = Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[:, :, 0])
    return np.asarray(change(picture), np.float64).reshape(x.shape) / 255


def _pixels(x: Values) -> Pixels:
    return np.asarray(np.rint(np.clip(x, 0, 1) * 255), np.uint8)


def _of_pixels(change: Callable[[Values, int, Random], Values], *, moves: bool = False) -> Corruption:
    """As a corruption of (H, W, C) uint8."""

    def corrupted(pixels: Pixels, severity: int, random: Random) -> Pixels:
        return _pixels(change(pixels / 255, severity, random))

    return Corruption(corrupted, moves)


COMMON: dict[str, Corruption] = {  # the 15
    "gaussian noise": _of_pixels(_gaussian_noise),
    "shot noise": _of_pixels(_shot_noise),
    "impulse noise": _of_pixels(_impulse_noise),
    "defocus blur": _of_pixels(_defocus),
    "glass blur": _of_pixels(_glass),
    "motion blur": _of_pixels(_motion),
    "zoom blur": _of_pixels(_zoom, moves=True),
    "snow": _of_pixels(_snow),
    "frost": _of_pixels(_frost),
    "fog": _of_pixels(_fog),
    "brighter": _of_pixels(_brighter),
    "less contrast": _of_pixels(_contrast),
    "elastic": _of_pixels(_elastic, moves=True),
    "pixelated": _of_pixels(_pixelated),
    "jpeg": _of_pixels(_jpeg),
}
CORRUPTIONS: dict[str, Corruption] = COMMON | {
    "darker": _of_pixels(_darker),
    "paler": _of_pixels(_paler),
    "gamma": _of_pixels(_gamma),
    "sharpened": _of_pixels(_sharpened),
}
