"""From one text to another by the fewest edits (Levenshtein 1966)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def edits(truth: Sequence[str], said: Sequence[str]) -> list[Any]:
    """Each with its `tag`, replace, insert or delete, and the places `src_pos` and `dest_pos` that it joins."""
    from rapidfuzz.distance import Levenshtein

    return list(Levenshtein.editops(truth, said))
