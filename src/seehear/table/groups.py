"""Columns that name a person, a place or an occasion: what stays on one side of a split."""

from __future__ import annotations

import re

from seehear import amounts

RECORDING = "recording"  # the metadata that keeps the stretches of one together

_WORDS = {
    *("speaker", "patient", "subject", "participant", "person", "user", "client", "signer", "singer", "actor", "voice"),
    *("child", "student", "author", "writer", "site", "hospital", "clinic", "location", "place", "drive", "session"),
    *("scene", "sequence", "animal", "plant", "individual", "donor", "study", "recording"),
}
_ENDING = re.compile(r"(?<![_\W])[_\W]*(id|ids|no|nr|number|name|code|hash)$")


def is_group(heading: str) -> bool:
    """Whether a heading says so: speaker, Patient ID, client_id, siteName."""
    return _stem(heading) in _WORDS


def plural(heading: str) -> str:
    """What the groups of a column are called together: patient_id -> patients."""
    return amounts.plural(_stem(heading))


def singular(heading: str) -> str:
    """What one group of a column is called: patient_id -> patient."""
    return _stem(heading)


def _stem(heading: str) -> str:
    word = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", heading.strip()).lower()
    return _ENDING.sub("", word)
