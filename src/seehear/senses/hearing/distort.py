"""Random distortions of recordings for robust training: rooms, microphones, noise, levels and gaps, several at once.

Their kinds are those of other rooms, microphones and lines, but none of them is a corruption of the stress tests, which
would otherwise measure what was practised. See docs/decisions/081-robust.md.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from seehear.senses.hearing.noise import add_noise, babble, coloured_noise, round_fft_size
from seehear.senses.hearing.plan import RATE_HZ

SHARE = 0.3  # chance of each distortion
NOISE_SHARE, NOISE_DB = 0.6, (-8.0, 30.0)
LOW_CUTS_HZ, HIGH_CUTS_HZ = (20.0, 700.0), (1000.0, 8000.0)
SLOPES_DB, FLOOR_DB = (6.0, 48.0), -60.0  # per octave beyond a cut, and what is left of anything
RIPPLE_DB, RIPPLES = (0.0, 8.0), 12  # range of the standard deviation at each of so many frequencies
LOWEST_HZ, OCTAVES = 40.0, 7.65  # of the ripples, up to 8 kHz
REVERBERATION_S = (0.1, 1.5)  # until it is 60 dB fainter
TAIL_S = 0.6  # of the reverberation that is computed
ECHOES = (0.002, 0.1)  # share of samples at which sound comes back
DIRECT_DB = (-3.0, 15.0)  # direct to reverberant sound
TONES, TONE_HZ = 6, (60.0, 1500.0)  # harmonics of a tone, and its frequency
SWELL_S = 0.1  # between two random levels of noise that swells and fades
DRIVE = (1.0, 20.0)  # of a soft limiter, relative to the peak
BITS = (3.0, 9.0)
LOST, GAP_S = 0.25, (0.003, 0.06)  # largest share of the sound in gaps, and their length
FAINTEST_DB = -30.0


def distort(audio: Tensor, samples: Tensor) -> Tensor:
    """audio (B, T), of which samples (B,) are sound -> the same as if recorded elsewhere."""
    audio = add_noise(_transmit(audio), samples, _draw_noise(audio), NOISE_SHARE, NOISE_DB)
    for change in (_limit, _quantise, _lose, _attenuate):
        audio = torch.where(_chosen(audio, SHARE), change(audio), audio)
    return audio


def _transmit(audio: Tensor) -> Tensor:
    """Through a room and a microphone, each for a share of the recordings."""
    batch, steps = audio.shape
    tail = int(TAIL_S * RATE_HZ)
    size = round_fft_size(steps + tail)
    room = torch.zeros(batch, tail, device=audio.device)
    room[:, 0] = 1
    room = torch.where(_chosen(audio, SHARE), _draw_room(audio, tail), room)
    response = torch.where(_chosen(audio, SHARE), _draw_response(audio, size), 1.0)
    result: Tensor = torch.fft.irfft(torch.fft.rfft(audio, size) * torch.fft.rfft(room, size) * response, size)
    return result[:, :steps]


def _draw_room(audio: Tensor, tail: int) -> Tensor:
    """Impulse responses (B, tail): the direct sound, and echoes at random times that fade exponentially."""
    time_s = torch.arange(tail, device=audio.device) / RATE_HZ
    fading = torch.exp(-math.log(1000) * time_s / _log_uniform(audio, *REVERBERATION_S))
    heard = torch.rand(len(audio), tail, device=audio.device) < _log_uniform(audio, *ECHOES)
    echoes = torch.randn(len(audio), tail, device=audio.device) * heard * fading
    echoes[:, 0] = 0
    level = echoes.square().sum(1, keepdim=True).sqrt().clamp_min(1e-6)
    room = echoes / level * 10 ** (-_uniform(audio, *DIRECT_DB) / 20)
    room[:, 0] = 1
    return room


def _draw_response(audio: Tensor, size: int) -> Tensor:
    """Amplitude responses (B, size // 2 + 1): a band with random edges and slopes, and ripples in it."""
    hz = torch.fft.rfftfreq(size, 1 / RATE_HZ, device=audio.device).clamp_min(1.0)
    below = torch.log2(_log_uniform(audio, *LOW_CUTS_HZ) / hz).clamp_min(0)  # octaves
    above = torch.log2(hz / _log_uniform(audio, *HIGH_CUTS_HZ)).clamp_min(0)
    gain_db = -_uniform(audio, *SLOPES_DB) * below - _uniform(audio, *SLOPES_DB) * above
    knots = _uniform(audio, *RIPPLE_DB)[:, :, None] * torch.randn(len(audio), 1, RIPPLES, device=audio.device)
    place = (torch.log2(hz / LOWEST_HZ) / OCTAVES).clamp(0, 1) * (RIPPLES - 1)
    left = place.floor().long().clamp_max(RIPPLES - 2)
    ripples = torch.lerp(knots[:, 0, left], knots[:, 0, left + 1], (place - left).expand(len(audio), -1))
    return 10 ** ((gain_db + ripples).clamp_min(FLOOR_DB) / 20)


def _draw_noise(audio: Tensor) -> Tensor:
    """Noise (B, T) of one kind for each recording: coloured, tones, or other voices; it may swell and fade."""
    noise, kind = babble(audio), torch.randint(3, (len(audio),))
    for number, draw in enumerate((coloured_noise, _draw_tones)):
        chosen = (kind == number).nonzero()[:, 0].to(audio.device)
        if len(chosen):
            noise = noise.index_copy(0, chosen, draw(audio[chosen]))
    levels = torch.randn(len(audio), 1, 2 + int(audio.shape[1] / RATE_HZ / SWELL_S))
    swell = F.interpolate(levels, audio.shape[1], mode="linear", align_corners=True)[:, 0]
    return noise * torch.exp(_uniform(audio, 0.0, 1.0) * swell.to(audio))


def _draw_tones(audio: Tensor) -> Tensor:
    """A tone (B, T) with harmonics of random levels and phases."""
    time_s = torch.arange(audio.shape[1], device=audio.device) / RATE_HZ
    hz, sound = _log_uniform(audio, *TONE_HZ), torch.zeros_like(audio)
    for harmonic in range(1, TONES + 1):
        level, phase = _uniform(audio, 0.0, 1.0), _uniform(audio, 0.0, 2 * math.pi)
        level = level * (harmonic * hz < RATE_HZ / 2)
        sound = sound + level / harmonic * torch.sin(2 * math.pi * harmonic * hz * time_s + phase)
    return sound


def _limit(audio: Tensor) -> Tensor:
    """A soft limiter, which bends what clipping would cut."""
    drive, peak = _log_uniform(audio, *DRIVE), _peak(audio)
    return peak * torch.tanh(drive * audio / peak) / torch.tanh(drive)


def _quantise(audio: Tensor) -> Tensor:
    """Equal steps, few for the loudest sample."""
    step = _peak(audio) * 2 ** (1 - _uniform(audio, *BITS))
    return torch.round(audio / step) * step


def _lose(audio: Tensor) -> Tensor:
    """Gaps, of the same length for a batch."""
    length = max(1, int(RATE_HZ * float(torch.empty(()).uniform_(*GAP_S))))
    kept = torch.rand(len(audio), -(-audio.shape[1] // length)).to(audio) >= _uniform(audio, 0.0, LOST)
    return audio * kept.repeat_interleave(length, 1)[:, : audio.shape[1]]


def _attenuate(audio: Tensor) -> Tensor:
    return audio * 10 ** (_uniform(audio, FAINTEST_DB, 0.0) / 20)


def _peak(audio: Tensor) -> Tensor:
    return audio.abs().amax(1, keepdim=True).clamp_min(1e-6)


def _chosen(audio: Tensor, share: float) -> Tensor:
    """Whether each recording is among a random share, (B, 1)."""
    return (torch.rand(len(audio), 1) < share).to(audio.device)


def _uniform(audio: Tensor, low: float, high: float) -> Tensor:
    """One random number per recording, (B, 1)."""
    return (low + (high - low) * torch.rand(len(audio), 1)).to(audio)


def _log_uniform(audio: Tensor, low: float, high: float) -> Tensor:
    return torch.exp(_uniform(audio, math.log(low), math.log(high)))
