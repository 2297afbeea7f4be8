"""How good a recogniser is, in a person's units, on one line."""

from __future__ import annotations

from collections.abc import Mapping

from seehear.amounts import plural


def told(metrics: Mapping[str, float | None], item: str) -> str:
    """From the shares that every evaluation has; None is what nothing is known of.

    `item` is what of an answer is accepted by itself, such as a box; "" where it is all of it.
    """
    wrong, accepted, of_those = (metrics[name] for name in ("wrong", "coverage", "accepted_error"))
    share = _per_100(accepted)
    said = f"wrong {_per_100(wrong)}; "
    said += f"accepts {share} of the {plural(item)}" if item else f"answers {share} itself"
    return said + (f", of those wrong {_per_100(of_those)}" if accepted else "")


def _per_100(share: float | None) -> str:
    from seehear.measure.formatting import UNKNOWN, format_per_100

    return UNKNOWN if share is None else f"{format_per_100(share)} per 100"
