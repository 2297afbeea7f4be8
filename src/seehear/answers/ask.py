"""What an answer may ask of its decoder, the second network of a head, while it is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from numpy.typing import NDArray

Ask = Callable[[Mapping[str, NDArray[Any]]], Mapping[str, NDArray[Any]]]  # arrays by name -> arrays by name
