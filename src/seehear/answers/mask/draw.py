"""The picture of masks: how well each class is found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from seehear.answers.figure import FAINT, GRID, INK, Sheet, shortened, text_width
from seehear.answers.mask.metric import ious
from seehear.answers.mask.spec import MaskSpec

Array = NDArray[Any]
SHOWN = 40  # classes; of more, those that are the most pixels
NAME, BAR, ROW, MARGIN, TOP = 170, 260, 24, 16, 52  # pixels of the page


def draw(compared: Mapping[str, Array], spec: MaskSpec) -> Image:
    """A bar for each class in its own colour: what is found of all that is or is said to be; the best first."""
    iou, true = ious(compared), compared["true"].sum(0)
    shown = np.argsort(-true, kind="stable")[:SHOWN]
    shown = shown[np.argsort(-np.nan_to_num(iou[shown], nan=-1.0), kind="stable")]
    names = [shortened(spec.classes[i], NAME) for i in shown]
    left = MARGIN + max(text_width(name) for name in names) + 10
    sheet = Sheet(left + BAR + 190 + MARGIN, TOP + ROW * len(shown) + MARGIN)
    few = "" if len(shown) == len(spec.classes) else f", the {SHOWN} largest of {len(spec.classes)} classes"
    sheet.text((MARGIN, 22), f"pixels found, of all that are of the class or were said to be{few}", color=FAINT)
    for place, (i, name) in enumerate(zip(shown, names, strict=True)):
        y = TOP + ROW * place
        share = iou[i]
        sheet.text((left - 10, y + ROW / 2), name, anchor="rm")
        sheet.box((left, y + 4), (BAR, ROW - 8), GRID)
        if not np.isnan(share):
            sheet.box((left, y + 4), (BAR * share, ROW - 8), spec.colors[i])
        said = "nowhere" if np.isnan(share) else f"{100 * share:.0f} %"
        sheet.text((left + BAR + 10, y + ROW / 2), said, color=INK)
        sheet.text((left + BAR + 62, y + ROW / 2), f"{100 * true[i] / max(true.sum(), 1):.1f} % of all", color=FAINT)
    return sheet.finished()
