"""Detect objects: train on pictures with boxes, then find, count and draw what is in a new one.

Each picture is a page on which handwritten 0s, 1s and 4s (scikit-learn's copy of the UCI data) are scattered.

    python examples/detect_objects.py [PICTURE.png]      # where to save the annotated page
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

import seehear

WIDTH_PX, HEIGHT_PX, CELL_PX, DIGIT_PX = 240, 120, 40, 32
PAGES, WRITTEN = 200, (0, 1, 4)  # training pages; the digits on them


def make_page(random: np.random.Generator) -> tuple[Image.Image, list[dict[str, object]]]:
    """A page with some digits that do not overlap -> the page, and the label and corners (xyxy, px) of each."""
    digits = load_digits()
    page = np.full((HEIGHT_PX, WIDTH_PX), 245, np.uint8)
    cells = [(x, y) for x in range(0, WIDTH_PX, CELL_PX) for y in range(0, HEIGHT_PX, CELL_PX)]
    boxes: list[dict[str, object]] = []
    for x, y in random.permutation(cells)[: random.integers(4, 13)]:
        index = int(random.choice(np.flatnonzero(np.isin(digits.target, WRITTEN))))
        ink = np.asarray(Image.fromarray(np.uint8(digits.images[index] * 15)).resize((DIGIT_PX, DIGIT_PX)))
        left, top = (int(start) + int(random.integers(0, CELL_PX - DIGIT_PX)) for start in (x, y))
        page[top : top + DIGIT_PX, left : left + DIGIT_PX] -= np.minimum(ink, 240)
        rows, columns = np.nonzero(ink > 60)
        box = (left + columns.min(), top + rows.min(), left + columns.max() + 1, top + rows.max() + 1)
        boxes.append({"label": str(digits.target[index]), "xyxy": [int(edge) for edge in box]})
    return Image.fromarray(page), boxes


def save_pages(folder: Path, number: int, seed: int) -> Path:
    """Write the pages and a table of them: image, boxes."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    with (folder / "pages.jsonl").open("w") as table:
        for page in range(number):
            picture, boxes = make_page(random)
            picture.save(folder / f"{page}.png")
            table.write(json.dumps({"image": f"{page}.png", "boxes": boxes}) + "\n")
    return folder / "pages.jsonl"


def main() -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        model = seehear.train(save_pages(folder / "train", PAGES, seed=0), minutes=1)
        print(model.evaluate(save_pages(folder / "test", 40, seed=1)))

        page, boxes = make_page(np.random.default_rng(2))
        prediction = model.predict(page)
        print(f"{len(boxes)} digits are on the page. Found: {prediction.answer}")
        if len(sys.argv) > 1 and isinstance(prediction.answer, seehear.Boxes):
            prediction.answer.draw_on(page).save(sys.argv[1])


if __name__ == "__main__":
    main()
