"""Whether confidences agree with how often answers are right, given the number of answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.answers.platt_scaling import calibration_error

Array = NDArray[Any]
RUNS, SEED = 1000, 0
LARGEST = 0.95  # the quantile of the errors of a calibrated recogniser


@dataclass(frozen=True)
class Calibration:
    """The calibration error of whole answers, and what it would be by chance.

    error     expected calibration error
    chance    the error that a perfectly calibrated recogniser with these confidences exceeds in 1 of 20 cases, as a
              share of its answers is right by chance (Vaicenavicius et al. 2019, "Evaluating model calibration in
              classification")
    """

    error: float
    chance: float

    @property
    def consistent(self) -> bool:
        """Whether an error of this size is within chance for calibrated confidences."""
        return self.error <= self.chance

    def to_json(self) -> dict[str, Any]:
        return {"error": self.error, "chance": self.chance, "consistent": self.consistent}

    def __str__(self) -> str:
        verdict = "no more than chance explains" if self.consistent else "more than chance explains"
        return (
            f"calibration error {self.error:.3f}: {verdict}; with perfect confidences it is up to {self.chance:.3f} "
            "in 95 of 100 cases"
        )


def measure_calibration(right: Array, confidence: Array) -> Calibration:
    """right (n,) bool and confidence (n,) of n independent answers."""
    random = np.random.default_rng(SEED)
    by_chance = [calibration_error(random.random(len(confidence)) < confidence, confidence) for _ in range(RUNS)]
    return Calibration(calibration_error(right, confidence), float(np.quantile(by_chance, LARGEST)))
