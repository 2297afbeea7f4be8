"""Finds duplicates: across parts, with different answers, in different groups such as people, or just repeated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seehear.amounts import conjugate, format_count
from seehear.check.examined import ExaminedSense, ExaminedTable, each_row
from seehear.check.finding import REMOVE, Concern, Correction, Finding
from seehear.media import Excerpt, path_of
from seehear.table.duplicates import find_identical_files
from seehear.table.groups import RECORDING, is_group, singular

Indices = NDArray[np.int64]

IDENTICAL, NEAR = "identical to", "nearly the same as"
KEPT_FIRST = ("test", "val", "train", "")  # of two versions, the one in the earlier of these parts is kept


class Alike(NamedTuple):
    """Rows that are versions of one example, the one to keep first.

    how  IDENTICAL or NEAR: what each is to the first
    """

    rows: tuple[int, ...]
    how: tuple[str, ...]


def find_duplicates(examined: ExaminedTable) -> Iterator[Finding]:
    """Each group of versions is in one finding: the most serious one that applies."""
    leaks, contradictions, shared, repeats = list[Alike](), list[Alike](), list[Alike](), list[Alike]()
    for alike in group_versions(examined):
        if len({examined.parts[row] for row in alike.rows}) > 1:
            leaks.append(alike)
        elif _contradict(examined, alike):
            contradictions.append(alike)
        elif _name_group(examined, alike):
            shared.append(alike)
        else:
            repeats.append(alike)
    yield from _report_leaks(examined, leaks)
    yield from _report_contradictions(examined, contradictions)
    yield from _report_shared(examined, shared)
    yield from _report_repeats(examined, repeats)


def group_versions(examined: ExaminedTable) -> list[Alike]:
    """The groups of two rows or more that are alike in every sense they have."""
    if not examined.senses:
        return []
    versions, contents = zip(*(_encode_inputs(each) for each in examined.senses.values()), strict=True)
    rows = [
        np.stack([np.append(codes, -1)[each.codes] for codes, each in zip(some, examined.senses.values(), strict=True)])
        for some in (versions, contents)
    ]
    version, content = (np.unique(codes, axis=1, return_inverse=True)[1].reshape(-1) for codes in rows)
    readable = (rows[0] >= 0).any(0)
    return [
        _order(examined, members.tolist(), content)
        for _, members in each_row(np.where(readable, version, -1))
        if len(members) > 1
    ]


def _order(examined: ExaminedTable, rows: list[int], content: Indices) -> Alike:
    ordered = sorted(rows, key=lambda row: (KEPT_FIRST.index(examined.parts[row]), row))
    return Alike(tuple(ordered), tuple(IDENTICAL if content[row] == content[ordered[0]] else NEAR for row in ordered))


def _encode_inputs(each: ExaminedSense) -> tuple[Indices, Indices]:
    """(codes (inputs,), equal for versions; codes (inputs,), equal for identical inputs)."""
    spans = [(source.start_s, source.end_s) if isinstance(source, Excerpt) else None for source in each.sources]
    files = find_identical_files([path_of(source) for source in each.sources]).tolist()
    numbers: dict[object, int] = {}
    content = np.array([numbers.setdefault(named, len(numbers)) for named in zip(files, spans, strict=True)], np.int64)
    if each.sense.examiner is None:
        return content, content
    pairs = each.sense.examiner.find_near_duplicates(
        [examination.fingerprint if examination else None for examination in each.examinations]
    )
    return _connect(content, [(pair.first, pair.second) for pair in pairs]), content


def _connect(content: Indices, pairs: Sequence[tuple[int, int]]) -> Indices:
    """The codes of the connected components: inputs with the same content, and pairs, are connected."""
    parent = {}
    for code in content.tolist():
        parent[code] = code

    def find(code: int) -> int:
        while parent[code] != code:
            parent[code] = code = parent[parent[code]]
        return code

    for first, second in pairs:
        parent[find(int(content[first]))] = find(int(content[second]))
    return np.array([find(code) for code in content.tolist()], np.int64)


def _contradict(examined: ExaminedTable, alike: Alike) -> bool:
    """Whether versions have different answers. Positions are not compared, as they differ in a mirrored or cropped
    version; nor are answers in files."""
    if examined.kind is None or examined.table.in_files:
        return False
    spatial = examined.kind.spatial is not None
    rows = [row for row, how in zip(alike.rows, alike.how, strict=True) if how == IDENTICAL or not spatial]
    return len({_normalise(examined.answers[row]) for row in rows}) > 1


def _normalise(answer: str) -> str:
    return " ".join(answer.casefold().split())


def _name_group(examined: ExaminedTable, alike: Alike) -> str:
    """The noun of a group column, such as speaker, in which the versions differ; "" if there is none."""
    for heading in examined.table.metadata:
        if is_group(heading) and heading != RECORDING:
            cells = examined.metadata(heading)
            if len({cells[row] for row in alike.rows if cells[row]}) > 1:
                return singular(heading)
    return ""


def _report_leaks(examined: ExaminedTable, leaks: Sequence[Alike]) -> Iterator[Finding]:
    parts = examined.parts
    concerns = [
        each if parts[row] != parts[each.beside[0]] else replace(each, correction=None)
        for row, each in _list_repeats(examined, leaks, lambda alike: f" in {parts[alike.rows[0]]!r}")
    ]
    if concerns:
        yield Finding(
            "leaks between parts",
            "problem",
            f"{format_count(len(leaks), 'example')} of a held-out part {conjugate('is', len(leaks))} also in another "
            "part: results on that part are better than they would be on new examples",
            tuple(concerns),
            _count(leaks),
        )


def _report_contradictions(examined: ExaminedTable, contradictions: Sequence[Alike]) -> Iterator[Finding]:
    concerns = []
    for alike in contradictions:
        answers = Counter(examined.answers[row] for row in alike.rows)
        (usual, votes), others = answers.most_common(1)[0], sorted(answers)
        decided = votes > 1 and 2 * votes > len(alike.rows)
        for row in alike.rows:
            correction = Correction(usual) if decided else REMOVE
            reason = f"{_shorten(examined.answers[row])} here, but its versions have {_list_answers(others)}"
            beside = tuple(other for other in alike.rows if other != row)
            if not decided or examined.answers[row] != usual:
                concerns.append(Concern(examined.keys[row], reason, row, beside, correction))
    if concerns:
        count = len(contradictions)
        yield Finding(
            "contradicting answers",
            "problem",
            f"{format_count(count, 'example')} {conjugate('is', count)} in the table with several answers: "
            f"{concerns[0].where} has {concerns[0].reason}",
            tuple(concerns),
            _count(contradictions),
        )


def _report_shared(examined: ExaminedTable, shared: Sequence[Alike]) -> Iterator[Finding]:
    listed = _list_repeats(examined, shared, lambda alike: f" of another {_name_group(examined, alike)}")
    concerns = [each for _, each in listed]
    if concerns:
        noun = _name_group(examined, shared[0])
        yield Finding(
            "shared between groups",
            "problem",
            f"{format_count(len(shared), 'example')} {conjugate('is', len(shared))} in the table under more than one "
            f"{noun}: a split by {noun} would not keep them apart",
            tuple(concerns),
            _count(shared),
        )


def _report_repeats(examined: ExaminedTable, repeats: Sequence[Alike]) -> Iterator[Finding]:
    concerns = [each for _, each in _list_repeats(examined, repeats, lambda alike: "")]
    if concerns:
        figures = _count(repeats)
        yield Finding(
            "duplicates",
            "warning",
            f"{format_count(len(concerns), 'row')} {conjugate('repeats', len(concerns))} another, "
            f"{figures['identical']:,} of them exactly: {concerns[0].where} is {concerns[0].reason}",
            tuple(concerns),
            figures,
        )


def _list_repeats(
    examined: ExaminedTable, groups: Sequence[Alike], where: Callable[[Alike], str]
) -> Iterator[tuple[int, Concern]]:
    """(row, concern) for each row but the first of its group. `where` says where the first one is."""
    for alike in groups:
        first, *others = alike.rows
        named = f"{examined.keys[first]}{where(alike)}"
        for row, how in zip(others, alike.how[1:], strict=True):
            yield row, Concern(examined.keys[row], f"{how} {named}", row, (first,), REMOVE)


def _count(groups: Sequence[Alike]) -> dict[str, int]:
    """Count the groups of versions, and all rows but the first of each: identical ones and others."""
    identical = sum(how == IDENTICAL for alike in groups for how in alike.how[1:])
    return {
        "groups": len(groups),
        "identical": identical,
        "near": sum(len(alike.rows) - 1 for alike in groups) - identical,
    }


def _list_answers(answers: Sequence[str]) -> str:
    return " and ".join(map(_shorten, answers[:3])) + (" and others" if len(answers) > 3 else "")


def _shorten(answer: str) -> str:
    return repr(answer if len(answer) <= 40 else answer[:39] + "…")
