"""Risk-coverage curves of answers that are accepted as a whole."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.answers.items import Items
from seehear.answers.selective import bound_risk
from seehear.measure.thresholds import to_risk_curve
from seehear.recipe import RiskCoverageCurve

Array = NDArray[Any]


def fit_risk_curve(confidence: Array, right: Array, clusters: Array | None = None) -> RiskCoverageCurve:
    """confidence (n,) and right (n,) bool; clusters (n,), or None if all answers are independent."""
    independent = np.arange(len(confidence)) if clusters is None else clusters
    return to_risk_curve(bound_risk(Items.from_answers(confidence, right), independent))
