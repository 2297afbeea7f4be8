"""The cost of using a model: the time for one answer, and its size."""

from __future__ import annotations

from typing import Any, NamedTuple

from seehear.amounts import format_duration


class Cost(NamedTuple):
    """latency_s: the median time to read and answer one example, alone. size_bytes: of the model."""

    latency_s: float
    size_bytes: int

    def to_json(self) -> dict[str, Any]:
        return self._asdict()

    def format_latency(self) -> str:
        return f"{1000 * self.latency_s:.3g} ms" if self.latency_s < 1 else format_duration(self.latency_s)

    def format_size(self) -> str:
        return f"{self.size_bytes / 1e6:.3g} MB"
