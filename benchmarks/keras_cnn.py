"""Compare with the convolutional network of Keras' tutorial: the same pictures and the same training time.

python -m benchmarks.keras_cnn [--budgets 1 3 8] [--data ../shared/data]
TensorFlow runs in a separate virtual environment, created on first use.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.accuracy import evaluate_model, train_model
from benchmarks.budget import Budget
from benchmarks.data import DATA, AbsentError, Examples, Store, cifar10
from benchmarks.machine import pace
from benchmarks.results import Figure, record

BUDGETS = (1.0, 3.0, 8.0)  # standard minutes


def compare(standard_minutes: float, examples: Examples, store: Store, *, tried_s: float | None = None) -> None:
    """Ours, then theirs. Our budget includes everything from reading files to writing the model; theirs only the fit.

    tried_s  for a quick try: seconds of theirs after a few steps of ours; nothing is stored
    """
    before = pace()
    minutes = before.minutes(standard_minutes)
    budget = Budget(minutes, steps=None if tried_s is None else 2)
    (test_name, test), *_ = examples.tests.items()
    ours = evaluate_model(train_model(examples, budget, ("image",), out=store.cache / "beside-keras.seehear"), test)
    theirs = tutorial(store.environment("keras", "tensorflow-cpu"), pictures(examples, store), tried_s or minutes * 60)
    accuracy, best = ours.metrics["accuracy"], max(theirs)
    figures = [
        Figure("accuracy of seehear", accuracy, "%", *ours.intervals["accuracy"]),
        Figure("accuracy of Keras' tutorial network", theirs[-1], "%"),
        Figure(f"the same at the best of its {len(theirs)} epochs on the test set", best, "%"),
        Figure("margin of seehear over that", 100 * (accuracy - best), "points", at_least=0.0),
    ]
    note = f"all of CIFAR-10's train part, {standard_minutes:g} standard minutes each; evaluated on {test_name}"
    name = f"keras-{standard_minutes:g}"
    record(name, note, figures, before=before, after=pace(), keep=tried_s is None)


def pictures(examples: Examples, store: Store) -> Path:
    """Both parts decoded into one file, so that theirs need not decode anything."""

    def make(folder: Path) -> None:
        (train_images, train_labels), (test_images, test_labels) = map(_decoded, (examples.train, test))
        np.savez(
            folder / "cifar10.npz",
            train_images=train_images,
            train_labels=train_labels,
            test_images=test_images,
            test_labels=test_labels,
        )

    test = next(iter(examples.tests.values()))
    return store.made("keras-pictures", make) / "cifar10.npz"


def _decoded(place: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """A folder of class folders -> images (n, H, W, 3) and the numbers of their classes (n,)."""
    classes = sorted(path.name for path in place.iterdir())
    files = sorted(place.glob("*/*.jpg"))
    images = np.stack([np.asarray(Image.open(file).convert("RGB")) for file in files])
    return images, np.array([classes.index(file.parent.name) for file in files])


def tutorial(python: Path, npz: Path, seconds: float) -> list[float]:
    """Test accuracies after each epoch, and at the end of the time."""
    script = Path(__file__).with_name("keras_tutorial.py")
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": ""}
    done = subprocess.run([python, script, npz, str(seconds)], env=quiet, stdout=subprocess.PIPE, text=True, check=True)
    accuracies: list[float] = json.loads(done.stdout.splitlines()[-1])["accuracies"]
    return accuracies


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.keras_cnn", description=__doc__)
    parser.add_argument("--budgets", type=float, nargs="+", default=BUDGETS, help="standard minutes")
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of the archives")
    parser.add_argument("--tried-s", type=float, help="seconds of training, for a quick try: nothing is stored")
    options = parser.parse_args()
    store = Store(options.data)
    try:
        examples = cifar10(store)
    except AbsentError as absent:
        print(f"keras: {absent}")
        return
    for standard_minutes in options.budgets:
        compare(standard_minutes, examples, store, tried_s=options.tried_s)


if __name__ == "__main__":
    main()
