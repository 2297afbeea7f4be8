"""Linear models on fixed features: the initial head on a pretrained encoder, fitted in seconds.

The L2 penalty is chosen by cross-validation, which keeps groups such as speakers together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Fit = Callable[[Array, Array, float], tuple[Array, Array]]  # features, targets, penalty -> weight (C, F), bias (C,)
Loss = Callable[[Array, Array], float]  # outputs, targets

FOLDS = 5
PENALTIES = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)  # L2, relative to the mean loss on standardised features
USUAL_PENALTY = 1.0  # with too few examples to choose
EPSILON = 1e-3  # added to standard deviations, so that constant features do not dominate
LOGISTIC_STEPS = 100
ABSENT = -10.0  # logit of a class without examples


class LinearProbe(NamedTuple):
    """outputs = weight @ ((features - mean) / std) + bias, of shapes (C, F), (F,), (F,) and (C,).

    penalty       L2, relative to the mean loss on standardised features
    out_of_fold   (n, C) the cross-validated outputs for each example; None with too few examples, or a given penalty
    """

    mean: Array
    std: Array
    weight: Array
    bias: Array
    penalty: float
    out_of_fold: Array | None


def fit_classes(features: Array, classes: Array, groups: Array, penalty: float | None = None) -> LinearProbe:
    """Multinomial logistic regression: features (n, F), one-hot classes (n, C), groups (n,). Outputs are logits.

    The penalty is chosen by cross-validation unless it is given, here and below.
    """
    return _fit(features, classes, groups, penalty, _fit_softmax, _cross_entropy)


def fit_class_sets(features: Array, classes: Array, groups: Array, penalty: float | None = None) -> LinearProbe:
    """Logistic regression for each class separately: features (n, F), multi-hot classes (n, C), groups (n,)."""
    return _fit(features, classes, groups, penalty, _fit_sigmoids, _binary_cross_entropy)


def fit_numbers(features: Array, values: Array, groups: Array, penalty: float | None = None) -> LinearProbe:
    """Ridge regression: features (n, F), values (n,), groups (n,). The outputs are (n, 1)."""
    return _fit(features, values[:, None], groups, penalty, _fit_ridge, _squared_error)


def _fit(features: Array, targets: Array, groups: Array, penalty: float | None, fit: Fit, loss: Loss) -> LinearProbe:
    import sklearn.linear_model  # noqa: F401 - the limit below only reaches libraries that are loaded
    from threadpoolctl import threadpool_limits

    mean, std = features.mean(0), features.std(0) + EPSILON
    with threadpool_limits(1):  # the products are small: several threads would mostly wait
        coordinates, directions = _rotate((features - mean) / std)
        out_of_fold = None
        if penalty is None:
            penalty, out_of_fold = _choose_penalty(coordinates, targets, groups, fit, loss)
        weight, bias = fit(coordinates, targets, penalty)
    return LinearProbe(mean, std, weight @ directions, bias, penalty, out_of_fold)


def _rotate(features: Array) -> tuple[Array, Array]:
    """(n, F) -> coordinates (n, m) and orthonormal directions (m, F) whose product they are, m = min(n, F).

    With an L2 penalty, weights stay in the span of the examples, so a fit to the coordinates is exact, and faster.
    """
    if len(features) >= features.shape[1]:
        return features, np.eye(features.shape[1])
    directions, triangle = np.linalg.qr(features.T)
    return triangle.T, directions.T


def _choose_penalty(features: Array, targets: Array, groups: Array, fit: Fit, loss: Loss) -> tuple[float, Array | None]:
    """The penalty with the lowest loss on held-out folds, and the outputs there (n, C)."""
    folds = list(_make_folds(targets, groups))
    if not folds:
        return USUAL_PENALTY, None
    outputs = {penalty: np.zeros(targets.shape) for penalty in PENALTIES}
    for train, held_out in folds:
        for penalty, filled in outputs.items():
            weight, bias = fit(features[train], targets[train], penalty)
            filled[held_out] = features[held_out] @ weight.T + bias
    best = min(outputs, key=lambda penalty: loss(outputs[penalty], targets))
    return best, outputs[best]


def _make_folds(targets: Array, groups: Array) -> Iterator[tuple[Array, Array]]:
    """Pairs of training rows and held-out rows; none if there is only one group."""
    classes = targets.argmax(1)
    smallest = int(np.unique(classes, return_counts=True)[1].min()) if targets.shape[1] > 1 else 1
    folds = min(FOLDS, len(np.unique(groups)), max(2, smallest))
    if folds >= 2:
        yield from split_folds(classes, groups, folds)


def split_folds(classes: Array, groups: Array, folds: int) -> Iterator[tuple[Array, Array]]:
    """Pairs of training rows and held-out rows, for classes (n,) and groups (n,), of which there are at least `folds`.

    Groups stay together; classes are balanced if each has an example for every fold.
    """
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    balanced = np.unique(classes, return_counts=True)[1].min() >= folds
    yield from (StratifiedGroupKFold if balanced else GroupKFold)(folds).split(classes, classes, groups)


def _fit_softmax(features: Array, classes: Array, penalty: float) -> tuple[Array, Array]:
    present = np.flatnonzero(classes.any(0))
    weight, bias = np.zeros((classes.shape[1], features.shape[1])), np.full(classes.shape[1], ABSENT)
    if len(present) == 1:
        bias[present] = -ABSENT
        return weight, bias
    coefficients, offsets = _fit_logistic(features, classes.argmax(1), penalty)
    if len(present) == 2:  # a single row, for the second class against the first
        coefficients, offsets = (np.concatenate([-each, each]) / 2 for each in (coefficients, offsets))
    weight[present], bias[present] = coefficients, offsets
    return weight, bias


def _fit_sigmoids(features: Array, classes: Array, penalty: float) -> tuple[Array, Array]:
    weight, bias = np.zeros((classes.shape[1], features.shape[1])), np.zeros(classes.shape[1])
    for place, has in enumerate(classes.T):
        if has.min() == has.max():
            bias[place] = -ABSENT if has.all() else ABSENT
        else:
            coefficients, offsets = _fit_logistic(features, has, penalty)
            weight[place], bias[place] = coefficients[0], offsets[0]
    return weight, bias


def _fit_logistic(features: Array, classes: Array, penalty: float) -> tuple[Array, Array]:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1 / (penalty * len(features)), max_iter=LOGISTIC_STEPS, tol=1e-3)
    model.fit(features, classes)
    return model.coef_, model.intercept_


def _fit_ridge(features: Array, values: Array, penalty: float) -> tuple[Array, Array]:
    from sklearn.linear_model import Ridge

    model = Ridge(alpha=penalty * len(features)).fit(features, values[:, 0])
    return model.coef_[None], np.array([model.intercept_])


def _cross_entropy(logits: Array, classes: Array) -> float:
    shifted = logits - logits.max(1, keepdims=True)
    return float((np.log(np.exp(shifted).sum(1)) - (shifted * classes).sum(1)).mean())


def _binary_cross_entropy(logits: Array, classes: Array) -> float:
    return float((np.logaddexp(0, logits) - logits * classes).sum(1).mean())


def _squared_error(outputs: Array, values: Array) -> float:
    return float(np.square(outputs - values).mean())
