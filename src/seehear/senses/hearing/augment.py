"""Random changes of sounds that leave the answer as it is, as operations on whole batches."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seehear.geometry import TimeStretch
from seehear.layers.layout import padded_length
from seehear.senses.hearing.plan import CELL_SAMPLES, HOP_SAMPLES, RATE_HZ, HearingSpec

GAIN_DB = 9.0
NOISE_SHARE, NOISE_DB = 0.5, (3.0, 35.0)  # how many get noise, and the range of its signal-to-noise ratio
DROWNED_SHARE, DROWNED_DB = 0.75, (-12.0, 25.0)  # the same where another sense may help
BABBLE_SHARE, VOICES = 0.5, 3  # of those that get noise there: that of other recordings, so many over each other
CLIPPED_SHARE, CLIPPED_AT = 0.2, 0.1  # how many are recorded too loud, and the least that is left of the peak
ROOM_SHARE, ROOM_S = 0.3, 0.25
CLICKED_SHARE, CLICKS = 0.3, 2  # how many get each of so many clicks
TRANSFORMED_SAMPLES = 8192  # sizes of Fourier transforms are multiples
MASK_BANDS, MASK_S, MASKS = 0.2, 0.12, 2  # SpecAugment (Park 2019), at full strength
TILT = 0.6  # of the random spectral colour, in units of each band's spread: microphones and rooms differ so


class AugmentHearing(nn.Module):
    """audio (B, T), audio_samples (B,) -> the same: other speed, level, room and noise; and no word of where."""

    def __init__(self, spec: HearingSpec) -> None:
        super().__init__()
        self.spec = spec

    def forward(self, inputs: dict[str, Tensor], stretch: TimeStretch) -> tuple[dict[str, Tensor], None]:
        strength = self.spec.augmentation_strength
        audio, samples = _played(inputs["audio"], inputs["audio_samples"], stretch)
        audio = _in_a_room(_clicked(audio), ROOM_SHARE * strength)
        if self.spec.heavy_noise:
            babble = torch.rand(len(audio), 1) < BABBLE_SHARE
            noise = torch.where(babble.to(audio.device), _babble(audio), _coloured(audio))
            audio = _noisy(audio, samples, noise, DROWNED_SHARE, DROWNED_DB)
        else:
            audio = _noisy(audio, samples, _coloured(audio), NOISE_SHARE * (0.5 + 0.5 * strength), NOISE_DB)
        audio = _clipped(audio, CLIPPED_SHARE * strength)
        gain_db = GAIN_DB * (torch.rand(len(audio), 1) * 2 - 1)
        return {"audio": audio * (10 ** (gain_db / 20)).to(audio), "audio_samples": samples}, None

    def mix(self, inputs: dict[str, Tensor], partner: Tensor, share: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Add example partner[i] to example i (mixup, Zhang 2018): share () of i, the rest of its partner."""
        audio, samples = inputs["audio"], inputs["audio_samples"]
        mixed = {"audio": share * audio + (1 - share) * audio[partner]}
        return mixed | {"audio_samples": torch.maximum(samples, samples[partner])}, share


def mask_spectrogram(x: Tensor, strength: float) -> Tensor:
    """x (B, M, F) normalised: random spectral colour, then random bands and stretches of time set to the mean.

    The colour is a smooth random curve over the bands; masks after SpecAugment (Park 2019, arXiv:1904.08779).
    """
    batch, bands, frames = x.shape
    knots = torch.randn(batch, 1, 6, device=x.device) * TILT * strength
    x = x + nn.functional.interpolate(knots, bands, mode="linear", align_corners=True).transpose(1, 2)
    for _ in range(MASKS):
        x = x * _gaps(batch, bands, MASK_BANDS * strength * bands, x)[:, :, None]
        x = x * _gaps(batch, frames, MASK_S * strength * RATE_HZ / HOP_SAMPLES, x)[:, None, :]
    return x


def _gaps(batch: int, size: int, widest: float, like: Tensor) -> Tensor:
    """(B, size) of ones with one run of zeros each, 0 to `widest` long."""
    width = torch.rand(batch, 1, device=like.device) * widest
    start = torch.rand(batch, 1, device=like.device) * (size - width)
    steps = torch.arange(size, device=like.device)
    return ((steps < start) | (steps >= start + width)).to(like)


def _played(audio: Tensor, samples: Tensor, stretch: TimeStretch) -> tuple[Tensor, Tensor]:
    """Each recording as fast as the tempo has it, after its lead of silence; padded to one of few lengths."""
    steps = audio.shape[1]
    lead = (stretch.lead_s * RATE_HZ).long()
    new_samples = (samples / stretch.speed).long() + lead
    longest = padded_length(-(-int(new_samples.max()) // CELL_SAMPLES)) * CELL_SAMPLES
    at = (torch.arange(longest, device=audio.device) - lead[:, None]) * stretch.speed[:, None]  # (B, longest)
    before = at.floor().long()
    weight = at - before
    inside = (before >= 0) & (before < samples[:, None] - 1)
    before = before.clamp(0, steps - 2)
    moved = audio.gather(1, before) * (1 - weight) + audio.gather(1, before + 1) * weight
    return moved * inside, new_samples


def _in_a_room(audio: Tensor, share: float) -> Tensor:
    """Convolve a share of the batch with decaying noise, as a small room would."""
    batch, steps = audio.shape
    tail = int(ROOM_S * RATE_HZ)
    decay_s = 0.02 + 0.08 * torch.rand(batch, 1, device=audio.device)
    time_s = torch.arange(tail, device=audio.device) / RATE_HZ
    response = torch.randn(batch, tail, device=audio.device) * torch.exp(-time_s / decay_s) * 0.05
    response[:, 0] = 1
    response[torch.rand(batch, device=audio.device) >= share, 1:] = 0
    size = _transformed(steps + tail)
    wet = torch.fft.irfft(torch.fft.rfft(audio, size) * torch.fft.rfft(response, size), size)
    heard: Tensor = wet[:, :steps]
    return heard


def _coloured(audio: Tensor) -> Tensor:
    """White to brown noise (B, T)."""
    batch, steps = audio.shape
    spectrum = torch.fft.rfft(torch.randn(batch, _transformed(steps), device=audio.device))
    slope = torch.rand(batch, 1, device=audio.device)  # 0 white, 1 brown
    spectrum = spectrum / torch.arange(1, spectrum.shape[1] + 1, device=audio.device) ** slope
    noise: Tensor = torch.fft.irfft(spectrum)[:, :steps]
    return noise


def _clicked(audio: Tensor) -> Tensor:
    """Clicks anywhere in some of the batch (B, T), up to full scale: switches and knocks are no words."""
    batch, steps = audio.shape
    for _ in range(CLICKS):
        height = (2 * torch.rand(batch, 1) - 1) * (torch.rand(batch, 1) < CLICKED_SHARE)
        audio = audio.scatter_add(1, torch.randint(steps, (batch, 1)).to(audio.device), height.to(audio))
    return audio


def _clipped(audio: Tensor, share: float) -> Tensor:
    """A share of the batch (B, T) cut off at a part of its peak."""
    batch = len(audio)
    kept = torch.where(torch.rand(batch, 1) < share, CLIPPED_AT + (1 - CLIPPED_AT) * torch.rand(batch, 1), 1.0)
    most = audio.abs().amax(1, keepdim=True) * kept.to(audio)
    return torch.clamp(audio, -most, most)


def _transformed(samples: int) -> int:
    """The next size of which there are few: each asks for a plan that is kept, and some are slow by nature."""
    return -(-samples // TRANSFORMED_SAMPLES) * TRANSFORMED_SAMPLES


def _babble(audio: Tensor) -> Tensor:
    """VOICES other recordings of the batch (B, T) over each other, each begun anywhere."""
    batch, steps = audio.shape
    noise = torch.zeros_like(audio)
    for _ in range(VOICES):
        other = (torch.arange(batch) + torch.randint(1, max(2, batch), ())) % batch
        noise = noise + audio[other.to(audio.device)].roll(int(torch.randint(0, steps, ())), 1)
    return noise


def _noisy(audio: Tensor, samples: Tensor, noise: Tensor, share: float, ratios_db: tuple[float, float]) -> Tensor:
    """Add noise to a share of the batch, at a random signal-to-noise ratio; to silence, as to the others' mean."""
    batch = len(audio)
    noise = noise / noise.square().mean(1, keepdim=True).sqrt().clamp_min(1e-9)
    level = (audio.square().sum(1, keepdim=True) / samples[:, None]).sqrt()
    level = torch.where(level > 0, level, level.mean())
    low, high = ratios_db
    ratio_db = low + (high - low) * torch.rand(batch, 1)
    chosen = torch.rand(batch, 1) < share
    gain = level * (chosen * 10 ** (-ratio_db / 20)).to(audio)
    heard: Tensor = audio + noise * gain
    return heard
