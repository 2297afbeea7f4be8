"""Whether numbers under a heading are identifiers, as under class_id, or measurements."""

from __future__ import annotations

import re
from collections.abc import Iterable

CLASSES = frozenset(
    (
        *("class", "classes", "label", "labels", "category", "categories", "species", "breed", "genus", "family"),
        *("tag", "tags", "diagnosis", "emotion", "word", "digit", "letter", "condition", "finding"),
    )
)
_ID_ENDINGS = frozenset(("id", "ids", "no", "nr", "code", "codes", "idx"))  # plate_no
_CLASS_ID_ENDINGS = _ID_ENDINGS | {"index", "name"}  # only after a class: body_mass_index is a measurement
_BEFORE_NUMBER = frozenset(("class", "label", "category", "target"))
_COUNT_BEGINNINGS = frozenset(("number", "num", "no", "nr", "n", "count", "counts", "size"))  # number_of_species
_JOINED = re.compile(r"(class|label|category|species|target|tag)(id|idx|no|nr)")


def split_words(heading: str) -> list[str]:
    """ClassId, class_id, CLASS-ID -> ["class", "id"]."""
    parts = [part.lower() for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", heading)]
    if len(parts) == 1 and (both := _JOINED.fullmatch(parts[0])):
        return list(both.groups())
    return parts


def means_classes(heading: str) -> bool:
    """Whether a heading names classes: class_id, species_no, target_class, primary_label."""
    parts = split_words(heading)
    if not parts or parts[0] in _COUNT_BEGINNINGS:
        return False
    if len(parts) > 1 and parts[-1] in ("number", "num"):  # species_number may be a count
        return parts[-2] in _BEFORE_NUMBER
    if len(parts) > 1 and parts[-1] in _CLASS_ID_ENDINGS:
        return parts[-2] in CLASSES | {"target"}
    return parts[-1] in CLASSES


def are_identifiers(heading: str, cells: Iterable[str]) -> bool:
    """Whether cells are whole numbers under a heading of identifiers: class_id, plate_no."""
    parts = split_words(heading)
    named = means_classes(heading) or (
        len(parts) > 1 and parts[-1] in _ID_ENDINGS and parts[0] not in _COUNT_BEGINNINGS
    )
    return named and all(cell.strip().isdecimal() for cell in cells)
