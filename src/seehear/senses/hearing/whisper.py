"""Whisper's encoder (Radford 2022, arXiv:2212.04356): log-mel spectrogram -> convolutions -> Transformer layers.

Tensors have the published names and shapes. Whisper was trained on recordings padded to 30 s with silence. Here a
recording is padded with a short silence only, and a longer one is split into windows of 30 s.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from seehear.geometry import Cells, Grid
from seehear.layers.parameter_groups import PRETRAINED_RATE, WHISPER_RATE, ParameterGroups, pretrained_parameters
from seehear.layers.pretrained import load_weights
from seehear.senses.hearing.augment import mask_spectrogram
from seehear.senses.hearing.plan import (
    CELL_SAMPLES,
    HOP_SAMPLES,
    RATE_HZ,
    TAIL_S,
    WHISPER_MELS,
    WINDOW_SAMPLES,
    Whisper,
)
from seehear.senses.hearing.states import (
    STATE_SAMPLES,
    WINDOW_STATES,
    Standardise,
    attend,
    average_pairs,
    ceil_divide,
    cut_windows,
)

BINS = WINDOW_SAMPLES // 2 + 1
TAIL_SAMPLES = int(TAIL_S * RATE_HZ)
SPREAD = 0.5  # typical standard deviation of the log-mel, the scale of augmentation
MAX_PERIOD = 10_000.0  # of the positions' sines, in states divided by 2 pi
FAINTEST, RANGE = 1e-10, 8.0  # lowest power; range below the loudest value, in powers of ten
HEAD_CHANNELS = 64
MLP_FACTOR = 4


class WhisperEncoder(nn.Module):
    """audio (B, T) at RATE_HZ, audio_samples (B,) -> Cells of CELL_S each: the mean of two states of 20 ms.

    With `with_states`, the states of the last layer are a finer level of cells, which includes TAIL_S of silence.
    """

    def __init__(self, size: Whisper, augmentation_strength: float) -> None:
        super().__init__()
        self.size, self.layers, self.with_states = size.size, size.layers, size.with_states
        self.augmentation_strength = augmentation_strength
        self.widths = (size.width, size.cell_width) if size.with_states else (size.cell_width,)  # of each level
        self.dynamic_axes = {"audio": {1: "samples"}}  # variable axes besides the batch
        self.logmel = WhisperLogMel()
        self.encoder = AudioTransformer(size)
        self.norm = Standardise(size.width)
        for stage in self.encoder.stages()[: size.frozen]:
            stage.requires_grad_(False)

    def load_pretrained(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        load_weights(self, tensors, f"Whisper {self.size}")

    def parameter_groups(self) -> ParameterGroups:
        rate = WHISPER_RATE if self.with_states else PRETRAINED_RATE
        return pretrained_parameters(self.encoder.stages(), rate)

    def fit_statistics(self, inputs: dict[str, Tensor]) -> None:
        """Nothing to set: it was trained with the normalisation of `WhisperLogMel`."""

    def forward(self, audio: Tensor, audio_samples: Tensor) -> Cells:
        x = self.logmel(F.pad(audio, (0, TAIL_SAMPLES)))
        if self.training:
            middle = x.mean((1, 2), keepdim=True)
            x = middle + SPREAD * mask_spectrogram((x - middle) / SPREAD, self.augmentation_strength)
        states, valid = self.encoder(x, ceil_divide(audio_samples + TAIL_SAMPLES, HOP_SAMPLES))
        chosen = [self.norm(states[layer - 1]) for layer in self.layers]
        cells = (audio.shape[1] + CELL_SAMPLES - 1) // CELL_SAMPLES
        averaged = average_pairs(torch.cat(chosen, 2)[:, : 2 * cells], ceil_divide(audio_samples, STATE_SAMPLES))
        if not self.with_states:
            return averaged
        last = Cells(states[-1], valid, Grid((states[-1].shape[1],), STATE_SAMPLES / RATE_HZ, "s"))
        return replace(averaged, finer=(last,))


class AudioTransformer(nn.Module):
    """Log-mel (B, WHISPER_MELS, F), frames (B,) -> states after each layer, valid mask (B, N); N is F / 2.

    States are (B, N, D); those after the last published layer are normalised.
    """

    positional_embedding: Tensor

    def __init__(self, size: Whisper) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(WHISPER_MELS, size.width, 3, padding=1)
        self.conv2 = nn.Conv1d(size.width, size.width, 3, stride=2, padding=1)
        self.register_buffer("positional_embedding", torch.from_numpy(compute_sinusoids(WINDOW_STATES, size.width)))
        self.blocks = nn.ModuleList(EncoderBlock(size.width) for _ in range(size.highest_layer))
        self.ln_post = nn.LayerNorm(size.width) if size.highest_layer == size.depth else None

    def stages(self) -> list[nn.Module]:
        """Its layers from input to output, the last one with its normalisation."""
        *lower, last = self.blocks
        end = [last] if self.ln_post is None else [last, self.ln_post]
        return [nn.ModuleList([self.conv1, self.conv2]), *lower, nn.ModuleList(end)]

    def forward(self, x: Tensor, frames: Tensor) -> tuple[list[Tensor], Tensor]:
        with torch.autocast(x.device.type, enabled=False):  # 80 bands: oneDNN's bfloat16 needs multiples of 32
            x = F.gelu(self.conv1(_mask(x, frames)))
        x = F.gelu(self.conv2(_mask(x, frames))).transpose(1, 2)  # (B, N, D)
        valid = torch.arange(x.shape[1], device=x.device) < ceil_divide(frames, 2)[:, None]
        window = torch.sym_min(x.shape[1], WINDOW_STATES)  # type: ignore[no-untyped-call]
        windows = cut_windows(x, window) + self.positional_embedding[:window]
        keys = cut_windows(valid[:, :, None], window)[:, :, 0]
        states = []
        for block in self.blocks:
            windows = block(windows, keys)
            states.append(windows)
        if self.ln_post is not None:
            states[-1] = self.ln_post(windows)
        return [each.reshape(x.shape[0], -1, x.shape[2])[:, : x.shape[1]] for each in states], valid


class EncoderBlock(nn.Module):
    """One pre-norm Transformer layer over (B, N, D), keys (B, N): True where a state may be attended to."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attn, self.attn_ln = SelfAttention(width), nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, MLP_FACTOR * width), nn.GELU(), nn.Linear(MLP_FACTOR * width, width))
        self.mlp_ln = nn.LayerNorm(width)

    def forward(self, x: Tensor, keys: Tensor) -> Tensor:
        x = x + self.attn(self.attn_ln(x), keys)
        hidden: Tensor = self.mlp(self.mlp_ln(x))
        return x + hidden


class SelfAttention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width, bias=False)
        self.value, self.out = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: Tensor, keys: Tensor) -> Tensor:
        mixed: Tensor = self.out(attend(self.query(x), self.key(x), self.value(x), keys, HEAD_CHANNELS))
        return mixed


class WhisperLogMel(nn.Module):
    """audio (B, T) -> log-mel power (B, WHISPER_MELS, F) as Whisper computes it, always in float32.

    (x + 4) / 4, where x is the decimal logarithm, clipped at RANGE below the loudest value of the recording.
    """

    fourier: Tensor
    filters: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("fourier", torch.from_numpy(_compute_fourier_kernels())[:, None], persistent=False)
        self.register_buffer("filters", torch.from_numpy(compute_slaney_filters()), persistent=False)

    def forward(self, audio: Tensor) -> Tensor:
        half = WINDOW_SAMPLES // 2
        with torch.autocast(audio.device.type, enabled=False):
            audio = audio.float()
            before = audio[:, 1 : half + 1].flip(1)  # the beginning is mirrored, the end is padded with silence
            padded = F.pad(torch.cat([before, audio], 1), (0, half - 1))
            real, imaginary = F.conv1d(padded[:, None], self.fourier, stride=HOP_SAMPLES).chunk(2, 1)
            power = self.filters @ (real.square() + imaginary.square())
            log = power.clamp_min(FAINTEST).log() / math.log(10)
            loudest = log.amax((1, 2), keepdim=True)
            return (torch.maximum(log, loudest - RANGE) + 4) / 4


def compute_slaney_filters() -> NDArray[np.float32]:
    """(M, BINS) triangular filters of equal area on Slaney's mel scale: linear to 1 kHz, then logarithmic."""
    per_step_hz, knee_hz, log_step = 200 / 3, 1000.0, math.log(6.4) / 27
    knee = knee_hz / per_step_hz
    highest = knee + math.log(RATE_HZ / 2 / knee_hz) / log_step
    mels = np.linspace(0, highest, WHISPER_MELS + 2)
    corners_hz = np.where(mels < knee, mels * per_step_hz, knee_hz * np.exp((mels - knee) * log_step))
    bins_hz = np.linspace(0, RATE_HZ / 2, BINS)
    left, centre, right = corners_hz[:-2, None], corners_hz[1:-1, None], corners_hz[2:, None]
    rising, falling = (bins_hz - left) / (centre - left), (right - bins_hz) / (right - centre)
    filters = np.maximum(0, np.minimum(rising, falling)) * 2 / (right - left)
    return np.asarray(filters, np.float32)


def compute_sinusoids(positions: int, width: int) -> NDArray[np.float32]:
    """(positions, width): sines, then cosines, of periods from 2 pi to 2 pi MAX_PERIOD."""
    steps = np.exp(-math.log(MAX_PERIOD) / (width // 2 - 1) * np.arange(width // 2))
    angle = np.arange(positions)[:, None] * steps
    return np.asarray(np.concatenate([np.sin(angle), np.cos(angle)], 1), np.float32)


def _compute_fourier_kernels() -> NDArray[np.float32]:
    """(2 * BINS, WINDOW_SAMPLES): windowed cosines, then sines."""
    window = np.hanning(WINDOW_SAMPLES + 1)[:-1]
    phase = 2 * np.pi * np.outer(np.arange(BINS), np.arange(WINDOW_SAMPLES)) / WINDOW_SAMPLES
    return np.asarray(np.concatenate([np.cos(phase), -np.sin(phase)]) * window, np.float32)


def _mask(x: Tensor, lengths: Tensor) -> Tensor:
    """x (B, D, N), zero from each length on."""
    valid = torch.arange(x.shape[2], device=x.device) < lengths[:, None]
    return x * valid[:, None].to(x)
