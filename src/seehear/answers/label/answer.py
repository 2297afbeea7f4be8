"""Labels: the Spec of a column, and one label; from a cell to the truth, from logits to the answer."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, model_validator

from seehear.amounts import format_count
from seehear.answers.class_names import make_unknown_class_error
from seehear.answers.heading import are_identifiers, means_classes
from seehear.answers.label.cells import among, divided, separator
from seehear.errors import DataError
from seehear.geometry import Geometry, Warp

MAX_NUMERIC_CLASSES = 20  # more distinct numbers are measurements, not classes
ALTERNATIVES = 4

Array = NDArray[Any]


class LabelSpec(BaseModel):
    """The classes in the order of the logits with their counts, and whether an example may have several."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    classes: tuple[str, ...]
    several: bool
    counts: tuple[int, ...]

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        if not self.classes or len(set(self.classes)) != len(self.classes) or len(self.counts) != len(self.classes):
            raise ValueError(f"{len(self.classes)} classes, each once, need {len(self.classes)} counts")
        return self

    @cached_property
    def index(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.classes)}

    def __str__(self) -> str:
        kinds = format_count(len(self.classes), "class")
        shown = ", ".join(f"{c} ({n:,})" for c, n in zip(self.classes[:10], self.counts, strict=False))
        more = f" and {len(self.classes) - 10:,} more" if len(self.classes) > 10 else ""
        return f"{f'any number of {kinds}' if self.several else f'one of {kinds}'}: {shown}{more}"


@dataclass(frozen=True)
class Label:
    """Exactly one class, or any number if `several`. `probabilities` has the order of the Spec's classes."""

    names: tuple[str, ...]
    several: bool = False
    confidence: float = 1.0
    alternatives: tuple[tuple[Any, float], ...] = ()
    probabilities: tuple[float, ...] = ()

    def transform(self, warp: Warp) -> Label:
        """The class does not depend on position."""
        return self

    def to_json(self) -> dict[str, Any]:
        return {"labels": list(self.names)} if self.several else {"label": self.names[0]}

    def to_cell(self) -> str:
        """The class; a JSON list if an example may have several."""
        return json.dumps(self.names, ensure_ascii=False) if self.several else self.names[0]

    def files(self) -> dict[str, bytes]:
        return {}

    def to_marked_text(self) -> str:
        return str(self)

    def __str__(self) -> str:
        return ", ".join(self.names) or "none of the classes"


def plan(cells: Iterable[str], column: str, auxiliary: Sequence[str] | None = None) -> LabelSpec:
    """The classes in natural order with their counts; `several` if cells hold lists.

    Raises DataError unless there are at least two classes, each of at least two examples.
    """
    counts_by_cell = Counter(cell.strip() for cell in cells)
    where, rows = f"column '{column}'", counts_by_cell.total()
    if not rows:
        raise DataError("contains no answers", where=where, hint="give every example its class")
    between = separator(counts_by_cell, column)
    several = between is not None
    classes: Counter[str] = Counter()
    for cell, times in counts_by_cell.items():
        classes.update(dict.fromkeys(divided(cell, between), times))
    if len(classes) > max(MAX_NUMERIC_CLASSES, rows / 2) and not several:
        raise DataError(
            f"{len(classes):,} different answers in {rows:,} rows are not classes: {_quoted(list(classes)[:3])}, …",
            where=where,
            allowed="classes that recur, each at least twice",
            hint="if these are measurements, name the column 'score'; otherwise choose another answer column",
        )
    only = next(iter(classes), "")
    if len(classes) < 2 and (not several or classes[only] in (0, rows)):
        raise DataError(
            f"every row has the same answer, '{only}'",
            where=where,
            allowed="at least two classes",
            hint="add examples of what it is not, for instance a class 'other'",
        )
    rare = [name for name, times in classes.items() if times < 2]
    if rare:
        raise DataError(
            f"{format_count(len(rare), 'class')} with one example: {_quoted(rare[:5])}{', …' if len(rare) > 5 else ''}",
            where=where,
            allowed="at least 2 examples of each class, better 20",
            hint="add examples, merge the class with another, or remove it",
        )
    order = sorted(classes, key=_natural)
    return LabelSpec(classes=tuple(order), several=several, counts=tuple(classes[name] for name in order))


def extend(spec: LabelSpec, counts: Mapping[str, int]) -> LabelSpec:
    """The Spec with further classes after its own, with their counts."""
    return LabelSpec(classes=(*spec.classes, *counts), several=spec.several, counts=(*spec.counts, *counts.values()))


def fits(cells: Sequence[str], heading: str) -> bool:
    """Few distinct cells that recur; not many distinct numbers, which are measurements, unless they are identifiers."""
    distinct = set(cells)
    numbers = (
        len(distinct) > MAX_NUMERIC_CLASSES
        and all(map(_is_number, distinct))
        and not are_identifiers(heading, distinct)
    )
    return 0 < len(distinct) <= len(cells) / 2 and not numbers


def means(heading: str) -> bool:
    """Whether a heading outside `columns` names classes: class_id, target_class."""
    return means_classes(heading)


def describe(cells: Iterable[str], heading: str) -> str:
    """The number of classes in a column."""
    between = separator(cells := {cell.strip() for cell in cells}, heading)
    kinds = format_count(len({name for cell in cells for name in divided(cell, between)}), "class")
    return kinds if between is None else f"any number of {kinds} in one cell"


def read(cell: str, spec: LabelSpec) -> Label:
    names = among(cell.strip(), spec.index) if spec.several else [cell.strip()]
    for name in names:
        if name not in spec.index:
            raise make_unknown_class_error(name, spec.classes)
    return Label(tuple(sorted(names, key=spec.index.__getitem__)), spec.several)


def stratum(cell: str) -> str:
    """The class; a combination of several is a stratum of its own."""
    return cell.strip()


def target(answer: Label, spec: LabelSpec, geometry: Geometry | None) -> dict[str, Array]:
    """{"classes": (C,) float32}: one-hot, or multi-hot if an example may have several classes."""
    has = np.zeros(len(spec.classes), np.float32)
    has[[spec.index[name] for name in answer.names]] = 1
    return {"classes": has}


def raw_shapes(spec: LabelSpec) -> dict[str, tuple[int, ...]]:
    """One logit for each class."""
    return {"logits": (len(spec.classes),)}


def to_answer(
    raw: Mapping[str, Array], spec: LabelSpec, calibration: Mapping[str, float], geometry: Geometry | None
) -> Label:
    """raw: logits (C,). Softmax, or a sigmoid for each class if `several`, at the fitted temperature."""
    logits = raw["logits"].astype(np.float64) / calibration.get("temperature", 1.0)
    return _multi_label(logits, spec) if spec.several else _single_label(logits, spec)


def read_classes(written: Any, spec: LabelSpec) -> Sequence[str] | None:
    """From an answer's JSON, or from one line, which does not separate several classes clearly."""
    if isinstance(written, str):
        return None if spec.several or written not in spec.index else (written,)
    if not isinstance(written, Mapping):
        return None
    names = written.get("labels") if spec.several else [written.get("label")]
    if not isinstance(names, list) or not all(isinstance(name, str) and name in spec.index for name in names):
        return None
    return names


def _single_label(logits: Array, spec: LabelSpec) -> Label:
    odds = np.exp(logits - logits.max())
    probabilities = odds / odds.sum()
    best, *others = np.argsort(-probabilities, kind="stable")[: ALTERNATIVES + 1]
    return Label(
        names=(spec.classes[best],),
        confidence=float(probabilities[best]),
        alternatives=tuple((spec.classes[i], float(probabilities[i])) for i in others),
        probabilities=tuple(probabilities.tolist()),
    )


def _multi_label(logits: Array, spec: LabelSpec) -> Label:
    """Confidence is that all classes are right, taken as independent. An alternative flips one class."""
    probabilities = np.exp(-np.logaddexp(0, -logits))
    sure = np.maximum(probabilities, 1 - probabilities)
    confidence = float(sure.prod())
    has = probabilities > 0.5

    def flipped(i: int) -> list[str]:
        return [name for k, name in enumerate(spec.classes) if has[k] ^ (k == i)]

    unsure = np.argsort(sure, kind="stable")[:ALTERNATIVES]
    return Label(
        names=tuple(name for name, yes in zip(spec.classes, has, strict=True) if yes),
        several=True,
        confidence=confidence,
        alternatives=tuple((flipped(i), confidence * float((1 - sure[i]) / sure[i])) for i in unsure),
        probabilities=tuple(probabilities.tolist()),
    )


def _natural(name: str) -> tuple[tuple[bool, int, str, str], ...]:
    """A sort key: 2 before 10, class2 before class10."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    digits = [part.lstrip("0") if part.isascii() and part.isdigit() else None for part in parts]
    return tuple(
        # A number of any length, without int(), which refuses the longest.
        (True, 0, part, part) if number is None else (False, len(number), number, part)
        for part, number in zip(parts, digits, strict=True)
    )


def _is_number(cell: str) -> bool:
    return re.fullmatch(r"\s*[+-]?([0-9]+([.,][0-9]+)?|[.,][0-9]+)([eE][+-]?[0-9]+)?\s*", cell) is not None


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
