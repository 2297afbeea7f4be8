"""Corruptions of recordings in five severities: noise, rooms, microphones, telephone lines, levels and speeds.

Signals are (T,) float32 at RATE_HZ, within -1 to 1 before and after.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from seehear.senses.corruption import Corruption
from seehear.senses.hearing.plan import RATE_HZ

Samples = NDArray[np.float32]
Wave = NDArray[np.float64]
Random = np.random.Generator
Noise = Callable[[Wave, Random], Wave]

RATIOS_DB = (30.0, 20.0, 15.0, 10.0, 5.0)
GAINS_DB = (-6.0, -12.0, -18.0, -24.0, -30.0)
CLIP_LEVELS = (0.7, 0.5, 0.35, 0.2, 0.1)  # of the peak
TELEPHONE_HZ = ((100, 7000), (200, 5000), (300, 3400), (400, 2700), (500, 2000))
LOW_PASS_HZ = (5000, 3500, 2500, 1800, 1200)
MICROPHONE_DB = (2.0, 4.0, 6.0, 9.0, 12.0)  # standard deviation of the response at each of KNOTS_HZ
KNOTS_HZ = (50, 100, 200, 400, 800, 1600, 3200, 8000)
REVERBERATION_S = (0.15, 0.3, 0.5, 0.8, 1.2)  # RT60
DIRECT_TO_REVERBERANT_DB = (12.0, 9.0, 6.0, 3.0, 0.0)
MU_LAW_BITS, MU = (8, 7, 6, 5, 4), 255.0
COMPRESSION_DB = (
    -45.0,
    -36.0,
    -28.0,
    -22.0,
    -16.0,
)  # below a frame's peak: dropped
FASTER, SLOWER = (1.05, 1.1, 1.15, 1.2, 1.25), (0.95, 0.9, 0.85, 0.8, 0.75)
LOSS_RATES, PACKET_S = (0.02, 0.05, 0.1, 0.15, 0.2), 0.02
FRAME_SAMPLES = 512
FAINTEST = 1e-4  # level assumed for silence


def white_noise(wave: Wave, random: Random) -> Wave:
    return random.standard_normal(len(wave))


def pink_noise(wave: Wave, random: Random) -> Wave:
    """Equal power in every octave."""
    spectrum = np.fft.rfft(random.standard_normal(len(wave)))
    return np.asarray(np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 1)), len(wave)))


def babble(wave: Wave, random: Random) -> Wave:
    """Other voices: six copies of the reversed recording, at other speeds and offsets."""
    noise = np.zeros(len(wave))
    for _ in range(6):
        start, speed = random.integers(len(wave)), random.uniform(0.8, 1.25)
        at = (start + np.arange(len(wave)) * speed).astype(int) % len(wave)
        noise += wave[::-1][at] * random.choice([-1, 1])
    return noise + 0.05 * _level(noise) * random.standard_normal(len(wave))


def mains_hum(wave: Wave, random: Random) -> Wave:
    """Mains hum: 50 Hz and its odd harmonics."""
    time_s = np.arange(len(wave)) / RATE_HZ
    phases = random.uniform(0, 2 * np.pi, 5)
    tones = [np.sin(2 * np.pi * 50 * (2 * i + 1) * time_s + phase) / (i + 1) for i, phase in enumerate(phases)]
    return np.asarray(np.sum(tones, 0))


def _add_noise(wave: Wave, severity: int, random: Random, *, noise: Noise) -> Wave:
    added = noise(wave, random)
    return wave + added / _level(added) * _level(wave) * 10 ** (-RATIOS_DB[severity - 1] / 20)


def _attenuate(wave: Wave, severity: int, random: Random) -> Wave:
    return wave * 10 ** (GAINS_DB[severity - 1] / 20)


def _clip(wave: Wave, severity: int, random: Random) -> Wave:
    most = CLIP_LEVELS[severity - 1] * np.abs(wave).max()
    return np.clip(wave, -most, most)


def _band_pass_telephone(wave: Wave, severity: int, random: Random) -> Wave:
    low_hz, high_hz = TELEPHONE_HZ[severity - 1]
    return _filter(wave, lambda hz: _butterworth(low_hz, hz) * _butterworth(hz, high_hz))


def _low_pass(wave: Wave, severity: int, random: Random) -> Wave:
    return _filter(wave, lambda hz: _butterworth(hz, LOW_PASS_HZ[severity - 1]))


def _microphone_response(wave: Wave, severity: int, random: Random) -> Wave:
    """A random, smooth frequency response."""
    response_db = MICROPHONE_DB[severity - 1] * random.standard_normal(len(KNOTS_HZ))
    return _filter(wave, lambda hz: 10 ** (np.interp(np.log(np.maximum(hz, 1)), np.log(KNOTS_HZ), response_db) / 20))


def _reverberate(wave: Wave, severity: int, random: Random) -> Wave:
    """Exponentially decaying noise as the impulse response (Polack 1988)."""
    rt60_s = REVERBERATION_S[severity - 1]
    time_s = np.arange(round(rt60_s * RATE_HZ)) / RATE_HZ
    echo = random.standard_normal(round(REVERBERATION_S[-1] * RATE_HZ))[: len(time_s)] * 10 ** (-3 * time_s / rt60_s)
    echo *= 10 ** (-DIRECT_TO_REVERBERANT_DB[severity - 1] / 20) / np.linalg.norm(echo)
    echo[0] = 1
    size = len(wave) + len(echo)
    return np.fft.irfft(np.fft.rfft(wave, size) * np.fft.rfft(echo, size), size)[: len(wave)]


def _quantise_mu_law(wave: Wave, severity: int, random: Random) -> Wave:
    """mu-law quantisation (ITU-T G.711) with fewer and fewer bits."""
    steps = 2 ** (MU_LAW_BITS[severity - 1] - 1)
    squeezed = np.rint(np.log1p(MU * np.abs(wave)) / np.log1p(MU) * steps) / steps
    return np.asarray(np.sign(wave) * np.expm1(squeezed * np.log1p(MU)) / MU)


def _compress(wave: Wave, severity: int, random: Random) -> Wave:
    """Strong lossy compression: drop components far weaker than the strongest frequency of each frame."""
    hop = FRAME_SAMPLES // 2
    window = np.sin(np.pi * (np.arange(FRAME_SAMPLES) + 0.5) / FRAME_SAMPLES)  # its overlapping squares add up to 1
    padded = np.pad(wave, (hop, FRAME_SAMPLES + hop))
    starts = np.arange(0, len(wave) + hop, hop)
    spectrum = np.fft.rfft(padded[starts[:, None] + np.arange(FRAME_SAMPLES)] * window)
    size = np.abs(spectrum)
    spectrum[size < size.max(1, keepdims=True) * 10 ** (COMPRESSION_DB[severity - 1] / 20)] = 0
    frames = np.fft.irfft(spectrum) * window
    decoded = np.zeros(len(padded))
    for start, frame in zip(starts, frames, strict=True):
        decoded[start : start + FRAME_SAMPLES] += frame
    return decoded[hop : hop + len(wave)]


def _change_speed(wave: Wave, severity: int, random: Random, *, speeds: tuple[float, ...]) -> Wave:
    """Change speed and pitch together."""
    speed = speeds[severity - 1]
    at = np.arange(max(1, round(len(wave) / speed))) * speed
    return np.asarray(np.interp(at, np.arange(len(wave)), wave))


def _lose_packets(wave: Wave, severity: int, random: Random) -> Wave:
    """Packet loss: lost packets are silent."""
    packet = round(PACKET_S * RATE_HZ)
    lost = random.random(-(-len(wave) // packet)) < LOSS_RATES[severity - 1]
    return np.where(np.repeat(lost, packet)[: len(wave)], 0.0, wave)


def _level(wave: Wave) -> float:
    return max(float(np.sqrt(np.mean(np.square(wave)))), FAINTEST)


def _filter(wave: Wave, response: Callable[[Wave], Wave]) -> Wave:
    """Apply a zero-phase frequency response; zero padding avoids wrap-around."""
    size = len(wave) + FRAME_SAMPLES
    spectrum = np.fft.rfft(wave, size) * response(np.asarray(np.fft.rfftfreq(size, 1 / RATE_HZ), np.float64))
    return np.fft.irfft(spectrum, size)[: len(wave)]


def _butterworth(hz: Wave | float, corner_hz: Wave | float) -> Wave:
    """Magnitude response of a fourth-order Butterworth low-pass filter (24 dB per octave)."""
    return np.asarray(1 / np.sqrt(1 + (hz / np.maximum(corner_hz, 1e-9)) ** 8))


def _corruption(change: Callable[[Wave, int, Random], Wave], *, moves: bool = False) -> Corruption:
    """Wrap `change` as a Corruption of (T,) float32; results beyond full scale are scaled down, as in `read`."""

    def corrupt(samples: Samples, severity: int, random: Random) -> Samples:
        wave = change(np.asarray(samples, np.float64), severity, random)
        return np.asarray(wave / max(1.0, float(np.abs(wave).max())), np.float32)

    return Corruption(corrupt, moves)


CORRUPTIONS: dict[str, Corruption] = {
    "white noise": _corruption(partial(_add_noise, noise=white_noise)),
    "pink noise": _corruption(partial(_add_noise, noise=pink_noise)),
    "babble": _corruption(partial(_add_noise, noise=babble)),
    "mains hum": _corruption(partial(_add_noise, noise=mains_hum)),
    "reverberation": _corruption(_reverberate),
    "microphone response": _corruption(_microphone_response),
    "telephone band": _corruption(_band_pass_telephone),
    "low-pass filter": _corruption(_low_pass),
    "low volume": _corruption(_attenuate),
    "clipping": _corruption(_clip),
    "mu-law quantisation": _corruption(_quantise_mu_law),
    "lossy compression": _corruption(_compress),
    "packet loss": _corruption(_lose_packets),
    "faster": _corruption(partial(_change_speed, speeds=FASTER), moves=True),
    "slower": _corruption(partial(_change_speed, speeds=SLOWER), moves=True),
}
