"""Time-stretch augmentation, sampled once per example for all of its senses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from seehear.geometry import TimeStretch
from seehear.senses import SENSES

SPEED = 0.18  # largest relative change; it shifts pitch and formants too, so that one speaker sounds like many
LEAD_S = 0.1  # longest silence put before


def sample_time_stretch(batch: int, specs: Mapping[str, Any], device: torch.device) -> TimeStretch:
    """A speed and a delay for each example of a batch, scaled by the lowest strength among the senses in time."""
    strengths = [float(spec.augmentation_strength) for name, spec in specs.items() if SENSES[name].pitch_s is not None]
    strength = min(strengths, default=0.0)
    speed = 1 + SPEED * strength * (torch.rand(batch) * 2 - 1)
    return TimeStretch(speed.to(device), (LEAD_S * strength * torch.rand(batch)).to(device))
