"""The speed of an evaluation. It depends on the machine as much as on the model, so no model file stores it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from seehear.amounts import format_duration
from seehear.measure.formatting import format_number


@dataclass(frozen=True)
class Speed:
    """`n` examples, with a total length of `duration_s` seconds, were read and answered in `wall_s` seconds."""

    n: int
    wall_s: float
    duration_s: float

    @property
    def real_time_factor(self) -> float | None:
        """Seconds of computing for one second of sound or video; None for pictures."""
        return self.wall_s / self.duration_s if self.duration_s else None

    def to_json(self) -> dict[str, Any]:
        return {"examples_per_s": self.n / self.wall_s, "real_time_factor": self.real_time_factor}

    def __str__(self) -> str:
        factor = self.real_time_factor
        per_minute = "" if factor is None else f"; a minute of recording takes {format_duration(60 * factor)}"
        return f"speed on this machine: {format_number(self.n / self.wall_s)} examples per second{per_minute}"
