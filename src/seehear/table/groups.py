"""Columns that name a person, a place or an occasion: what stays on one side of a split."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seehear import amounts

Indices = NDArray[np.int64]

RECORDING = "recording"  # the metadata that keeps the stretches of one together

_WORDS = {
    *("speaker", "patient", "subject", "participant", "person", "user", "client", "signer", "singer", "actor", "voice"),
    *("child", "student", "author", "writer", "site", "hospital", "clinic", "location", "place", "drive", "session"),
    *("scene", "sequence", "animal", "plant", "individual", "donor", "study", "recording", "lesion"),
}
_ENDING = re.compile(r"(?<![_\W])[_\W]*(id|ids|no|nr|number|name|code|hash)$")


def is_group(heading: str) -> bool:
    """Whether a heading says so: speaker, Patient ID, client_id, siteName."""
    return _stem(heading) in _WORDS


def is_bare_group(heading: str) -> bool:
    """Whether it is the noun alone, which may also name classes: animal, place; not animal_id."""
    return heading.strip().lower() in _WORDS


def plural(heading: str) -> str:
    """What the groups of a column are called together: patient_id -> patients."""
    return amounts.pluralise(_stem(heading))


def singular(heading: str) -> str:
    """What one group of a column is called: patient_id -> patient."""
    return _stem(heading)


def connect_groups(columns: Sequence[Indices], rows: int) -> Indices:
    """(rows,) the group of each row, 0 to the number of groups: of rows that share a value in any of the columns.

    columns: codes (rows,), -1 for no value.
    """
    groups = np.arange(rows)
    before = None
    while before is None or (groups != before).any():
        before = groups
        for codes in columns:
            lowest = np.full(codes.max(initial=-1) + 2, rows)  # its last place is for rows without a value
            np.minimum.at(lowest, codes, groups)
            groups = np.where(codes >= 0, lowest[codes], groups)
    return np.unique(groups, return_inverse=True)[1]


def _stem(heading: str) -> str:
    word = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", heading.strip()).lower()
    return _ENDING.sub("", word)
