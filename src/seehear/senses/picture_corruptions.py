"""Corruptions of pictures: the 15 common ones of Hendrycks & Dietterich (2019, arXiv:1903.12261), and some more.

Our own implementation for any picture size: lengths are relative to the shorter side, severities follow CIFAR-10-C.
Frost and snow use seeded textures instead of photographs. Pictures are (H, W, C) uint8; within this module floats from
0 to 1.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seehear.geometry import Grid, Warp
from seehear.senses.corruption import PERCENT, Corruption

Pixels = NDArray[np.uint8]
Values = NDArray[np.float64]
Random = np.random.Generator

GAUSSIAN_NOISE = (0.04, 0.06, 0.08, 0.09, 0.10)  # standard deviation
PHOTONS_PER_WHITE = (500, 250, 100, 75, 50)  # per white pixel
IMPULSES = (0.01, 0.02, 0.03, 0.05, 0.07)  # share of values replaced
DEFOCUS = (0.012, 0.02, 0.028, 0.036, 0.046)  # blur radius
GLASS = (0.008, 0.016, 0.024, 0.032, 0.04)  # largest displacement of a pixel
MOTION = (0.06, 0.1, 0.14, 0.19, 0.25)  # length
ZOOM = (1.06, 1.11, 1.16, 1.21, 1.26)
SNOW = (0.1, 0.2, 0.3, 0.4, 0.5)
FROST = (0.2, 0.3, 0.4, 0.5, 0.6)
FOG = (0.2, 0.35, 0.5, 0.6, 0.7)
BRIGHTNESS = (0.05, 0.1, 0.15, 0.2, 0.3)
CONTRAST = (0.75, 0.5, 0.4, 0.3, 0.15)
ELASTIC = (0.02, 0.03, 0.04, 0.05, 0.06)  # root mean square of the displacement
PIXELATE = (0.95, 0.85, 0.75, 0.65, 0.5)  # of the side
JPEG_QUALITY = (80, 65, 50, 35, 20)
SATURATION = (0.7, 0.5, 0.3, 0.15, 0.0)
GAMMA = (1.2, 1.4, 1.7, 2.0, 2.5)
SHARPENING = (0.5, 1.0, 1.5, 2.0, 3.0)
ROTATION_DEGREES = (5, 10, 15, 25, 40)
SMALLER = (0.9, 0.8, 0.7, 0.6, 0.5)  # of the size of everything in the picture
LARGER = (1.1, 1.2, 1.35, 1.5, 2.0)
ZOOM_STEPS = 11  # zoom levels that are averaged


def _gaussian_noise(x: Values, amount: float, random: Random) -> Values:
    return x + amount * random.standard_normal(x.shape)


def _shot_noise(x: Values, amount: float, random: Random) -> Values:
    """Poisson noise, approximated by a normal distribution with the same variance."""
    return x + np.sqrt(np.maximum(x, 0) / amount) * random.standard_normal(x.shape)


def _impulse_noise(x: Values, amount: float, random: Random) -> Values:
    chance = random.random(x.shape)
    value = random.integers(0, 2, x.shape)
    return np.where(chance < amount, value, x)


def _defocus_blur(x: Values, amount: float, random: Random) -> Values:
    return _convolve(x, _disk(amount * min(x.shape[:2])))


def _glass_blur(x: Values, amount: float, random: Random) -> Values:
    """Frosted glass: displace each pixel at random, then blur slightly."""
    reach = amount * min(x.shape[:2])
    shift = reach * random.uniform(-1, 1, (2, *x.shape[:2]))
    return _convolve(_displace(x, shift), _disk(reach / 2))


def _motion_blur(x: Values, amount: float, random: Random) -> Values:
    angle = random.uniform(0, np.pi)
    return _convolve(x, _line(amount * min(x.shape[:2]), angle))


def _zoom_blur(x: Values, amount: float, random: Random) -> Values:
    zoomed = [_enlarge(x, float(zoom), random) for zoom in np.linspace(1, amount, ZOOM_STEPS)]
    return np.asarray(np.mean(zoomed, 0))


def _snow(x: Values, amount: float, random: Random) -> Values:
    """Slanted motion-blurred flakes over a whitened picture."""
    share, side = amount, min(x.shape[:2])
    flakes = (random.random(x.shape[:2]) > 1 - 0.25 * share).astype(np.float64)[:, :, None]
    falling = _convolve(flakes, _line(max(2.0, 0.1 * side), random.uniform(np.pi / 4, 3 * np.pi / 4)))
    pale = (1 - share / 2) * x + share / 2 * np.maximum(x, 0.7)
    return pale + 1.5 * falling


def _frost(x: Values, amount: float, random: Random) -> Values:
    """Crystals: the ridges of a random rough surface."""
    share = amount
    surface = _cloud_texture(x.shape[:2], random, exponent=1.2)
    crystals = 1 - np.abs(2 * surface - 1)
    return (1 - share) * x + share * (0.4 + 0.6 * crystals[:, :, None])


def _fog(x: Values, amount: float, random: Random) -> Values:
    share = amount * (0.5 + 0.5 * _cloud_texture(x.shape[:2], random, exponent=2.0)[:, :, None])
    return x * (1 - share) + 0.9 * share


def _brightness(x: Values, amount: float, random: Random) -> Values:
    return x + amount


def _darkness(x: Values, amount: float, random: Random) -> Values:
    return x - amount


def _contrast(x: Values, amount: float, random: Random) -> Values:
    mean = x.mean((0, 1))
    return np.asarray(mean + amount * (x - mean))


def _elastic_transform(x: Values, amount: float, random: Random) -> Values:
    """Smooth random displacement (Simard et al. 2003)."""
    height, width = x.shape[:2]
    shift = np.stack([_cloud_texture((height, width), random, exponent=3.0) for _ in range(2)])
    shift -= shift.mean((1, 2), keepdims=True)
    size = np.sqrt(np.mean(np.square(shift)))
    return _displace(x, shift * amount * min(height, width) / max(size, 1e-9))


def _pixelate(x: Values, amount: float, random: Random) -> Values:
    height, width = x.shape[:2]
    share = amount
    fewer = max(1, round(width * share)), max(1, round(height * share))
    box, nearest = Image.Resampling.BOX, Image.Resampling.NEAREST
    return _apply_pillow(x, lambda picture: picture.resize(fewer, box).resize((width, height), nearest))


def _jpeg(x: Values, amount: float, random: Random) -> Values:
    def compress(picture: Image.Image) -> Image.Image:
        file = BytesIO()
        picture.save(file, "JPEG", quality=round(amount))
        return Image.open(file)

    return _apply_pillow(x, compress)


def _desaturate(x: Values, amount: float, random: Random) -> Values:
    grey = x.mean(2, keepdims=True)
    return np.asarray(grey + amount * (x - grey))


def _gamma(x: Values, amount: float, random: Random) -> Values:
    return np.asarray(x**amount)


def _sharpen(x: Values, amount: float, random: Random) -> Values:
    """Unsharp mask."""
    return x + amount * (x - _convolve(x, _disk(0.03 * min(x.shape[:2]))))


def _rotate(x: Values, amount: float, random: Random) -> Values:
    """Rotate about the centre, to either side."""
    turn = np.radians(amount) * random.choice([-1, 1])
    y, across = _from_centre(x)
    return _displace(
        x, np.stack([across * np.sin(turn) + y * (np.cos(turn) - 1), across * (np.cos(turn) - 1) - y * np.sin(turn)])
    )


def _enlarge(x: Values, amount: float, random: Random) -> Values:
    """Zoom in on the centre."""
    return _displace(x, np.stack(_from_centre(x)) * (1 / amount - 1))


def _shrink(x: Values, amount: float, random: Random) -> Values:
    """Show everything smaller, in the middle of the picture's mean colour."""
    warp = _find_shrinking(Grid(x.shape[:2], 1.0, "px"), amount)
    width, height = (round(scale * side) for scale, side in zip(warp.scale, x.shape[1::-1], strict=True))
    left, top = map(int, warp.offset)
    small = _apply_pillow(x, lambda picture: picture.resize((width, height), Image.Resampling.BILINEAR))
    canvas = np.broadcast_to(x.mean((0, 1)), x.shape).copy()
    canvas[top : top + height, left : left + width] = small
    return canvas


def _find_shrinking(grid: Grid, amount: float) -> Warp:
    """How `_shrink` maps positions, in whole pixels."""
    height, width = grid.shape
    small = [max(1, round(amount * side)) for side in (width, height)]
    scale = small[0] / width, small[1] / height
    return Warp(scale, (float((width - small[0]) // 2), float((height - small[1]) // 2)))


def _from_centre(x: Values) -> tuple[Values, Values]:
    """How far down and right of the centre each pixel is, both (H, W)."""
    height, width = x.shape[:2]
    down, across = np.mgrid[:height, :width]
    return down - (height - 1) / 2, across - (width - 1) / 2


def _disk(radius: float) -> Values:
    """(K, K) kernel of sum 1: an antialiased disk with a radius in pixels."""
    reach = int(np.ceil(radius))
    steps = np.arange(-reach, reach + 1)
    distance = np.hypot(steps[:, None], steps[None])
    kernel = np.clip(radius + 0.5 - distance, 0, 1)
    return np.asarray(kernel / kernel.sum())


def _line(length: float, angle: float) -> Values:
    """(K, K) kernel of sum 1: an antialiased line through the centre."""
    reach = int(np.ceil(length / 2))
    steps = np.arange(-reach, reach + 1)
    along = np.abs(steps[None] * np.cos(angle) + steps[:, None] * np.sin(angle))
    has_aligned_sense = np.abs(steps[:, None] * np.cos(angle) - steps[None] * np.sin(angle))
    kernel = np.clip(length / 2 + 0.5 - along, 0, 1) * np.clip(1 - has_aligned_sense, 0, 1)
    return np.asarray(kernel / kernel.sum())


def _convolve(x: Values, kernel: Values) -> Values:
    """Convolve (H, W, C) with a kernel (K, K), borders mirrored."""
    reach = len(kernel) // 2
    if not reach:
        return x
    padded = np.pad(x, ((reach, reach), (reach, reach), (0, 0)), mode="symmetric")
    size = padded.shape[0], padded.shape[1]
    spectrum = np.fft.rfft2(padded, size, axes=(0, 1)) * np.fft.rfft2(kernel, size)[:, :, None]
    blurred = np.fft.irfft2(spectrum, size, axes=(0, 1))
    return np.asarray(blurred[2 * reach :, 2 * reach :])


def _displace(x: Values, shift: Values) -> Values:
    """Sample each pixel at its place plus `shift` (2, H, W), down and right: bilinear, borders repeated."""
    height, width = x.shape[:2]
    y = np.clip(np.arange(height)[:, None] + shift[0], 0, height - 1)
    across = np.clip(np.arange(width)[None] + shift[1], 0, width - 1)
    top, left = y.astype(int), across.astype(int)
    bottom, right = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
    down, over = (y - top)[:, :, None], (across - left)[:, :, None]
    upper = x[top, left] * (1 - over) + x[top, right] * over
    lower = x[bottom, left] * (1 - over) + x[bottom, right] * over
    return np.asarray(upper * (1 - down) + lower * down)


def _cloud_texture(shape: tuple[int, ...], random: Random, *, exponent: float) -> Values:
    """(H, W) of 0 to 1: noise with amplitude frequency ** -exponent; a larger exponent is smoother."""
    height, width = shape
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    frequency[0, 0] = 1
    spectrum = np.fft.rfft2(random.standard_normal((height, width))) / frequency**exponent
    spectrum[0, 0] = 0
    surface = np.fft.irfft2(spectrum, (height, width))
    low, high = surface.min(), surface.max()
    return np.asarray((surface - low) / max(high - low, 1e-12))


def _apply_pillow(x: Values, change: Callable[[Image.Image], Image.Image]) -> Values:
    pixels = _pixels(x)
    picture = Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[:, :, 0])
    changed = np.asarray(change(picture), np.float64) / 255
    return changed.reshape(*changed.shape[:2], x.shape[2])


def _pixels(x: Values) -> Pixels:
    return np.asarray(np.rint(np.clip(x, 0, 1) * 255), np.uint8)


def _corruption(
    change: Callable[[Values, float, Random], Values],
    amounts: tuple[float, ...],
    unit: str = PERCENT,
    *,
    moves: bool = False,
    warp: Callable[[Grid, float], Warp] | None = None,
) -> Corruption:
    """Wrap `change` as a Corruption of (H, W, C) uint8."""

    def corrupt(pixels: Pixels, amount: float, random: Random) -> Pixels:
        return _pixels(change(pixels / 255, amount, random))

    return Corruption(corrupt, amounts, unit, moves, warp)


COMMON: dict[str, Corruption] = {  # the 15 of Hendrycks & Dietterich
    "gaussian noise": _corruption(_gaussian_noise, GAUSSIAN_NOISE),
    "shot noise": _corruption(_shot_noise, PHOTONS_PER_WHITE, "photons"),
    "impulse noise": _corruption(_impulse_noise, IMPULSES),
    "defocus blur": _corruption(_defocus_blur, DEFOCUS),
    "glass blur": _corruption(_glass_blur, GLASS),
    "motion blur": _corruption(_motion_blur, MOTION),
    "zoom blur": _corruption(_zoom_blur, ZOOM, "×", moves=True),
    "snow": _corruption(_snow, SNOW),
    "frost": _corruption(_frost, FROST),
    "fog": _corruption(_fog, FOG),
    "brightness": _corruption(_brightness, BRIGHTNESS),
    "contrast": _corruption(_contrast, CONTRAST),
    "elastic transform": _corruption(_elastic_transform, ELASTIC, moves=True),
    "pixelate": _corruption(_pixelate, PIXELATE),
    "jpeg compression": _corruption(_jpeg, JPEG_QUALITY, "quality"),
}
CORRUPTIONS: dict[str, Corruption] = COMMON | {
    "darkness": _corruption(_darkness, BRIGHTNESS),
    "desaturation": _corruption(_desaturate, SATURATION),
    "gamma": _corruption(_gamma, GAMMA, ""),
    "sharpening": _corruption(_sharpen, SHARPENING, "×"),
    "rotation": _corruption(_rotate, ROTATION_DEGREES, "°", moves=True),
    "smaller": _corruption(_shrink, SMALLER, "×", moves=True, warp=_find_shrinking),
    "larger": _corruption(_enlarge, LARGER, "×", moves=True),
}
