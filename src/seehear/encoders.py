"""Loads an installed pretrained encoder that compares examples without training."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from seehear.errors import UsageError
from seehear.starts import STARTS, is_available

if TYPE_CHECKING:
    from seehear.learn.start_encoder import StartEncoder


def load_pretrained_encoder(senses: Sequence[str]) -> StartEncoder:
    """A pretrained encoder for the first of these senses that has one installed. Raises UsageError if none is."""
    fitting = (start for start in STARTS.values() if start.sense in senses)
    found = next(filter(is_available, fitting), None)
    if found is None or find_spec("torch") is None:
        hint = "train a version first, or pip install 'seehear[train,start]'"
        raise UsageError(f"no pretrained encoder is installed for {' or '.join(senses)}", hint=hint)
    from seehear.learn.start_encoder import StartEncoder

    return StartEncoder(found)
