"""Linear models on fixed features, against scikit-learn and in edge cases."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from seehear.answers.linear_probe import LinearProbe, fit_class_sets, fit_classes, fit_numbers


def outputs(probe: LinearProbe, features: np.ndarray) -> np.ndarray:
    given: np.ndarray = (features - probe.mean) / probe.std @ probe.weight.T + probe.bias
    return given


def one_hot(classes: np.ndarray, count: int) -> np.ndarray:
    return np.eye(count)[classes]


@pytest.mark.parametrize("examples", [60, 178])
def test_classes_are_recognised_as_well_as_by_logistic_regression(examples: int) -> None:
    features, classes = load_wine(return_X_y=True)
    chosen = np.random.default_rng(0).permutation(len(features))[:examples]
    features, classes = features[chosen], classes[chosen]
    probe = fit_classes(features, one_hot(classes, 3), np.arange(examples))
    assert probe.out_of_fold is not None
    scaled = StandardScaler().fit_transform(features)
    theirs = LogisticRegression().fit(scaled, classes).score(scaled, classes)
    assert (outputs(probe, features).argmax(1) == classes).mean() >= theirs - 0.02
    assert (probe.out_of_fold.argmax(1) == classes).mean() > 0.93


def test_more_features_than_examples_give_the_same_as_the_span_of_the_examples() -> None:
    features, classes = load_digits(return_X_y=True)
    features, classes = np.tile(features[:50], 2), classes[:50]  # 128 columns
    probe = fit_classes(features, one_hot(classes, 10), np.arange(50))
    assert probe.weight.shape == (10, 128)
    np.testing.assert_allclose(probe.weight[:, :64], probe.weight[:, 64:], atol=1e-6)


def test_groups_stay_together() -> None:
    """A feature that only names the group is worthless for another group, so held-out outputs must not profit."""
    random = np.random.default_rng(1)
    groups = np.repeat(np.arange(20), 10)
    classes = random.integers(0, 2, 20)[groups]
    features = random.normal(size=(20, 30))[groups] + 0.01 * random.normal(size=(200, 30))
    probe = fit_classes(features, one_hot(classes, 2), groups)
    apart = fit_classes(features, one_hot(classes, 2), np.arange(200))
    assert probe.out_of_fold is not None and apart.out_of_fold is not None
    assert (apart.out_of_fold.argmax(1) == classes).mean() == 1
    assert (probe.out_of_fold.argmax(1) == classes).mean() < 0.8


@pytest.mark.parametrize("counts", [(1, 1), (2, 2, 2), (5, 1), (3, 0, 3), (4,)])
def test_a_few_examples_are_enough(counts: tuple[int, ...]) -> None:
    classes = np.repeat(np.arange(len(counts)), counts)
    features = one_hot(classes, len(counts)) @ np.random.default_rng(2).normal(size=(len(counts), 8)) * 5
    probe = fit_classes(features, one_hot(classes, len(counts)), np.arange(len(classes)))
    assert (outputs(probe, features).argmax(1) == classes).all()


def test_all_examples_of_one_group_are_fitted_without_cross_validation() -> None:
    features, classes = load_wine(return_X_y=True)
    probe = fit_classes(features, one_hot(classes, 3), np.zeros(len(features)))
    assert probe.out_of_fold is None
    assert (outputs(probe, features).argmax(1) == classes).mean() > 0.95


def test_each_of_several_classes_is_recognised_separately() -> None:
    random = np.random.default_rng(3)
    features = random.normal(size=(200, 6))
    targets = np.stack([features[:, 0] > 0, features[:, 1] > 0.5, np.ones(200), np.zeros(200)], 1).astype(float)
    probe = fit_class_sets(features, targets, np.arange(200))
    assert ((outputs(probe, features) > 0) == targets).mean(0).min() > 0.9
    assert probe.out_of_fold is not None and ((probe.out_of_fold > 0) == targets).mean(0).min() > 0.9


def test_numbers_follow_a_line() -> None:
    random = np.random.default_rng(4)
    features = random.normal(size=(80, 5))
    values = 3 * features[:, 0] - features[:, 3] + 2
    probe = fit_numbers(features, values, np.arange(80))
    assert np.corrcoef(outputs(probe, features)[:, 0], values)[0, 1] > 0.999
    assert probe.out_of_fold is not None and np.abs(probe.out_of_fold[:, 0] - values).mean() < 0.3


def test_fitting_uses_one_thread_even_if_scikit_learn_is_loaded_by_it() -> None:
    """Libraries that are loaded under a limit of threads do not know it, and several threads take many times longer."""
    lines = (
        "import numpy as np",
        "from threadpoolctl import threadpool_info",
        "from seehear.answers import linear_probe",
        "fit, threads = linear_probe._fit_logistic, []",
        "def watch(*args):",
        "    fitted = fit(*args)",
        "    threads.extend(each['num_threads'] for each in threadpool_info())",
        "    return fitted",
        "linear_probe._fit_logistic = watch",
        "linear_probe.fit_classes(np.eye(8), np.eye(2)[[0, 1] * 4], np.arange(8))",
        "print(*threads)",
    )
    two = {**os.environ, "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    run = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True, env=two)
    assert set(run.stdout.split()) == {"1"}
