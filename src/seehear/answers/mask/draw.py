"""The report's figure for masks: the IoU of each class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from seehear.answers.figure import FAINT, GRID, INK, Canvas, text_width, truncate
from seehear.answers.mask.metric import ious
from seehear.answers.mask.spec import MaskSpec

Array = NDArray[Any]
MAX_CLASSES = 40  # the largest, if there are more
NAME, BAR, ROW, MARGIN, TOP = 170, 260, 24, 16, 52  # page pixels


def draw(compared: Mapping[str, Array], spec: MaskSpec) -> Image:
    """A bar per class in its own colour, as long as its IoU; best first."""
    iou, true = ious(compared), compared["true"].sum(0)
    shown = np.argsort(-true, kind="stable")[:MAX_CLASSES]
    shown = shown[np.argsort(-np.nan_to_num(iou[shown], nan=-1.0), kind="stable")]
    names = [truncate(spec.classes[i], NAME) for i in shown]
    left = MARGIN + max(text_width(name) for name in names) + 10
    canvas = Canvas(left + BAR + 190 + MARGIN, TOP + ROW * len(shown) + MARGIN)
    of = "" if len(shown) == len(spec.classes) else f" of the {MAX_CLASSES} largest of {len(spec.classes)} classes"
    canvas.text((MARGIN, 22), f"intersection over union{of}, and share of all pixels", color=FAINT)
    for place, (i, name) in enumerate(zip(shown, names, strict=True)):
        y = TOP + ROW * place
        canvas.text((left - 10, y + ROW / 2), name, anchor="rm")
        canvas.rectangle((left, y + 4), (BAR, ROW - 8), GRID)
        if not np.isnan(iou[i]):
            canvas.rectangle((left, y + 4), (BAR * iou[i], ROW - 8), spec.colors[i])
        value = "absent" if np.isnan(iou[i]) else f"{100 * iou[i]:.0f} %"
        canvas.text((left + BAR + 10, y + ROW / 2), value, color=INK)
        canvas.text((left + BAR + 62, y + ROW / 2), f"{100 * true[i] / max(true.sum(), 1):.1f} % of all", color=FAINT)
    return canvas.to_image()
