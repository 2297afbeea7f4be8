"""The one metric of an answer that one would quote."""

from __future__ import annotations

from typing import NamedTuple


class Headline(NamedTuple):
    """A key of what `metrics` gives, and which way is better."""

    metric: str
    higher_is_better: bool
