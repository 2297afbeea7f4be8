"""Pictures with the statistics of photographs, each unlike any other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def photo(seed: int, height: int = 48, width: int = 64) -> Image.Image:
    """Noise whose amplitudes fall as 1 / frequency (Field 1987), in colour."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(height), np.fft.rfftfreq(width), indexing="ij"))
    frequency[0, 0] = 1
    bands = [_to_levels(np.fft.irfft2(_noise(rng, frequency.shape) / frequency**1.5, (height, width))) for _ in "rgb"]
    return Image.fromarray(np.stack(bands, axis=2))


def save_photos(folder: Path, classes: dict[str, range], suffix: str = "png") -> Path:
    """A folder for each class, with a photo of each seed: FOLDER/CLASS/SEED.png."""
    for name, seeds in classes.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for seed in seeds:
            photo(seed).save(folder / name / f"{seed}.{suffix}")
    return folder


def _noise(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.complex128]:
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def _to_levels(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    levels: NDArray[np.uint8] = np.clip(128 + 50 * (values - values.mean()) / values.std(), 0, 255).astype(np.uint8)
    return levels
