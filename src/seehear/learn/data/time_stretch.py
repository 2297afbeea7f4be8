"""How fast and how late the examples of a batch are played, drawn once for all of their senses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from seehear.geometry import TimeStretch
from seehear.senses import SENSES

SPEED = 0.18  # pitch and formants move with speed, so one speaker becomes many
LEAD_S = 0.1  # of nothing put before, at most


def sample_time_stretch(batch: int, specs: Mapping[str, Any], device: torch.device) -> TimeStretch:
    """A tempo for each of a batch: as various as the least strength among the senses in time asks for."""
    strengths = [float(spec.augmentation_strength) for name, spec in specs.items() if SENSES[name].pitch_s is not None]
    strength = min(strengths, default=0.0)
    speed = 1 + SPEED * strength * (torch.rand(batch) * 2 - 1)
    return TimeStretch(speed.to(device), (LEAD_S * strength * torch.rand(batch)).to(device))
