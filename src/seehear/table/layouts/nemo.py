"""NeMo manifests: JSON Lines with one recording each, often named .json:

    {"audio_filepath": "a.wav", "duration": 2.35, "text": "hello and welcome"}
    {"audio_filepath": "b.wav", "offset": 4.1, "duration": 1.9, "text": "about birds"}

Source: https://docs.nvidia.com/nemo-framework/user-guide/latest/nemotoolkit/asr/datasets.html
"""

from __future__ import annotations

from pathlib import Path

from seehear.errors import DataError
from seehear.strict_json import from_json
from seehear.table.directories import list_visible
from seehear.table.layouts.raw_table import RawTable
from seehear.table.layouts.table_files import concatenate_tables
from seehear.table.parts import find_part_in_name
from seehear.table.sheets import JSON_LINES

_FILE = "audio_filepath"
_LONGEST_LINE_BYTES = 1 << 20


def read_nemo(place: Path) -> RawTable | None:
    """Read a manifest, or a folder with one or with one for each part: train_manifest.json, dev_manifest.json."""
    if place.is_file():
        return concatenate_tables(place.parent, [(place, "")]) if _is_manifest(place) else None
    manifests = [place / name for name in list_visible(place)[1] if _is_manifest(place / name)]
    if not manifests:
        return None
    parts = [find_part_in_name(manifest.stem) for manifest in manifests]
    names = ", ".join(manifest.name for manifest in manifests)
    if len(manifests) > 1 and not all(parts):
        hint = "point at one of them, or name them for their parts: train, dev, test"
        raise DataError(f"{place.name} holds {len(manifests)} manifests: {names}", hint=hint)
    return concatenate_tables(place, list(zip(manifests, parts, strict=True)), [f"reading {names}"])


def _is_manifest(file: Path) -> bool:
    if file.suffix.lower() not in JSON_LINES:
        return False
    try:
        with file.open("rb") as lines:
            first = from_json(lines.readline(_LONGEST_LINE_BYTES))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(first, dict) and _FILE in first
