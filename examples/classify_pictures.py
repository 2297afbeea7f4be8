"""Classify pictures: one folder for each class, and "I don't know" for what belongs to none of them.

The pictures are scikit-learn's copy of the UCI handwritten digits, so nothing is downloaded.

    python examples/classify_pictures.py
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

import seehear

TRAINED_ON, TESTED_ON = 500, 297  # the last pictures were written by other people


def save_digits(folder: Path, rows: slice) -> Path:
    """Write each picture to folder/CLASS/NUMBER.png."""
    digits = load_digits()
    for number, (pixels, digit) in enumerate(zip(digits.images[rows], digits.target[rows], strict=True)):
        path = folder / f"{digit}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.uint8(255 - pixels * 15)).resize((32, 32)).save(path)
    return folder


def main() -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        train = save_digits(folder / "train", slice(0, TRAINED_ON))
        test = save_digits(folder / "test", slice(-TESTED_ON, None))

        model = seehear.train(train, folder / "digits.seehear", minutes=0.5)
        print(model.evaluate(test))

        for prediction in model.predict(sorted((test / "7").glob("*.png"))[:3]):
            answer = prediction.answer if prediction.accepted else f"I don't know: {prediction.reason}"
            print(f"a seven: {answer} ({prediction.confidence:.0%})")

        noise = np.random.default_rng(0).integers(0, 256, (32, 32), np.uint8)
        prediction = model.predict(noise)
        print(f"noise: {prediction.answer if prediction.accepted else prediction.reason}")


if __name__ == "__main__":
    main()
