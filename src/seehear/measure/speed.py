"""How fast answers came: a figure of the machine as much as of the recogniser, and so never kept with either."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from seehear.amounts import duration
from seehear.measure.formatting import short


@dataclass(frozen=True)
class Speed:
    """`n` examples, which go on `lasts_s` seconds together, were read and answered in `wall_s` by the clock."""

    n: int
    wall_s: float
    lasts_s: float

    @property
    def real_time_factor(self) -> float | None:
        """Seconds that one second of sound takes; None for what has no time in it."""
        return self.wall_s / self.lasts_s if self.lasts_s else None

    def to_json(self) -> dict[str, Any]:
        return {"examples_per_s": self.n / self.wall_s, "real_time_factor": self.real_time_factor}

    def __str__(self) -> str:
        factor = self.real_time_factor
        each = "" if factor is None else f"; a minute of recording takes {duration(60 * factor)}"
        return f"answered {short(self.n / self.wall_s)} examples a second on this machine{each}"
