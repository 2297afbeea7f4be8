"""Noise on whole batches of recordings (B, T), for augmentation."""

from __future__ import annotations

import torch
from torch import Tensor

VOICES = 3  # in babble
FFT_STEP = 8192  # FFT sizes are multiples of this


def coloured_noise(audio: Tensor) -> Tensor:
    """Random noise (B, T) with a spectrum between white and brown."""
    batch, steps = audio.shape
    spectrum = torch.fft.rfft(torch.randn(batch, round_fft_size(steps), device=audio.device))
    slope = torch.rand(batch, 1, device=audio.device)  # 0 white, 1 brown
    spectrum = spectrum / torch.arange(1, spectrum.shape[1] + 1, device=audio.device) ** slope
    noise: Tensor = torch.fft.irfft(spectrum)[:, :steps]
    return noise


def babble(audio: Tensor) -> Tensor:
    """Babble noise: the sum of VOICES other recordings of the batch (B, T), each shifted in time."""
    batch, steps = audio.shape
    noise = torch.zeros_like(audio)
    for _ in range(VOICES):
        other = (torch.arange(batch) + torch.randint(1, max(2, batch), ())) % batch
        noise = noise + audio[other.to(audio.device)].roll(int(torch.randint(0, steps, ())), 1)
    return noise


def add_noise(audio: Tensor, samples: Tensor, noise: Tensor, share: float, ratios_db: tuple[float, float]) -> Tensor:
    """Add noise to a share of the batch at a random signal-to-noise ratio; silence counts as having the mean level."""
    batch = len(audio)
    noise = noise / noise.square().mean(1, keepdim=True).sqrt().clamp_min(1e-9)
    level = (audio.square().sum(1, keepdim=True) / samples[:, None]).sqrt()
    level = torch.where(level > 0, level, level.mean())
    low, high = ratios_db
    ratio_db = low + (high - low) * torch.rand(batch, 1)
    chosen = torch.rand(batch, 1) < share
    gain = level * (chosen * 10 ** (-ratio_db / 20)).to(audio)
    result: Tensor = audio + noise * gain
    return result


def round_fft_size(samples: int) -> int:
    """Round up to one of few FFT sizes: each needs a cached plan, and some sizes are slow."""
    return -(-samples // FFT_STEP) * FFT_STEP
