"""Whether guarantees from cross-fitted answers hold: many small networks, each trained on other handwritten digits.

python -m benchmarks.cross_fitting [--runs 100]
Each run draws a few hundred of scikit-learn's digits, calibrates in several ways, and compares the promised share of
wrong answers with the share among accepted answers to digits that no network has seen. That share is counted on some
hundreds of answers, so promises seem broken a little more often than they are; "as many new" has the same noise.
"""

from __future__ import annotations

import argparse
import warnings
from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from seehear.answers import ANSWERS, Items
from seehear.answers.linear_probe import split_folds
from seehear.answers.selective import bound_risk
from seehear.measure.thresholds import to_risk_curve
from seehear.planning.plan import FOLDS

Array = NDArray[Any]

EXAMPLES, HELD_OUT = 500, 50
PROMISE = 0.05
NOISE, WRITER = 0.25, 0.15  # standard deviations; digits are 0 to 1
EACH = 10  # digits by one writer
HIDDEN, STEPS, BATCH = 64, 540, 50
LABEL = ANSWERS["label"]
SPEC = LABEL.plan([str(digit) for digit in range(10)] * 2, "digit")


class Digits(NamedTuple):
    """features (n, 64), classes (n,), writers (n,)."""

    features: Array
    classes: Array
    writers: Array

    def take(self, rows: Array) -> Digits:
        return Digits(*(array[rows] for array in self))


class Answers(NamedTuple):
    """Logits (n, 10), with the classes and writers (n,) of the digits."""

    logits: Array
    classes: Array
    writers: Array


def draw_digits(random: np.random.Generator, *, writers_differ: bool) -> tuple[Digits, Digits]:
    """Digits to learn from and digits to test on, by different writers. Each writer adds a pattern of their own."""
    features, classes = load_digits(return_X_y=True)
    order = random.permutation(len(classes))
    writers = np.arange(len(classes)) // EACH if writers_differ else np.arange(len(classes))
    patterns = random.normal(0, WRITER, (writers.max() + 1, 64)) * writers_differ
    noisy = features[order] / 16 + patterns[writers] + random.normal(0, NOISE, features.shape)
    digits = Digits(noisy, classes[order], writers)
    return digits.take(np.arange(EXAMPLES)), digits.take(np.arange(EXAMPLES, len(classes)))


def train(digits: Digits, seed: int) -> MLPClassifier:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # training ends by time, not when it has converged
        epochs = round(STEPS * BATCH / len(digits.classes))
        model = MLPClassifier(HIDDEN, batch_size=BATCH, max_iter=epochs, n_iter_no_change=epochs, random_state=seed)
        return model.fit(digits.features, digits.classes)


def answer(model: MLPClassifier, digits: Digits) -> Answers:
    logits = np.full((len(digits.classes), 10), -30.0)
    logits[:, model.classes_] = model.predict_log_proba(digits.features)
    return Answers(logits, digits.classes, digits.writers)


def cross_fit(digits: Digits, seed: int) -> tuple[MLPClassifier, list[Answers]]:
    """The mean of the networks of the folds, and answers to all digits by networks trained without them and their
    writers. The networks can be averaged as they have the same weights before training."""
    folds = list(split_folds(digits.classes, digits.writers, FOLDS))
    networks = [train(digits.take(learned), seed) for learned, _ in folds]
    mean = deepcopy(networks[0])
    mean.coefs_ = [np.mean(layer, axis=0) for layer in zip(*(each.coefs_ for each in networks), strict=True)]
    mean.intercepts_ = [np.mean(layer, axis=0) for layer in zip(*(each.intercepts_ for each in networks), strict=True)]
    answers = [answer(each, digits.take(held_out)) for each, (_, held_out) in zip(networks, folds, strict=True)]
    return mean, answers


def measure(calibrating: list[Answers], test: Answers) -> tuple[float, float]:
    """The share of the test digits that is accepted at PROMISE, and the share of those that is wrong."""
    logits, classes, writers = (np.concatenate(arrays) for arrays in zip(*calibrating, strict=True))
    raws = [{"logits": each} for each in logits]
    calibration = LABEL.calibrate(raws, [LABEL.read(str(each), SPEC) for each in classes], SPEC)
    confidence, right = _decide(logits, classes, calibration)
    clusters = np.unique(writers, return_inverse=True)[1]
    threshold = to_risk_curve(bound_risk(Items.from_answers(confidence, right), clusters)).threshold(PROMISE)
    confidence, right = _decide(test.logits, test.classes, calibration)
    accepted = confidence >= threshold
    return float(accepted.mean()), float((accepted & ~right).sum() / max(int(accepted.sum()), 1))


def _decide(logits: Array, classes: Array, calibration: Any) -> tuple[Array, Array]:
    """The confidence (n,) of each answer, and whether it is right (n,)."""
    answers = [LABEL.to_answer({"logits": each}, SPEC, calibration, None) for each in logits]
    names = np.array([answer.names[0] for answer in answers])
    return np.array([answer.confidence for answer in answers]), names == classes.astype(str)


def run(seed: int, *, writers_differ: bool) -> tuple[float, dict[str, tuple[float, float]]]:
    """The accuracy of the final network, and (accepted, wrong) by way of calibration."""
    digits, test = draw_digits(np.random.default_rng(seed), writers_differ=writers_differ)
    held_out, learned = digits.take(np.arange(HELD_OUT)), digits.take(np.arange(HELD_OUT, EXAMPLES))
    final, crossed = cross_fit(learned, seed)
    alone, tested = answer(final, held_out), answer(final, test)
    new, rest = (Answers(*(array[part] for array in tested)) for part in (slice(EXAMPLES), slice(EXAMPLES, None)))
    ways = {
        "held-out": [alone],
        "held-out and cross-fitted": [alone, *crossed],
        "as many new": [new],
        "held-out and seen": [alone, answer(final, learned)],
    }
    accuracy = float((rest.logits.argmax(1) == rest.classes).mean())
    return accuracy, {name: measure(calibrating, rest) for name, calibrating in ways.items()}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cross_fitting", description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    options = parser.parse_args()
    print("| writers | accuracy | calibrated on | broken | wrong | accepted |\n" + "|---" * 6 + "|")
    for writers_differ in (False, True):
        runs = [run(seed, writers_differ=writers_differ) for seed in range(options.runs)]
        accuracy = np.mean([each for each, _ in runs])
        for way in runs[0][1]:
            accepted, wrong = np.array([ways[way] for _, ways in runs]).T
            share = f"{wrong[accepted > 0].mean():.1%}" if accepted.any() else "–"
            figures = f"{(wrong > PROMISE).mean():.0%} | {share} | {accepted.mean():.0%}"
            print(f"| {'differ' if writers_differ else 'alike'} | {accuracy:.1%} | {way} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
