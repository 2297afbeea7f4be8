"""Whether the numbers under a heading name things, as under class_id, or measure them."""

from __future__ import annotations

import re
from collections.abc import Iterable

CLASSES = frozenset(
    (
        *("class", "classes", "label", "labels", "category", "categories", "species", "breed", "genus", "family"),
        *("tag", "tags", "diagnosis", "emotion", "word", "digit", "letter", "condition", "finding"),
    )
)
_NAMES = frozenset(("id", "ids", "no", "nr", "code", "codes", "idx"))  # ends of headings of names: plate_no
_NAMES_OF_CLASSES = _NAMES | {"index", "name"}  # that may also end another heading: body_mass_index
_NUMBERED = frozenset(("class", "label", "category", "target"))
_COUNTS = frozenset(("number", "num", "no", "nr", "n", "count", "counts", "size"))  # begins: number_of_species
_RUN_TOGETHER = re.compile(r"(class|label|category|species|target|tag)(id|idx|no|nr)")


def words(heading: str) -> list[str]:
    """ClassId, class_id, CLASS-ID -> ["class", "id"]."""
    parts = [part.lower() for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", heading)]
    if len(parts) == 1 and (both := _RUN_TOGETHER.fullmatch(parts[0])):
        return list(both.groups())
    return parts


def means_classes(heading: str) -> bool:
    """Whether a heading announces classes: class_id, species_no, target_class, primary_label."""
    parts = words(heading)
    if not parts or parts[0] in _COUNTS:
        return False
    if len(parts) > 1 and parts[-1] in ("number", "num"):  # species_number may well be how many there are
        return parts[-2] in _NUMBERED
    if len(parts) > 1 and parts[-1] in _NAMES_OF_CLASSES:
        return parts[-2] in CLASSES | {"target"}
    return parts[-1] in CLASSES


def are_names(heading: str, cells: Iterable[str]) -> bool:
    """Whether cells are whole numbers that name things, according to their heading: class_id, plate_no."""
    parts = words(heading)
    named = means_classes(heading) or (len(parts) > 1 and parts[-1] in _NAMES and parts[0] not in _COUNTS)
    return named and all(cell.strip().isdecimal() for cell in cells)
