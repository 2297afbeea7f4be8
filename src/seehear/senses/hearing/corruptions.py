"""Corruptions of recordings in several severities: noise, rooms, microphones, telephone lines, levels and speeds.

Signals are (T,) float32 at RATE_HZ, within -1 to 1 before and after.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from seehear.senses.corruption import PERCENT, Corruption
from seehear.senses.hearing.plan import RATE_HZ

Samples = NDArray[np.float32]
Wave = NDArray[np.float64]
Random = np.random.Generator
Noise = Callable[[Wave, Random], Wave]

RATIOS_DB = (30.0, 20.0, 15.0, 10.0, 5.0, 0.0, -5.0)
GAINS_DB = (-6.0, -12.0, -18.0, -24.0, -30.0)
CLIP_LEVELS = (0.7, 0.5, 0.35, 0.2, 0.1)  # of the peak
TELEPHONE_HZ = {7000: 100, 5000: 200, 3400: 300, 2700: 400, 2000: 500}  # the lowest frequency by the highest
LOW_PASS_HZ = (5000, 3500, 2500, 1800, 1200)
MICROPHONE_DB = (2.0, 4.0, 6.0, 9.0, 12.0)  # standard deviation of the response at each of KNOTS_HZ
KNOTS_HZ = (50, 100, 200, 400, 800, 1600, 3200, 8000)
DIRECT_TO_REVERBERANT_DB = {0.15: 12.0, 0.3: 9.0, 0.5: 6.0, 0.8: 3.0, 1.2: 0.0}  # by RT60 in seconds
MU_LAW_BITS, MU = (8, 7, 6, 5, 4), 255.0
COMPRESSION_DB = (-45.0, -36.0, -28.0, -22.0, -16.0)  # below a frame's peak: dropped
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


def _add_noise(wave: Wave, amount: float, random: Random, *, noise: Noise) -> Wave:
    added = noise(wave, random)
    return wave + added / _level(added) * _level(wave) * 10 ** (-amount / 20)


def _attenuate(wave: Wave, amount: float, random: Random) -> Wave:
    return wave * 10 ** (amount / 20)


def _clip(wave: Wave, amount: float, random: Random) -> Wave:
    most = amount * np.abs(wave).max()
    return np.clip(wave, -most, most)


def _band_pass_telephone(wave: Wave, amount: float, random: Random) -> Wave:
    return _filter(wave, lambda hz: _butterworth(TELEPHONE_HZ[round(amount)], hz) * _butterworth(hz, amount))


def _low_pass(wave: Wave, amount: float, random: Random) -> Wave:
    return _filter(wave, lambda hz: _butterworth(hz, amount))


def _microphone_response(wave: Wave, amount: float, random: Random) -> Wave:
    """A random, smooth frequency response."""
    response_db = amount * random.standard_normal(len(KNOTS_HZ))
    return _filter(wave, lambda hz: 10 ** (np.interp(np.log(np.maximum(hz, 1)), np.log(KNOTS_HZ), response_db) / 20))


def _reverberate(wave: Wave, amount: float, random: Random) -> Wave:
    """Exponentially decaying noise as the impulse response (Polack 1988)."""
    time_s = np.arange(round(amount * RATE_HZ)) / RATE_HZ
    echo = random.standard_normal(round(max(DIRECT_TO_REVERBERANT_DB) * RATE_HZ))[: len(time_s)] * 10 ** (
        -3 * time_s / amount
    )
    echo *= 10 ** (-DIRECT_TO_REVERBERANT_DB[amount] / 20) / np.linalg.norm(echo)
    echo[0] = 1
    size = len(wave) + len(echo)
    return np.fft.irfft(np.fft.rfft(wave, size) * np.fft.rfft(echo, size), size)[: len(wave)]


def _quantise_mu_law(wave: Wave, amount: float, random: Random) -> Wave:
    """mu-law quantisation (ITU-T G.711) with fewer and fewer bits."""
    steps = 2 ** (amount - 1)
    squeezed = np.rint(np.log1p(MU * np.abs(wave)) / np.log1p(MU) * steps) / steps
    return np.asarray(np.sign(wave) * np.expm1(squeezed * np.log1p(MU)) / MU)


def _compress(wave: Wave, amount: float, random: Random) -> Wave:
    """Strong lossy compression: drop components far weaker than the strongest frequency of each frame."""
    hop = FRAME_SAMPLES // 2
    window = np.sin(np.pi * (np.arange(FRAME_SAMPLES) + 0.5) / FRAME_SAMPLES)  # its overlapping squares add up to 1
    padded = np.pad(wave, (hop, FRAME_SAMPLES + hop))
    starts = np.arange(0, len(wave) + hop, hop)
    spectrum = np.fft.rfft(padded[starts[:, None] + np.arange(FRAME_SAMPLES)] * window)
    size = np.abs(spectrum)
    spectrum[size < size.max(1, keepdims=True) * 10 ** (amount / 20)] = 0
    frames = np.fft.irfft(spectrum) * window
    decoded = np.zeros(len(padded))
    for start, frame in zip(starts, frames, strict=True):
        decoded[start : start + FRAME_SAMPLES] += frame
    return decoded[hop : hop + len(wave)]


def _change_speed(wave: Wave, amount: float, random: Random) -> Wave:
    """Change speed and pitch together."""
    at = np.arange(max(1, round(len(wave) / amount))) * amount
    return np.asarray(np.interp(at, np.arange(len(wave)), wave))


def _lose_packets(wave: Wave, amount: float, random: Random) -> Wave:
    """Packet loss: lost packets are silent."""
    packet = round(PACKET_S * RATE_HZ)
    lost = random.random(-(-len(wave) // packet)) < amount
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


def _corruption(
    change: Callable[[Wave, float, Random], Wave], amounts: tuple[float, ...], unit: str, *, moves: bool = False
) -> Corruption:
    """Wrap `change` as a Corruption of (T,) float32; results beyond full scale are scaled down, as in `read`."""

    def corrupt(samples: Samples, amount: float, random: Random) -> Samples:
        wave = change(np.asarray(samples, np.float64), amount, random)
        return np.asarray(wave / max(1.0, float(np.abs(wave).max())), np.float32)

    return Corruption(corrupt, amounts, unit, moves)


CORRUPTIONS: dict[str, Corruption] = {
    "white noise": _corruption(partial(_add_noise, noise=white_noise), RATIOS_DB, "dB"),
    "pink noise": _corruption(partial(_add_noise, noise=pink_noise), RATIOS_DB, "dB"),
    "babble": _corruption(partial(_add_noise, noise=babble), RATIOS_DB, "dB"),
    "mains hum": _corruption(partial(_add_noise, noise=mains_hum), RATIOS_DB, "dB"),
    "reverberation": _corruption(_reverberate, tuple(DIRECT_TO_REVERBERANT_DB), "s"),
    "microphone response": _corruption(_microphone_response, MICROPHONE_DB, "dB"),
    "telephone band": _corruption(_band_pass_telephone, tuple(TELEPHONE_HZ), "Hz"),
    "low-pass filter": _corruption(_low_pass, LOW_PASS_HZ, "Hz"),
    "low volume": _corruption(_attenuate, GAINS_DB, "dB"),
    "clipping": _corruption(_clip, CLIP_LEVELS, PERCENT),
    "mu-law quantisation": _corruption(_quantise_mu_law, MU_LAW_BITS, "bits"),
    "lossy compression": _corruption(_compress, COMPRESSION_DB, "dB"),
    "packet loss": _corruption(_lose_packets, LOSS_RATES, PERCENT),
    "faster": _corruption(_change_speed, FASTER, "×", moves=True),
    "slower": _corruption(_change_speed, SLOWER, "×", moves=True),
}
