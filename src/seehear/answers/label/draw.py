"""The picture of labels: which classes are taken for which others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from seehear.answers.figure import BLUE, FAINT, INK, PAPER, RED, Sheet, blend, shortened, text_width
from seehear.answers.label.answer import LabelSpec

Array = NDArray[Any]
ALL_SHOWN = 40  # classes; of more, those most often confused
MOST_CONFUSED = 25
NAME = 150  # pixels of the page that a class name may take
MARGIN = 16


def draw(compared: Mapping[str, Array], spec: LabelSpec) -> Image:
    """A confusion matrix: truth in rows, answer in columns, each row shaded by its shares.

    Where an example may have several classes, there is a row for each class: found, missed, named wrongly.
    """
    truth, said = compared["truth"], compared["said"]
    if spec.several:
        counts = np.stack([(truth & said).sum(0), (truth & ~said).sum(0), (~truth & said).sum(0)], axis=1)
        mistakes, has = counts[:, 1:].sum(1), truth.sum(0)
        shares = counts / np.maximum(np.stack([has, has, len(truth) - has], axis=1), 1)
        shown = _most_confused(mistakes)
        good = np.broadcast_to([True, False, False], counts.shape)
        return _matrix(
            _shown("each class", shown, spec),
            [spec.classes[i] for i in shown],
            ["found", "missed", "named wrongly"],
            cells=(counts[shown], shares[shown], good[shown]),
        )
    confusion = truth.T.astype(np.int64) @ said.astype(np.int64)
    diagonal = np.eye(len(confusion), dtype=bool)
    wrong = np.where(diagonal, 0, confusion)
    shown = _most_confused(wrong.sum(0) + wrong.sum(1))
    chosen = np.ix_(shown, shown)
    shares = confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
    names = [spec.classes[i] for i in shown]
    return _matrix(
        _shown("truth in rows, answers in columns", shown, spec),
        names,
        names,
        cells=(confusion[chosen], shares[chosen], diagonal[chosen]),
    )


def _shown(what: str, shown: Array, spec: LabelSpec) -> str:
    every = len(shown) == len(spec.classes)
    return what if every else f"{what}: the {len(shown)} most confused of {len(spec.classes):,} classes"


def _most_confused(mistakes: Array) -> Array:
    """All classes, or the places of those with the most mistakes, in the classes' order."""
    if len(mistakes) <= ALL_SHOWN:
        return np.arange(len(mistakes))
    return np.sort(np.argsort(-mistakes, kind="stable")[:MOST_CONFUSED])


def _matrix(title: str, rows: Sequence[str], columns: Sequence[str], *, cells: tuple[Array, Array, Array]) -> Image:
    """Numbers in shaded cells, blue where right and red where wrong; cells are counts, shares, good (rows, columns)."""
    counts, shares, good = cells
    cell, size = (46, 13) if len(rows) <= 12 else (34, 11) if len(rows) <= 25 else (26, 9)
    rows, columns = [shortened(r, NAME) for r in rows], [shortened(c, NAME) for c in columns]
    left = MARGIN + max(text_width(r) for r in rows) + 10
    top = 44 + max(text_width(c) for c in columns) + 10
    width = max(left + cell * len(columns), MARGIN + text_width(title)) + MARGIN
    sheet = Sheet(width, top + cell * len(rows) + MARGIN)
    sheet.text((MARGIN, 20), title, color=FAINT)
    for j, name in enumerate(columns):
        sheet.upright((left + cell * (j + 0.5), top - 8), name)
    for i, name in enumerate(rows):
        sheet.text((left - 10, top + cell * (i + 0.5)), name, anchor="rm")
    for (i, j), n in np.ndenumerate(counts):
        x, y, share = left + cell * j, top + cell * i, float(shares[i, j])
        shade = blend(BLUE if good[i, j] else RED, 0.06 + 0.9 * share**0.7 if n else 0.03)
        sheet.box((x + 1, y + 1), (cell - 2, cell - 2), shade)
        if n:
            ink = PAPER if share > 0.45 else INK
            sheet.text((x + cell / 2, y + cell / 2), _count(n), size=size, color=ink, anchor="mm")
    return sheet.finished()


def _count(n: int) -> str:
    return str(n) if n < 10_000 else f"{n / 1000:.0f}k"
