"""What a sense can say about one input without any model: its extent, its quality, and what its file gives away."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from seehear.geometry import Grid
from seehear.media import Excerpt

Array = NDArray[Any]
Measures = Mapping[str, NDArray[np.float64]]  # by name, a value for each input, nan where it has none


@dataclass(frozen=True, slots=True)
class Examination:
    """One decoded input.

    grid         its extent: pixels or samples
    measures     numbers by name, with units in the names
    traits       properties of its file rather than of what it shows, by name: format, size, camera
    personal     kinds of personal data in the file: "a GPS position"
    fingerprint  what shows whether two inputs are versions of one; None if it is too plain to compare
    """

    grid: Grid
    measures: Mapping[str, float]
    traits: Mapping[str, str] = field(default_factory=dict)
    personal: tuple[str, ...] = ()
    fingerprint: Array | None = None


class Flaw(NamedTuple):
    """A fault in quality that some inputs of a dataset may have.

    name    an adjective: dark, blurred
    find    (measures of n inputs) -> (n,) bool
    reason  the fault of one input, as a format string of its measures
    empty   whether nothing can be learned from such an input
    """

    name: str
    find: Callable[[Measures], NDArray[np.bool_]]
    reason: str
    empty: bool = False


class NearDuplicate(NamedTuple):
    """Two inputs, by index, that are versions of one: rescaled, compressed again, cropped, mirrored, trimmed.

    similarity  1 if nothing but the file differs
    how         what distinguishes them, if that is known: "mirrored"
    """

    first: int
    second: int
    similarity: float
    how: str = ""


class Presentation(NamedTuple):
    """A small copy of an input, for a page: the bytes of a file, and its MIME type."""

    mime: str
    content: bytes


class Examiner(Protocol):
    """The capability of a sense to examine inputs.

    telltales      measures that belong to how an example was made rather than to what it shows, with what each is
                   called: a label that they give away is a shortcut
    not_looked_for sentences
    """

    flaws: Sequence[Flaw]
    telltales: Mapping[str, str]
    not_looked_for: Sequence[str]

    def examine(self, source: Path | Excerpt) -> Examination:
        """Decode and examine one input. Raises InputError like `Sense.read`."""

    def present(self, source: Path | Excerpt) -> Presentation:
        """A thumbnail, or the beginning of a recording. Raises InputError like `Sense.read`."""

    def find_near_duplicates(self, fingerprints: Sequence[Array | None]) -> Sequence[NearDuplicate]:
        """All pairs that are versions of one input, each once, with first < second."""
