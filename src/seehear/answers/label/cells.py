"""Several labels in one cell: a list, or names separated by semicolons, commas or spaces."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterable

from seehear.strict_json import from_json

_SEPARATORS = (re.compile(r"[;|]"), re.compile(r","), re.compile(r"\s+"))  # the least ambiguous first
_EXPECTED = {"labels", "classes", "categories", "tags", "genres", "findings"}  # headings that mean several
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")


def separator(cells: Iterable[str], heading: str) -> re.Pattern[str] | None:
    """The pattern that separates labels in the cells of a column; None if each cell is one label.

    The parts must also occur elsewhere in the column, because the name of a class may contain a comma or a space.
    """
    distinct = set(cells)
    if any(listed(cell) is not None for cell in distinct):
        return _SEPARATORS[0]
    surest, *others = _SEPARATORS
    counts = Counter(part for cell in distinct for part in set(_parts(cell, surest)))
    if any(counts[part] > 1 for cell in distinct if len(parts := _parts(cell, surest)) > 1 for part in parts):
        return surest
    return next((each for each in others if _divides(each, distinct, heading)), None)


def divided(cell: str, pattern: re.Pattern[str] | None) -> list[str]:
    """The labels in a cell, each once; without a pattern the cell is one label."""
    if pattern is None:
        return [cell]
    names = listed(cell)
    return list(dict.fromkeys(_parts(cell, pattern) if names is None else names))


def among(cell: str, known: Container[str]) -> list[str]:
    """The labels in a cell, split so that they are known classes if possible."""
    if (names := listed(cell)) is not None:
        return list(dict.fromkeys(names))
    if cell in known:
        return [cell]
    ways = [parts for each in _SEPARATORS if len(parts := divided(cell, each)) > 1]
    return next((parts for parts in ways if all(part in known for part in parts)), ways[0] if ways else [cell])


def listed(cell: str) -> list[str] | None:
    """The names in a list of JSON, or as Python and NumPy write one, ['cat', 'dog'] or ['cat' 'dog']; None: no list."""
    if not (cell.startswith("[") and cell.endswith("]")):
        return None
    try:
        names = from_json(cell)
    except ValueError:
        if re.fullmatch(r"[\s,]*", _QUOTED.sub("", cell[1:-1])) is None:
            return None
        names = [single or double for single, double in _QUOTED.findall(cell)]
    return [text for name in names if (text := str(name).strip())] if isinstance(names, list) else None


def _divides(pattern: re.Pattern[str], distinct: set[str], heading: str) -> bool:
    """Whether most cells with this separator consist of labels that occur elsewhere; for spaces, alone in a cell.

    In a column of tags it is enough that they recur.
    """
    apart = [parts for cell in distinct if len(parts := list(dict.fromkeys(_parts(cell, pattern)))) > 1]
    counts = Counter(part for parts in apart for part in parts)
    alone_only = pattern == _SEPARATORS[-1] and heading.strip().lower() not in _EXPECTED

    def elsewhere(part: str) -> bool:
        return part in distinct or (not alone_only and counts[part] > 1)

    return 2 * sum(all(map(elsewhere, parts)) for parts in apart) > len(apart)


def _parts(cell: str, pattern: re.Pattern[str]) -> list[str]:
    return [text for part in pattern.split(cell) if (text := part.strip())]
