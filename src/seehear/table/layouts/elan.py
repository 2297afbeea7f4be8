"""ELAN (.eaf): annotations in tiers, whose times refer to a list of time slots:

    <TIME_ORDER><TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="500"/>…</TIME_ORDER>
    <TIER TIER_ID="words" PARTICIPANT="Ann"><ANNOTATION>
        <ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2">…

Times are in milliseconds. An annotation without times refers to another; it takes that one's times if it is the only
one of its tier that refers to it.
Source: https://www.mpi.nl/tools/elan/EAF_Annotation_Format_3.0_and_ELAN.pdf
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from xml.etree import ElementTree

from seehear.errors import DataError
from seehear.table.layouts.annotation_files import read_xml
from seehear.table.layouts.timed_labels import TimedLabel, TimedLabels, collapse_whitespace, parse_seconds

_LARGEST_BYTES = 1 << 27


def parse_elan(file: Path, name: str) -> TimedLabels:
    """Raises DataError if the file is not an ELAN document."""
    root = read_xml(file, name, _LARGEST_BYTES)
    if root.tag != "ANNOTATION_DOCUMENT":
        raise DataError(f"not an ELAN file but <{root.tag[:40]}>", where=name)
    labels = TimedLabels(name)
    slots_s = {
        slot.get("TIME_SLOT_ID"): parse_seconds(slot.get("TIME_VALUE", "")) / 1000 for slot in root.iter("TIME_SLOT")
    }
    times = _find_times(root, slots_s)
    headings = _headings(root)
    for tier in root.iter("TIER"):
        parents = Counter(each.get("ANNOTATION_REF") for each in tier.iter("REF_ANNOTATION"))
        heading = headings[tier.get("TIER_ID")]
        if any(count > 1 for count in parents.values()):
            what = f"{name}: the tier {heading!r} subdivides annotations without times, and is not read"
            labels.notes.append(what)
            continue
        for annotation in _annotations(tier):
            start_s, end_s = times.get(annotation.get("ANNOTATION_ID"), (float("nan"),) * 2)
            label = collapse_whitespace(annotation.findtext("ANNOTATION_VALUE") or "")
            speaker = collapse_whitespace(tier.get("PARTICIPANT") or "")
            place = f"annotation {(annotation.get('ANNOTATION_ID') or '')[:40]}"
            labels.add(TimedLabel(start_s, end_s, label, heading, speaker), place)
    return labels


def _annotations(tier: ElementTree.Element) -> Iterator[ElementTree.Element]:
    return (each for each in tier.iter() if each.tag in ("ALIGNABLE_ANNOTATION", "REF_ANNOTATION"))


def _find_times(
    root: ElementTree.Element, slots_s: Mapping[str | None, float]
) -> dict[str | None, tuple[float, float]]:
    """(start, end) in seconds by annotation id, resolving references."""
    nowhere = float("nan")
    times: dict[str | None, tuple[float, float]] = {}
    refers: dict[str | None, str | None] = {}
    for annotation in root.iter("ALIGNABLE_ANNOTATION"):
        start, end = (slots_s.get(annotation.get(f"TIME_SLOT_REF{side}"), nowhere) for side in (1, 2))
        times[annotation.get("ANNOTATION_ID")] = start, end
    for annotation in root.iter("REF_ANNOTATION"):
        refers[annotation.get("ANNOTATION_ID")] = annotation.get("ANNOTATION_REF")
    for reference in refers:
        path: dict[str | None, None] = {}
        while reference in refers and reference not in times and reference not in path:
            path[reference] = None
            reference = refers[reference]
        times |= dict.fromkeys(path, times.get(reference, (nowhere, nowhere)))
    return times


def _headings(root: ElementTree.Element) -> dict[str | None, str]:
    """The heading of each tier: its name, or its type if each of several people has one tier of that type."""
    people: dict[str, list[str]] = {}
    for tier in root.iter("TIER"):
        people.setdefault(tier.get("LINGUISTIC_TYPE_REF") or "", []).append(tier.get("PARTICIPANT") or "")
    common = {kind for kind, names in people.items() if kind and len(names) > 1 and all(names) and _all_distinct(names)}
    return {
        tier.get("TIER_ID"): collapse_whitespace(kind if kind in common else tier.get("TIER_ID") or "") or "tier"
        for tier in root.iter("TIER")
        for kind in [tier.get("LINGUISTIC_TYPE_REF") or ""]
    }


def _all_distinct(names: list[str]) -> bool:
    return len(set(names)) == len(names)
