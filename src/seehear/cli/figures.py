"""How good a recogniser is, in a person's units, on one line."""

from __future__ import annotations

from collections.abc import Mapping


def told(metrics: Mapping[str, float | None]) -> str:
    """From the shares that every evaluation has; None is what nothing is known of."""
    wrong, itself, of_those = (metrics[name] for name in ("wrong", "coverage", "accepted_error"))
    said = f"wrong {_per_100(wrong)}; answers {_per_100(itself)} itself"
    return said + (f", of those wrong {_per_100(of_those)}" if itself else "")


def _per_100(share: float | None) -> str:
    from seehear.measure.wording import UNKNOWN, per_100

    return UNKNOWN if share is None else f"{per_100(share)} per 100"
