"""Columns that name a person, a place or an occasion, whose rows stay on one side of a split."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seehear import amounts

Indices = NDArray[np.int64]

RECORDING = "recording"  # the metadata column that keeps segments of one recording together

_WORDS = {
    *("speaker", "patient", "subject", "participant", "person", "user", "client", "signer", "singer", "actor", "voice"),
    *("child", "student", "author", "writer", "site", "hospital", "clinic", "location", "place", "drive", "session"),
    *("scene", "sequence", "animal", "plant", "individual", "donor", "study", "recording", "lesion"),
}
_ENDING = re.compile(r"(?<![_\W])[_\W]*(id|ids|no|nr|number|name|code|hash)$")


def is_group(heading: str) -> bool:
    """Whether a heading names such a group: speaker, Patient ID, client_id, siteName."""
    return _stem(heading) in _WORDS


def is_bare_group(heading: str) -> bool:
    """Whether a heading is only the noun, which may also name classes: animal, place; but not animal_id."""
    return heading.strip().lower() in _WORDS


def plural(heading: str) -> str:
    """The plural noun for the groups of a column: patient_id -> patients."""
    return amounts.pluralise(_stem(heading))


def singular(heading: str) -> str:
    """The noun for one group of a column: patient_id -> patient."""
    return _stem(heading)


def connect_groups(columns: Sequence[Indices], rows: int) -> Indices:
    """(rows,) group numbers from 0: connected components of rows that share a value in any column.

    columns: codes (rows,), -1 for no value.
    """
    groups = np.arange(rows)
    previous = None
    while previous is None or (groups != previous).any():
        previous = groups
        for codes in columns:
            smallest = np.full(codes.max(initial=-1) + 2, rows)  # the last entry is for rows without a value
            np.minimum.at(smallest, codes, groups)
            groups = np.where(codes >= 0, smallest[codes], groups)
    return np.unique(groups, return_inverse=True)[1]


def _stem(heading: str) -> str:
    word = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", heading.strip()).lower()
    return _ENDING.sub("", word)
