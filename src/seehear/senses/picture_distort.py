"""Random distortions of pictures for robust training: filters, light, colours, noise and few levels, several at once.

Their kinds are those of other cameras, light and files, but none of them is a corruption of the stress tests, which
would otherwise measure what was practised. Filters and curves are random and smooth, and what they give is blended with
what was there, as in PRIME (Modas et al. 2022, arXiv:2112.13547) and AugMix (Hendrycks et al. 2020, arXiv:1912.02781).
Pictures are (B, C, H, W), 0 to 1. Nothing moves. See docs/decisions/081-robust.md.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

SHARE = 0.3  # chance of each distortion
LEAST_BLEND = 0.3  # share of a distorted picture that is blended with what it was before
CORNERS = (1 / 24, 1 / 3)  # cycles per pixel, beyond which a filter falls or rises
SLOPES_DB = (-18.0, 6.0)  # per octave beyond the corner
RIPPLE_DB, RIPPLES = 3.0, 6  # standard deviation of the response at each of so many frequencies
LIGHT, LIGHTS = 0.6, 3  # standard deviation of the logarithm of the light, and lights along a side
CURVE, WAVES = 0.12, 4  # of the colours
COLOUR_MIXING = 0.1
NOISE = (0.01, 0.2)  # standard deviation
NOISE_SLOPES = (-0.5, 1.0)  # of amplitude by frequency: blue to brown
HEAVIEST_TAIL = 3.0  # power of normally distributed noise
LEVELS = (4.0, 32.0)


def distort(x: Tensor, *, coloured: bool) -> Tensor:
    """coloured: whether the channels are colours, which may differ in their changes."""
    changes = (_filter, _light, _recolour if coloured else _bend, _add_noise, _quantise)
    for place in torch.randperm(len(changes)).tolist():
        chosen = (torch.rand(len(x)) < SHARE).nonzero()[:, 0].to(x.device)
        if len(chosen):
            own = x[chosen]
            share = _uniform(own, LEAST_BLEND, 1.0)
            x = x.index_copy(0, chosen, torch.lerp(own, changes[place](own).to(own), share).clamp(0, 1))
    return x


def _filter(x: Tensor) -> Tensor:
    """A random filter: flat up to a corner, then rising or falling, with ripples, and stronger in one direction."""
    height, width = x.shape[2:]
    reach = min(height, width) // 4
    padded = F.pad(x, (reach, reach, reach, reach), mode="reflect")
    down, across = _frequencies(padded)
    frequency = torch.hypot(down, across).clamp_min(1e-6)  # (H, W')
    octaves = torch.log2(frequency / _log_uniform(x, *CORNERS)).clamp_min(0)  # (B, 1, H, W')
    direction = 1 - _uniform(x, 0.0, 1.0) * torch.cos(torch.atan2(down, across) - _uniform(x, 0.0, math.pi)).square()
    gain_db = _uniform(x, *SLOPES_DB) * octaves * direction + _ripples(frequency, x)
    response = 10 ** (gain_db.clamp(-60, 12) / 20)
    response[:, :, 0, 0] = 1  # the mean stays
    filtered: Tensor = torch.fft.irfft2(torch.fft.rfft2(padded) * response, s=padded.shape[2:])
    return filtered[:, :, reach : reach + height, reach : reach + width]


def _ripples(frequency: Tensor, x: Tensor) -> Tensor:
    """A smooth random gain (B, 1, H, W') in dB by frequency (H, W')."""
    knots = RIPPLE_DB * torch.randn(len(x), 1, 1, RIPPLES, device=x.device)
    place = 2 * torch.log2(frequency.clamp(1 / 64, 1) * 64) / 6 - 1  # of the logarithm, -1 to 1
    grid = torch.stack([place.flatten(), torch.zeros_like(place.flatten())], 1)[None, None]  # (1, 1, H * W', 2)
    gains = F.grid_sample(knots, grid.expand(len(x), -1, -1, -1), align_corners=True)
    return gains.reshape(len(x), 1, *frequency.shape)


def _light(x: Tensor) -> Tensor:
    """Light that varies over the picture, and its strength."""
    field = F.interpolate(torch.randn(len(x), 1, LIGHTS, LIGHTS), x.shape[2:], mode="bicubic", align_corners=True)
    lit: Tensor = x * torch.exp(_uniform(x, 0.0, LIGHT) * field.to(x))
    return lit


def _bend(x: Tensor, channels: int = 1) -> Tensor:
    """A smooth random curve that keeps black and white, for each channel or for all."""
    bent, strength = x, _uniform(x, 0.0, CURVE)
    for wave in range(1, WAVES + 1):
        amount = strength / wave * torch.randn(len(x), channels, 1, 1, device=x.device)
        bent = bent + amount * torch.sin(math.pi * wave * x)
    return bent


def _recolour(x: Tensor) -> Tensor:
    """A random curve for all colours, one for each, and a little of each colour in the others."""
    channels = x.shape[1]
    bent = _bend(_bend(x).clamp(0, 1), channels)
    mixing = torch.eye(channels) + COLOUR_MIXING * torch.randn(len(x), channels, channels)
    return torch.einsum("bij,bjhw->bihw", (mixing / mixing.sum(2, keepdim=True).clamp_min(0.5)).to(x), bent)


def _add_noise(x: Tensor) -> Tensor:
    """Noise between blue and brown, normally distributed or sparse, the same for all channels or not, and possibly
    stronger where it is light."""
    noise = torch.randn_like(x)
    noise = torch.where(_uniform(x, 0.0, 1.0) < 0.5, noise, noise[:, :1])
    down, across = _frequencies(x)
    tint = torch.hypot(down, across).clamp_min(1 / max(x.shape[2:])) ** -_uniform(x, *NOISE_SLOPES)
    noise = torch.fft.irfft2(torch.fft.rfft2(noise) * tint, s=x.shape[2:])
    noise = noise / noise.square().mean((1, 2, 3), keepdim=True).sqrt()
    noise = noise.sign() * noise.abs() ** _uniform(x, 1.0, HEAVIEST_TAIL)
    noise = noise / noise.square().mean((1, 2, 3), keepdim=True).sqrt()
    noisy: Tensor = x + _log_uniform(x, *NOISE) * noise * (x + 0.1).clamp_min(0) ** _uniform(x, 0.0, 1.0)
    return noisy


def _quantise(x: Tensor) -> Tensor:
    """Few levels, the lowest of which is not always black."""
    levels, offset = _log_uniform(x, *LEVELS), _uniform(x, 0.0, 1.0)
    return (torch.floor(x * levels + offset) + 0.5 - offset) / levels


def _frequencies(x: Tensor) -> tuple[Tensor, Tensor]:
    """In cycles per pixel, down (H, 1) and across (1, W'), as in a real FFT of x."""
    height, width = x.shape[2:]
    down, across = torch.fft.fftfreq(height, device=x.device), torch.fft.rfftfreq(width, device=x.device)
    return down[:, None], across[None]


def _uniform(x: Tensor, low: float, high: float) -> Tensor:
    """One random number per picture, (B, 1, 1, 1)."""
    return (low + (high - low) * torch.rand(len(x), 1, 1, 1)).to(x)


def _log_uniform(x: Tensor, low: float, high: float) -> Tensor:
    return torch.exp(_uniform(x, math.log(low), math.log(high)))
