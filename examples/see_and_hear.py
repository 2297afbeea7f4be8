"""Use two senses: learn digits that are seen and heard, and answer with either sense missing.

Handwriting and voices are as noisy as those of `seehear demo`, so that one sense is rarely enough.

    python examples/see_and_hear.py
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import seehear
from seehear.demo.digits import make_digits


def main() -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        digits = make_digits(folder / "digits", limit=400)
        model = seehear.train(digits.train, minutes=1)

        for senses in (["image", "audio"], ["image"], ["audio"]):
            wrong = model.evaluate(digits.test, senses=senses).metrics["wrong"]
            print(f"{' and '.join(senses):<16} {wrong:.1%} wrong")

        first = folder / "digits" / "test" / "0001"
        for files in ({"image": first.with_suffix(".png"), "audio": first.with_suffix(".wav")},
                      {"image": first.with_suffix(".png")}):  # fmt: skip
            prediction = model.predict(files)
            print(f"from {' and '.join(prediction.used)}: {prediction.answer} ({prediction.confidence:.0%})")


if __name__ == "__main__":
    main()
