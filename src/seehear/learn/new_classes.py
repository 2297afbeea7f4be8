"""Fits outputs for new classes beside those of a trained classifier, which do not change."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from seehear.answers.linear_probe import EPSILON, PENALTIES
from seehear.learn.kept_features import ClassExamples

FOLDS = 5
SEARCHED_PENALTIES = sorted(PENALTIES, reverse=True)[::2]  # every second penalty is close enough to the best
STEPS = 20  # of L-BFGS, at most; each fit starts from the one with the next larger penalty
PRECISION = 1e-4  # of a gradient
MAX_RECALL_LOSS = 0.02  # of the recall of a known class
MARGIN = 1e-3  # of logits, against rounding


class KnownExamples(NamedTuple):
    """Examples with the logits (n, C) of the known classes."""

    examples: ClassExamples
    logits: Tensor

    def take(self, chosen: Tensor) -> KnownExamples:
        """The examples that a mask selects."""
        return KnownExamples(self.examples.take(chosen), self.logits[chosen])


class NewOutputs(NamedTuple):
    """logits = features @ weight.T + bias, weight (k, F), bias (k,).

    held_out, new   (m, C + k), (n, C + k) the logits of these examples, from outputs fitted without them
    """

    weight: Tensor
    bias: Tensor
    held_out: Tensor
    new: Tensor


def fit_new_outputs(train: KnownExamples, held_out: KnownExamples, new: KnownExamples, known: int) -> NewOutputs:
    """Fit outputs for the classes from `known` on, whose examples are `new`.

    The other outputs do not change, so known classes can lose examples only to new ones. Examples that were held out in
    training show how many: the new outputs are lowered until no class loses more than MAX_RECALL_LOSS of its recall
    there. The L2 penalty, and the logits of held-out and new examples, come from cross-validation over both.
    """
    parts = (train, held_out, new)
    features = torch.cat([part.examples.features for part in parts])
    mean, std = features.mean(0), features.std(0) + EPSILON
    regression = _make_regression(train, held_out, new, known, (features - mean) / std)
    always = torch.full((len(train.logits),), -1)
    folds = torch.cat([always, *(_make_folds(part.examples) for part in (held_out, new))])
    scores_by_penalty = _cross_validate(regression, folds)
    penalty = min(SEARCHED_PENALTIES, key=lambda each: float(regression.loss(scores_by_penalty[each], folds >= 0)))
    weight, bias = dict(regression.fit())[penalty]
    first, end = len(train.logits), len(train.logits) + len(held_out.logits)
    final = regression.features @ weight.T + bias
    shift = max(_choose_shift(held_out, scores[first:end]) for scores in (scores_by_penalty[penalty], final))
    scores, weight = scores_by_penalty[penalty] - shift, weight / std
    return NewOutputs(
        weight,
        bias - weight @ mean - shift,
        torch.cat([held_out.logits, scores[first:end]], 1),
        torch.cat([new.logits, scores[end:]], 1),
    )


def measure_recall(logits: Tensor, classes: Tensor) -> dict[int, float]:
    """For each class, the share of its examples whose largest logit is its own."""
    right = logits.argmax(1) == classes
    return {each: float(right[classes == each].double().mean()) for each in _list_classes(classes)}


def _list_classes(classes: Tensor) -> list[int]:
    present: list[int] = np.unique(classes.numpy()).tolist()
    return present


class _Regression(NamedTuple):
    """Multinomial logistic regression that fits only the new outputs.

    features (n, F) standardised; base (n,): the log of the summed exponentials of all other logits; target (n,): 0 for
    a known class, 1 + j for the new class j; weight (n,); classes: the number of new ones.
    """

    features: Tensor
    base: Tensor
    target: Tensor
    weight: Tensor
    classes: int

    def fit(self, without: Tensor | None = None) -> Iterator[tuple[float, tuple[Tensor, Tensor]]]:
        """Weights (k, F) and biases (k,) for each penalty, the largest first, from all examples but those of a mask."""
        chosen = slice(None) if without is None else ~without
        features = self.features[chosen]
        weight = torch.zeros(self.classes, features.shape[1], requires_grad=True)
        bias = torch.zeros(self.classes, requires_grad=True)
        part = self._replace(features=features, base=self.base[chosen], target=self.target[chosen])
        part = part._replace(weight=self.weight[chosen])

        def step(optimizer: torch.optim.Optimizer, penalty: float) -> Tensor:
            optimizer.zero_grad()
            loss = part.loss(features @ weight.T + bias) + penalty / 2 * weight.square().sum()
            loss.backward()  # type: ignore[no-untyped-call]
            return loss

        for penalty in SEARCHED_PENALTIES:
            optimizer = torch.optim.LBFGS(
                [weight, bias], max_iter=STEPS, tolerance_grad=PRECISION, line_search_fn="strong_wolfe"
            )
            optimizer.step(partial(step, optimizer, penalty))  # type: ignore[no-untyped-call]
            yield penalty, (weight.detach().clone(), bias.detach().clone())

    def loss(self, scores: Tensor, chosen: Tensor | slice = slice(None)) -> Tensor:
        """The weighted mean over the chosen examples, for scores (n, k)."""
        logits = torch.cat([self.base[:, None], scores], 1)[chosen]
        weight = self.weight[chosen]
        return (F.cross_entropy(logits, self.target[chosen], reduction="none") * weight).sum() / weight.sum()


def _make_regression(
    train: KnownExamples, held_out: KnownExamples, new: KnownExamples, known: int, features: Tensor
) -> _Regression:
    """A new class weighs as much as a known one, and all held-out examples as much as all training examples.

    The network is overconfident on its training examples, so these alone would be too easy to separate.
    """
    own = new.examples.classes - known
    counts = torch.bincount(own)
    weights = [torch.full((len(part.logits),), known / 2 / len(part.logits)) for part in (train, held_out)]
    others = torch.zeros(len(train.logits) + len(held_out.logits), dtype=torch.long)
    return _Regression(
        features,
        base=torch.cat([part.logits.logsumexp(1) for part in (train, held_out, new)]),
        target=torch.cat([others, own + 1]),
        weight=torch.cat([*weights, 1 / counts[own]]),
        classes=len(counts),
    )


def _make_folds(examples: ClassExamples) -> Tensor:
    """The fold (n,) of each example, 0 to FOLDS - 1. The groups of each class are distributed evenly and stay together.

    If a class has a single group, its examples are distributed instead; otherwise none would be left to fit to.
    """
    folds = torch.zeros(len(examples.classes), dtype=torch.long)
    for each in _list_classes(examples.classes):
        own = examples.classes == each
        codes = torch.from_numpy(np.unique(examples.groups[own].numpy(), return_inverse=True)[1])
        folds[own] = (codes if int(codes.max()) else torch.arange(int(own.sum()))) % FOLDS
    return folds


def _cross_validate(regression: _Regression, folds: Tensor) -> dict[float, Tensor]:
    """For each penalty, scores (n, k) from outputs fitted without the example's fold; 0 for fold -1."""
    scores = {penalty: torch.zeros(len(folds), regression.classes) for penalty in SEARCHED_PENALTIES}
    for held_out in _list_fold_masks(folds):
        for penalty, (weight, bias) in regression.fit(without=held_out):
            scores[penalty][held_out] = regression.features[held_out] @ weight.T + bias
    return scores


def _list_fold_masks(folds: Tensor) -> Iterator[Tensor]:
    for fold in range(FOLDS):
        if bool((mask := folds == fold).any()):
            yield mask


def _choose_shift(held_out: KnownExamples, scores: Tensor) -> float:
    """How far to lower the new outputs so that no class loses more than MAX_RECALL_LOSS of its recall."""
    shift = 0.0
    classes, right = held_out.examples.classes, held_out.logits.argmax(1) == held_out.examples.classes
    excess = scores.max(1).values - held_out.logits.max(1).values
    for each in _list_classes(classes):
        own = classes == each
        lost = excess[own & right].sort(descending=True).values
        if len(lost) > (may := int(MAX_RECALL_LOSS * int(own.sum()) + 1e-9)):
            shift = max(shift, float(lost[may]) + MARGIN)
    return shift
