"""Choose what to accept: how many answers the model can give at a share of mistakes that you set.

Also measures what noise, blur and other light cost. The pictures are scikit-learn's copy of the UCI handwritten
digits, made faint and grainy, so that some cannot be read.

    python examples/choose_what_to_accept.py
"""

from __future__ import annotations

import csv
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

import seehear
from seehear.demo.digits import fade


def save_table(folder: Path, rows: slice) -> Path:
    """Write the pictures and a table of them: image, label."""
    digits, random = load_digits(), np.random.default_rng(0)
    folder.mkdir(parents=True)
    with (folder / "digits.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("image", "label"))
        for number, (pixels, digit) in enumerate(zip(digits.images[rows], digits.target[rows], strict=True)):
            grey = np.uint8(255 * (1 - fade(pixels / 16, random)))
            Image.fromarray(grey).resize((32, 32)).save(folder / f"{number}.png")
            table.writerow((f"{number}.png", digit))
    return folder / "digits.csv"


def main() -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        model = seehear.train(save_table(folder / "train", slice(0, 1200)), minutes=0.75)
        test = save_table(folder / "test", slice(1200, None))

        for wrong_at_most in (0.02, 0.05, 0.10):
            metrics = model.evaluate(test, wrong_at_most=wrong_at_most).metrics
            print(f"at most {wrong_at_most:.0%} wrong: {metrics['coverage']:.0%} are accepted, "
                  f"{metrics['accepted_error']:.1%} of those are wrong")  # fmt: skip

        stress = model.evaluate(test, stress=True).stress
        assert stress is not None  # because it was requested
        print(f"{stress.retained('accuracy'):.0%} of the accuracy is kept under noise, blur and the like")


if __name__ == "__main__":
    main()
