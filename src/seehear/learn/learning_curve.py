"""How much more examples would help: a model is fitted to nested subsets, and the error is extrapolated.

The subsets of each fold are answered on the examples that the fold leaves out, which are the same for all sizes, so
that chance affects all points equally. See docs/decisions/077-learning-curves.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seehear.answers.linear_probe import split_folds
from seehear.events import Advanced, Finished, Listener, Started
from seehear.learn.data.cache import DatasetCache
from seehear.learn.loop.probe import FrozenFeatures, decode_answers, normalise
from seehear.learn.model.network import Network
from seehear.learn.out_of_fold import OutOfFoldAnswers
from seehear.measure.intervals import draw_resamples
from seehear.measure.learning_curve import Curve, LearningCurve
from seehear.sampling import take_evenly

Rows = NDArray[np.int64]
Answered = Mapping[int, Any]  # the answer by row

TASK = "measuring how much more examples would help"
FRACTIONS = (0.125, 0.25, 0.5, 1.0)  # of the examples of a fold
CLASS_FRACTIONS = (0.25, 0.5)  # of those of one class, beside all of the others
FOLDS = 5
MOST = 4000  # examples: a law that they follow holds for more
MOST_CLASSES = 20  # that are looked at, those with the fewest right answers first
FEWEST = 8  # training examples in the smallest subset
RESAMPLES = 100


def measure_learning_curve(
    found: OutOfFoldAnswers, listen: Listener, present: Rows | None = None
) -> LearningCurve | None:
    """The curve of the `present` rows of the dataset, all by default. None for heads that are not fitted to frozen
    features, and for too few examples."""
    if found.frozen is None:
        return None
    dataset, frozen = found.dataset, found.frozen
    present = np.arange(len(dataset)) if present is None else present
    rows = take_evenly(present, MOST)
    strata = np.array([dataset.kind.stratum(cell) for cell in dataset.table.answers()], object)
    codes = np.unique(strata, return_inverse=True)[1]
    folds = list(_split(codes[rows], dataset.groups[rows], rows))
    if not folds or min(len(train) for train, _ in folds) * FRACTIONS[0] < FEWEST:
        return None
    fitter = HeadFitter(found.network, dataset, frozen)
    names = _choose_classes(found, present, strata)
    random = np.random.default_rng(dataset.recipe.training.seed)
    orders = [random.permutation(train) for train, _ in folds]
    listen(Started(TASK, len(FRACTIONS) + len(names) * len(CLASS_FRACTIONS), "subsets"))
    done = 0

    def answer(choose: Callable[[Rows], Rows]) -> tuple[float, dict[int, Any]]:
        """The mean size of the subsets, and the answers to all rows."""
        nonlocal done
        chosen = [choose(order) for order in orders]
        answered = [fitter.answer(subset, held_out) for subset, (_, held_out) in zip(chosen, folds, strict=True)]
        done += 1
        listen(Advanced(TASK, done))
        return float(np.mean([len(each) for each in chosen])), {row: own[row] for own in answered for row in own}

    whole = [answer(partial(_begin, fraction=fraction)) for fraction in FRACTIONS]
    curves = {}
    for name in names:
        points = []
        for fraction in CLASS_FRACTIONS:
            _, answered = answer(partial(_thin, own=strata == name, fraction=fraction))
            points.append((fraction, answered))
        points.append((1.0, whole[-1][1]))
        count = int((strata[present] == name).sum()) * (1 - 1 / len(folds))
        curves[name] = [(fraction * count, answered) for fraction, answered in points]
    listen(Finished(TASK, f"{done} subsets"))
    return _describe(dataset, present, rows, whole, curves, strata)


class HeadFitter:
    """Fits heads to subsets of the features."""

    def __init__(self, network: Network, dataset: DatasetCache, frozen: FrozenFeatures) -> None:
        self.network, self.dataset, self.frozen = deepcopy(network), dataset, frozen
        self.penalty = float(network.head.penalty)  # type: ignore[arg-type]

    @torch.no_grad()
    def answer(self, train: Rows, held_out: Rows) -> Answered:
        """The answers to the rows held out, by row, of a head that is fitted to the others."""
        self.frozen.refit(self.network, train, self.penalty)
        features = normalise(self.network.head, self.frozen.encoded.pooled[held_out])  # type: ignore[arg-type]
        outputs = self.network.head.apply_last_layer(features)  # type: ignore[operator]
        raw = {name: values.float().numpy() for name, values in outputs.items()}
        return dict(zip(held_out.tolist(), decode_answers(self.dataset, held_out, raw), strict=True))


def _split(codes: Rows, groups: Rows, rows: Rows) -> Iterator[tuple[Rows, Rows]]:
    folds = min(FOLDS, len(np.unique(groups)))
    if folds >= 2:
        for train, held_out in split_folds(codes, groups, folds):
            yield rows[train], rows[held_out]


def _begin(order: Rows, fraction: float) -> Rows:
    """The first rows."""
    return order[: round(fraction * len(order))]


def _thin(order: Rows, own: NDArray[np.bool_], fraction: float) -> Rows:
    """All rows but those of one class, of which only the first are left; own (n,): of that class, by row."""
    own = own[order]
    kept = ~own
    kept[np.flatnonzero(own)[: max(1, round(fraction * own.sum()))]] = True
    return order[kept]


def _choose_classes(found: OutOfFoldAnswers, present: Rows, strata: NDArray[Any]) -> list[str]:
    """The classes in which most answers are wrong; none for answers without classes."""
    kind, spec = found.dataset.kind, found.dataset.recipe.answer
    right = kind.right(kind.compare(found.answers, found.truths, spec), spec)[present]
    own = strata[present]
    shares = {str(name): float(right[own == name].mean()) for name in np.unique(own) if name}
    return sorted(shares, key=shares.__getitem__)[:MOST_CLASSES] if len(shares) > 1 else []


def _describe(
    dataset: DatasetCache,
    present: Rows,
    rows: Rows,
    whole: Sequence[tuple[float, Answered]],
    classes: Mapping[str, Sequence[tuple[float, Answered]]],
    strata: NDArray[Any],
) -> LearningCurve:
    kind, spec = dataset.kind, dataset.recipe.answer
    headline = kind.headline(spec)
    truths = [dataset.truth(row) for row in rows.tolist()]
    drawn = list(draw_resamples(len(rows), dataset.clusters(rows.tolist()).code, RESAMPLES))

    def measure(points: Sequence[tuple[float, Answered]]) -> Curve:
        compared = [kind.compare([own[row] for row in rows.tolist()], truths, spec) for _, own in points]

        def error(table: Mapping[str, Any]) -> float:
            value = kind.metrics(table, spec)[headline.metric]
            return 1 - value if headline.higher_is_better else value

        resampled = [[error({k: v[some] for k, v in each.items()}) for each in compared] for some in drawn]
        sizes = np.array([size for size, _ in points])
        return Curve(sizes, np.array([error(each) for each in compared]), np.cov(np.array(resampled).T))

    counts = {name: int((strata[present] == name).sum()) for name in classes}
    return LearningCurve(
        metric=headline.metric,
        higher_is_better=headline.higher_is_better,
        examples=len(present),
        curve=measure(whole),
        classes={name: measure(points) for name, points in classes.items()},
        counts=counts,
    )
