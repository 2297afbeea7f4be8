"""The page of a comparison of two models: figures, what changed in which group, and the examples that changed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from seehear.files import write_atomically
from seehear.measure.comparison import PairedComparison
from seehear.results.report.embedding import embed, render

SIDE_PX = 320  # of thumbnails


def write_comparison(folder: Path, comparison: PairedComparison, pictures: Sequence[Image.Image]) -> Path:
    """Write index.html, which needs no other file; returns its path. `pictures` are of the first flips, in order."""
    folder.mkdir(parents=True, exist_ok=True)
    thumbnails = []
    for number, picture in enumerate(pictures):
        small = picture.convert("RGB")
        small.thumbnail((SIDE_PX, SIDE_PX))
        thumbnails.append(embed(small, f"{number}.jpg"))
    shown = list(zip(comparison.flips, thumbnails, strict=False))
    page = folder / "index.html"
    text = render("comparison.html", comparison=comparison, shown=shown)
    write_atomically(page, text.encode("utf-8", "replace"))
    return page
