"""Audio augmentation on whole batches: reverberation, noise, clipping, gain, SpecAugment and mixup."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seehear.geometry import TimeStretch
from seehear.layers.layout import round_up_length
from seehear.senses.hearing.distort import distort
from seehear.senses.hearing.noise import add_noise, babble, coloured_noise, round_fft_size
from seehear.senses.hearing.plan import CELL_SAMPLES, HOP_SAMPLES, RATE_HZ, HearingSpec

GAIN_DB = 9.0
NOISE_SHARE, NOISE_DB = 0.5, (3.0, 35.0)  # share that gets noise, and its range of signal-to-noise ratios
HEAVY_NOISE_SHARE, HEAVY_NOISE_DB = 0.75, (-12.0, 25.0)  # the same with heavy_noise
BABBLE_SHARE = 0.5  # of the heavy noise
CLIPPED_SHARE, CLIPPED_AT = 0.2, 0.1  # share that is clipped, and the lowest clipping level relative to the peak
ROOM_SHARE, ROOM_S = 0.3, 0.25
CLICKED_SHARE, CLICKS = 0.3, 2  # chance of each click
MASK_BANDS, MASK_S, MASKS = 0.2, 0.12, 2  # SpecAugment (Park et al. 2019) at full strength
TILT = 0.6  # random filter response, in standard deviations of each band: imitates other microphones and rooms


class AugmentHearing(nn.Module):
    """audio (B, T), audio_samples (B,) -> the same with other speed, level, room and noise; Warps are None."""

    def __init__(self, spec: HearingSpec, *, robust: bool = False) -> None:
        super().__init__()
        self.spec, self.robust = spec, robust

    def forward(self, inputs: dict[str, Tensor], stretch: TimeStretch) -> tuple[dict[str, Tensor], None]:
        strength = self.spec.augmentation_strength
        audio, samples = _apply_stretch(inputs["audio"], inputs["audio_samples"], stretch)
        audio = _add_reverberation(_add_clicks(audio), ROOM_SHARE * strength)
        if self.spec.heavy_noise:
            voices = torch.rand(len(audio), 1) < BABBLE_SHARE
            noise = torch.where(voices.to(audio.device), babble(audio), coloured_noise(audio))
            audio = add_noise(audio, samples, noise, HEAVY_NOISE_SHARE, HEAVY_NOISE_DB)
        else:
            audio = add_noise(audio, samples, coloured_noise(audio), NOISE_SHARE * (0.5 + 0.5 * strength), NOISE_DB)
        audio = _clip(audio, CLIPPED_SHARE * strength)
        if self.robust:
            audio = distort(audio, samples)
        gain_db = GAIN_DB * (torch.rand(len(audio), 1) * 2 - 1)
        return {"audio": audio * (10 ** (gain_db / 20)).to(audio), "audio_samples": samples}, None

    def mix(self, inputs: dict[str, Tensor], partner: Tensor, share: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """mixup (Zhang et al. 2018): `share` () of example i plus the rest of example partner[i]."""
        audio, samples = inputs["audio"], inputs["audio_samples"]
        mixed = {"audio": share * audio + (1 - share) * audio[partner]}
        return mixed | {"audio_samples": torch.maximum(samples, samples[partner])}, share


def mask_spectrogram(x: Tensor, strength: float) -> Tensor:
    """x (B, M, F), normalised log-mel: add a smooth random frequency response, then mask bands and frames.

    Masks as in SpecAugment (Park et al. 2019, arXiv:1904.08779), without time warping.
    """
    batch, bands, frames = x.shape
    knots = torch.randn(batch, 1, 6, device=x.device) * TILT * strength
    x = x + nn.functional.interpolate(knots, bands, mode="linear", align_corners=True).transpose(1, 2)
    for _ in range(MASKS):
        x = x * _random_mask(batch, bands, MASK_BANDS * strength * bands, x)[:, :, None]
        x = x * _random_mask(batch, frames, MASK_S * strength * RATE_HZ / HOP_SAMPLES, x)[:, None, :]
    return x


def _random_mask(batch: int, size: int, widest: float, like: Tensor) -> Tensor:
    """(B, size) of ones, each row with one run of zeros of random length up to `widest`."""
    width = torch.rand(batch, 1, device=like.device) * widest
    start = torch.rand(batch, 1, device=like.device) * (size - width)
    steps = torch.arange(size, device=like.device)
    return ((steps < start) | (steps >= start + width)).to(like)


def _apply_stretch(audio: Tensor, samples: Tensor, stretch: TimeStretch) -> tuple[Tensor, Tensor]:
    """Resample each recording by its stretch, after a lead of silence; padded to one of few lengths."""
    steps = audio.shape[1]
    lead = (stretch.lead_s * RATE_HZ).long()
    new_samples = (samples / stretch.speed).long() + lead
    longest = round_up_length(-(-int(new_samples.max()) // CELL_SAMPLES)) * CELL_SAMPLES
    at = (torch.arange(longest, device=audio.device) - lead[:, None]) * stretch.speed[:, None]  # (B, longest)
    before = at.floor().long()
    weight = at - before
    inside = (before >= 0) & (before < samples[:, None] - 1)
    before = before.clamp(0, steps - 2)
    moved = audio.gather(1, before) * (1 - weight) + audio.gather(1, before + 1) * weight
    return moved * inside, new_samples


def _add_reverberation(audio: Tensor, share: float) -> Tensor:
    """Reverberation: convolve a share of the batch with exponentially decaying noise."""
    batch, steps = audio.shape
    tail = int(ROOM_S * RATE_HZ)
    decay_s = 0.02 + 0.08 * torch.rand(batch, 1, device=audio.device)
    time_s = torch.arange(tail, device=audio.device) / RATE_HZ
    response = torch.randn(batch, tail, device=audio.device) * torch.exp(-time_s / decay_s) * 0.05
    response[:, 0] = 1
    response[torch.rand(batch, device=audio.device) >= share, 1:] = 0
    size = round_fft_size(steps + tail)
    wet = torch.fft.irfft(torch.fft.rfft(audio, size) * torch.fft.rfft(response, size), size)
    result: Tensor = wet[:, :steps]
    return result


def _add_clicks(audio: Tensor) -> Tensor:
    """Add clicks of up to full scale to some of the batch (B, T), like switches and knocks."""
    batch, steps = audio.shape
    for _ in range(CLICKS):
        height = (2 * torch.rand(batch, 1) - 1) * (torch.rand(batch, 1) < CLICKED_SHARE)
        audio = audio.scatter_add(1, torch.randint(steps, (batch, 1)).to(audio.device), height.to(audio))
    return audio


def _clip(audio: Tensor, share: float) -> Tensor:
    """Clip a share of the batch (B, T) at a fraction of its peak."""
    batch = len(audio)
    kept = torch.where(torch.rand(batch, 1) < share, CLIPPED_AT + (1 - CLIPPED_AT) * torch.rand(batch, 1), 1.0)
    most = audio.abs().amax(1, keepdim=True) * kept.to(audio)
    return torch.clamp(audio, -most, most)
