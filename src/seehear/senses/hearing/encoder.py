"""A CRNN that is trained from random weights: waveform -> log-mel spectrogram -> convolutions -> GRU.

The log-mel spectrogram is computed inside the graph (the Fourier transform as a fixed convolution), so that training
and serving agree. Every layer masks padding, so that a recording gets the same cells alone or in a batch.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from seehear.geometry import Cells, Grid
from seehear.layers.layout import keep_channels_last
from seehear.layers.parameter_groups import ParameterGroups, hidden_parameters
from seehear.layers.recurrence import BidirectionalGRU
from seehear.senses.hearing.augment import mask_spectrogram
from seehear.senses.hearing.plan import (
    CELL_S,
    HOP_SAMPLES,
    LOWEST_HZ,
    RATE_HZ,
    WINDOW_SAMPLES,
    ConvRecurrent,
)

FFT_SAMPLES = 512
FIT_CHUNK = 32  # recordings per chunk in fit_statistics: spectra need 16 times the memory of their log-mel
LOUDEST_FRAMES = 10  # 0.1 s, so that a click does not set the level
TARGET_POWER, FAINTEST_POWER = (
    1e-2,
    2e-4,
)  # -20 and -37 dB of full scale; below the latter, gain is limited
LEVELLING = 0.8  # share of the level difference in dB that is removed
LOG_OFFSET = 1e-7  # added before the logarithm: about 70 dB below the peak of a full-scale tone


class ConvRecurrentEncoder(nn.Module):
    """audio (B, T) at RATE_HZ, audio_samples (B,) -> Cells of CELL_S each."""

    def __init__(self, size: ConvRecurrent, augmentation_strength: float) -> None:
        super().__init__()
        self.augmentation_strength = augmentation_strength
        self.widths = (size.width,)  # channels of each level of cells
        self.dynamic_axes = {"audio": {1: "samples"}}  # variable axes besides the batch
        self.logmel = LogMel(size.mels, size.top_hz)
        before = (1, *size.stages[:-1])
        halving = (True, True, False)  # whether the stage halves time
        self.stages = nn.ModuleList(MaskedStage(*shape) for shape in zip(before, size.stages, halving, strict=True))
        self.project = nn.Linear(size.stages[-1] * (size.mels // 8), size.width)
        self.norm = nn.LayerNorm(size.width)
        self.recurrent = BidirectionalGRU(size.width)

    def parameter_groups(self) -> ParameterGroups:
        return hidden_parameters(self)

    @torch.no_grad()
    def fit_statistics(self, inputs: dict[str, Tensor]) -> None:
        """Set the normalisation of log-mel bands from training recordings, before the first step."""
        self.logmel.fit_statistics(normalise_level(inputs["audio"]), inputs["audio_samples"])

    def forward(self, audio: Tensor, audio_samples: Tensor) -> Cells:
        x = self.logmel(normalise_level(audio))  # (B, M, F)
        frames = _ceil_divide(audio_samples, HOP_SAMPLES)  # (B,)
        if self.training:
            x = mask_spectrogram(x, self.augmentation_strength)
        x = x[:, None] * _valid_mask(frames, x.shape[-1], 4)
        for stage in self.stages:
            x, frames = stage(x, frames)
        x = self.norm(F.gelu(self.project(keep_channels_last(x).flatten(1, 2).transpose(1, 2))))  # (B, N, D)
        valid_mask = _valid_mask(frames, x.shape[1], 2)
        x = (x + self.recurrent(x, frames)) * valid_mask[:, :, None]
        return Cells(x, valid_mask, Grid((x.shape[1],), CELL_S, "s"))


def normalise_level(audio: Tensor) -> Tensor:
    """Level normalisation: audio (B, T) -> the same at a similar level, measured on its loudest 0.1 s.

    New speakers and microphones may be louder or quieter than all training data; measured in
    docs/decisions/025-shifts.md. Zero padding changes nothing.
    """
    power = F.avg_pool1d(F.pad(audio.square()[:, None], (0, LOUDEST_FRAMES * HOP_SAMPLES)), HOP_SAMPLES)  # (B, 1, F)
    loudest = F.avg_pool1d(power, LOUDEST_FRAMES, 1).amax(2).clamp_min(FAINTEST_POWER)  # (B, 1)
    gain: Tensor = (TARGET_POWER / loudest) ** (LEVELLING / 2)
    return audio * gain


class LogMel(nn.Module):
    """audio (B, T) -> normalised log-mel power (B, M, F), one frame every HOP_SAMPLES.

    Triangular filters on the HTK mel scale, 2595 log10(1 + f / 700), between LOWEST_HZ and top_hz. Always in float32,
    as in serving: bfloat16 keeps three digits, and the powers in one spectrum span seven.
    """

    fourier: Tensor
    filters: Tensor
    mean: Tensor
    scale: Tensor

    def __init__(self, mels: int, top_hz: float) -> None:
        super().__init__()
        self.register_buffer("fourier", torch.from_numpy(_fourier_kernels())[:, None], persistent=False)
        self.register_buffer("filters", torch.from_numpy(mel_filters(mels, top_hz)), persistent=False)
        self.register_buffer("mean", torch.zeros(mels))
        self.register_buffer("scale", torch.ones(mels))

    def fit_statistics(self, audio: Tensor, samples: Tensor) -> None:
        chunks = [audio[start : start + FIT_CHUNK] for start in range(0, len(audio), FIT_CHUNK)]
        log = torch.cat([self._log(chunk) for chunk in chunks])  # (B, M, F)
        valid_mask = _valid_mask(_ceil_divide(samples, HOP_SAMPLES), log.shape[-1], 2)
        frames = log.transpose(1, 2)[valid_mask]  # (frames, M)
        self.mean.copy_(frames.mean(0))
        self.scale.copy_(1 / frames.std(0).clamp_min(0.1))

    def forward(self, audio: Tensor) -> Tensor:
        return (self._log(audio) - self.mean[:, None]) * self.scale[:, None]

    def _log(self, audio: Tensor) -> Tensor:
        lead = (WINDOW_SAMPLES - HOP_SAMPLES) // 2
        with torch.autocast(audio.device.type, enabled=False):
            padded = F.pad(audio.float()[:, None], (lead, WINDOW_SAMPLES - 1 - lead))  # a started hop counts as a frame
            spectrum = F.conv1d(padded, self.fourier, stride=HOP_SAMPLES)  # (B, 2 * bins, F): real part, then imaginary
            real, imaginary = spectrum.chunk(2, 1)
            return torch.log(self.filters @ (real.square() + imaginary.square()) + LOG_OFFSET)


class MaskedStage(nn.Module):
    """(B, D, M, F), frames (B,) -> (B, D', M / 2, F / 2 or F), frames: two 3x3 convolutions.

    The first halves bands and time by its stride. If time is not halved, bands are averaged in pairs instead, because
    oneDNN's bfloat16 gradient for a stride of (2, 1) reads uninitialised memory. Padding is masked.
    """

    def __init__(self, before: int, after: int, halves_time: bool) -> None:
        super().__init__()
        self.stride = 2 if halves_time else 1
        self.first = nn.Conv2d(before, after, 3, stride=self.stride, padding=1, bias=False)
        self.second = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(after) for _ in range(2))

    def forward(self, x: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        frames = _ceil_divide(frames, self.stride)
        if self.stride == 1:
            x = F.avg_pool2d(x, (2, 1))
        x = F.gelu(self.norms[0](self.first(x)))
        valid_mask = _valid_mask(frames, x.shape[-1], 4).to(x)  # in the dtype of x, to avoid promotion
        x = x * valid_mask
        return (x + F.gelu(self.norms[1](self.second(x)))) * valid_mask, frames


def mel_filters(mels: int, top_hz: float) -> NDArray[np.float32]:
    """(M, bins) triangular filters of height 1, evenly spaced on the HTK mel scale."""
    bins_hz = np.arange(FFT_SAMPLES // 2 + 1) * RATE_HZ / FFT_SAMPLES
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (LOWEST_HZ, top_hz))
    corners_hz = 700 * (10 ** (np.linspace(low, high, mels + 2) / 2595) - 1)
    left, centre, right = corners_hz[:-2, None], corners_hz[1:-1, None], corners_hz[2:, None]
    rising, falling = (bins_hz - left) / (centre - left), (right - bins_hz) / (right - centre)
    triangles = np.maximum(0, np.minimum(rising, falling))
    # Bands narrower than a bin would be empty: give them the bin nearest to their centre.
    nearest = np.abs(bins_hz - centre).argmin(1)
    empty = triangles.sum(1) == 0
    triangles[empty, nearest[empty]] = 1
    filters: NDArray[np.float32] = triangles.astype(np.float32)
    return filters


def _fourier_kernels() -> NDArray[np.float32]:
    """(2 * bins, WINDOW_SAMPLES): windowed cosines, then sines, scaled so that a full-scale tone gives 1."""
    window = np.hanning(WINDOW_SAMPLES + 1)[:-1]
    phase = 2 * np.pi * np.outer(np.arange(FFT_SAMPLES // 2 + 1), np.arange(WINDOW_SAMPLES)) / FFT_SAMPLES
    kernels = np.concatenate([np.cos(phase), -np.sin(phase)]) * window * 2 / window.sum()
    return np.asarray(kernels, np.float32)


def _ceil_divide(x: Tensor, by: int) -> Tensor:
    return (x + by - 1) // by


def _valid_mask(lengths: Tensor, steps: int, axes: int) -> Tensor:
    """(B, 1, ..., steps): 1 before each length, 0 after; boolean for two axes."""
    valid = torch.arange(steps, device=lengths.device) < lengths[:, None]
    return valid if axes == 2 else valid.float().reshape(valid.shape[0], *[1] * (axes - 2), valid.shape[1])
