"""The report's figure for labels: a confusion matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from seehear.answers.figure import BLUE, FAINT, INK, PAPER, RED, Canvas, text_width, tint, truncate
from seehear.answers.label.answer import LabelSpec

Array = NDArray[Any]
MAX_CLASSES = 40  # if there are more, the MOST_CONFUSED are shown
MOST_CONFUSED = 25
NAME, MARGIN = 150, 16  # page pixels


def draw(compared: Mapping[str, Array], spec: LabelSpec) -> Image:
    """A confusion matrix: truth in rows, answers in columns, each row shaded by its shares.

    For multi-label classification, a row per class: true positives, false negatives, false positives.
    """
    return (_multilabel_counts if spec.several else _confusion_matrix)(compared["truth"], compared["predicted"], spec)


def _multilabel_counts(truth: Array, predicted: Array, spec: LabelSpec) -> Image:
    counts = np.stack([(truth & predicted).sum(0), (truth & ~predicted).sum(0), (~truth & predicted).sum(0)], axis=1)
    positives = truth.sum(0)
    shares = counts / np.maximum(np.stack([positives, positives, len(truth) - positives], axis=1), 1)
    shown = _most_confused(counts[:, 1:].sum(1))
    correct = np.broadcast_to([True, False, False], counts.shape)
    return _matrix(
        _title("each class", shown, spec),
        [spec.classes[i] for i in shown],
        ["true positives", "false negatives", "false positives"],
        cells=(counts[shown], shares[shown], correct[shown]),
    )


def _confusion_matrix(truth: Array, predicted: Array, spec: LabelSpec) -> Image:
    confusion = truth.T.astype(np.int64) @ predicted.astype(np.int64)
    diagonal = np.eye(len(confusion), dtype=bool)
    errors = np.where(diagonal, 0, confusion)
    shown = _most_confused(errors.sum(0) + errors.sum(1))
    block = np.ix_(shown, shown)
    shares = confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
    names = [spec.classes[i] for i in shown]
    return _matrix(
        _title("truth in rows, answers in columns", shown, spec),
        names,
        names,
        cells=(confusion[block], shares[block], diagonal[block]),
    )


def _title(title: str, shown: Array, spec: LabelSpec) -> str:
    if len(shown) == len(spec.classes):
        return title
    return f"{title}: the {len(shown)} most confused of {len(spec.classes):,} classes"


def _most_confused(errors: Array) -> Array:
    """Indices of all classes, or of those with the most errors, in the classes' order."""
    if len(errors) <= MAX_CLASSES:
        return np.arange(len(errors))
    return np.sort(np.argsort(-errors, kind="stable")[:MOST_CONFUSED])


def _matrix(title: str, rows: Sequence[str], columns: Sequence[str], *, cells: tuple[Array, Array, Array]) -> Image:
    """Numbers in shaded cells, blue if correct and red if not. cells: counts, shares, correct, each (rows, columns)."""
    counts, shares, correct = cells
    cell, size = (46, 13) if len(rows) <= 12 else (34, 11) if len(rows) <= 25 else (26, 9)
    rows, columns = [truncate(r, NAME) for r in rows], [truncate(c, NAME) for c in columns]
    left = MARGIN + max(text_width(r) for r in rows) + 10
    top = 44 + max(text_width(c) for c in columns) + 10
    width = max(left + cell * len(columns), MARGIN + text_width(title)) + MARGIN
    canvas = Canvas(width, top + cell * len(rows) + MARGIN)
    canvas.text((MARGIN, 20), title, color=FAINT)
    for j, name in enumerate(columns):
        canvas.vertical_text((left + cell * (j + 0.5), top - 8), name)
    for i, name in enumerate(rows):
        canvas.text((left - 10, top + cell * (i + 0.5)), name, anchor="rm")
    for (i, j), n in np.ndenumerate(counts):
        x, y, share = left + cell * j, top + cell * i, float(shares[i, j])
        shade = tint(BLUE if correct[i, j] else RED, 0.06 + 0.9 * share**0.7 if n else 0.03)
        canvas.rectangle((x + 1, y + 1), (cell - 2, cell - 2), shade)
        if n:
            ink = PAPER if share > 0.45 else INK
            canvas.text((x + cell / 2, y + cell / 2), _format_count(n), size=size, color=ink, anchor="mm")
    return canvas.to_image()


def _format_count(n: int) -> str:
    return str(n) if n < 10_000 else f"{n / 1000:.0f}k"
