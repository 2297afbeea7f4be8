"""Names of classes in cells."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from seehear.errors import InputError

MAX_LISTED = 10


def make_unknown_class_error(name: str, classes: Sequence[str]) -> InputError:
    """For a name that is not one of the classes; suggests the class that is spelt most alike."""
    close = difflib.get_close_matches(name.casefold(), [each.casefold() for each in classes], n=1)
    meant = [each for each in classes if each.casefold() in close]
    return InputError(
        f"'{name}' is not one of the {len(classes):,} classes",
        allowed=", ".join(classes[:MAX_LISTED]) + (", …" if len(classes) > MAX_LISTED else ""),
        hint=f"did you mean '{meant[0]}'?" if meant else "",
    )
