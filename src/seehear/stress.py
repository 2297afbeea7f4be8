"""Stress tests: answers examples again under corruptions and without a sense, and inputs unlike the training data."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seehear.answers import ANSWERS, Answer
from seehear.answers.roc import compare_scores
from seehear.errors import UsageError
from seehear.events import Advanced, Finished, Listener, Started
from seehear.inputs import gather
from seehear.measure.groups import Group
from seehear.measure.scored_answers import ScoredAnswers, Share
from seehear.measure.stress import FALSE_ACCEPTANCE, UNCORRUPTED, Curve, Level, Stress, Unfamiliar
from seehear.media import Input
from seehear.runtime.options import PredictOptions
from seehear.runtime.prediction import Prediction
from seehear.runtime.predictor import Predictor
from seehear.sampling import take_evenly
from seehear.senses import SENSES
from seehear.senses.corruption import STRONG, Corruption, make_generator

if TYPE_CHECKING:
    from PIL.Image import Image

TASK = "stress tests"
MAX_EXAMPLES = 200  # some twenty corruptions at five severities make 20,000 answers of them
SEED = 0

Examples = Sequence[tuple[Mapping[str, Input], Answer]]  # inputs by sense, and the truth


def find_corruptions(predictor: Predictor, senses: Sequence[str] | None) -> dict[str, tuple[str, Corruption]]:
    """(sense, corruption) by name; the name includes the sense if several senses are used.

    Raises UsageError if there are none.
    """
    used = [name for name in predictor.recipe.senses if senses is None or name in senses]
    found = {
        name if len(used) == 1 else f"{sense}: {name}": (sense, corruption)
        for sense in used
        for name, corruption in SENSES[sense].corruptions().items()
    }
    if not found:
        known = ", ".join(name for name, sense in SENSES.items() if sense.corruptions())
        raise UsageError(f"no corruptions for {' and '.join(used)}", allowed=f"senses with corruptions: {known}")
    return found


def measure_stress(
    predictor: Predictor,
    examples: Examples,
    options: PredictOptions,
    unfamiliar: Sequence[str | Path],
    listen: Listener,
) -> Stress:
    """Evaluate some of the examples as they are and under every corruption for which the new answers are known.

    All inputs of the examples must be readable.

    unfamiliar  folders of inputs unlike the training data, for which the right answer is "I don't know"
    """
    some = [examples[i] for i in take_evenly(np.arange(len(examples)), MAX_EXAMPLES)]
    test = _Test(predictor, some, options)
    places = test.kind.spatial is not None
    found = find_corruptions(predictor, options.senses)
    followed = {name: each for name, each in found.items() if each[1].followed or not places}
    listen(Started(TASK, len(followed), "corruptions"))
    clean = test.predict(some)
    curves: dict[str, Curve] = {}
    for number, (name, (sense, corruption)) in enumerate(followed.items()):
        if any(sense in inputs for inputs, _ in some):
            curves[name] = test.measure_curve(sense, name, corruption)
        listen(Advanced(TASK, number + 1, name))
    listen(Finished(TASK, f"{len(curves)} corruptions of {len(some):,} examples"))
    return Stress.of(
        test.kind.headline(predictor.recipe.answer),
        test.measure(clean, some),
        curves,
        without=test.measure_without(),
        unfamiliar=tuple(test.measure_unfamiliar(folder, clean) for folder in unfamiliar),
        unfollowed=tuple(name for name in found if name not in followed),
    )


def draw_corruptions(
    predictor: Predictor, inputs: Mapping[str, Input], senses: Sequence[str] | None
) -> dict[str, Image]:
    """Pictures of one example, uncorrupted and under each strong corruption of its senses."""
    pictures: dict[str, Image] = {}
    for name, (sense, corruption) in find_corruptions(predictor, senses).items():
        if sense not in inputs:
            continue
        signal = SENSES[sense].read(inputs[sense])
        pictures.setdefault(f"{sense}: {UNCORRUPTED}", SENSES[sense].draw(signal))
        pictures[name] = SENSES[sense].draw(corruption(signal, STRONG, make_generator(SEED, 0, name)))
    return pictures


@dataclass(frozen=True)
class _Test:
    """The model under test, the examples it is tested with, and how it is asked."""

    predictor: Predictor
    examples: Examples
    options: PredictOptions

    @property
    def kind(self) -> Any:
        return ANSWERS[self.predictor.recipe.kind]

    def predict(self, examples: Iterable[tuple[Mapping[str, Any], Any]]) -> list[Prediction]:
        return list(self.predictor.predict((inputs for inputs, _ in examples), self.options))

    def measure(self, predictions: Sequence[Prediction], examples: Sequence[tuple[Any, Answer]]) -> Group:
        spec = self.predictor.recipe.answer
        scored = ScoredAnswers.of(self.kind, spec, [p.answer for p in predictions], [truth for _, truth in examples])
        if not len(scored):
            return Group(0, {}, {})
        scored = scored.accept([p.whole_accepted for p in predictions])
        shares = scored.shares()
        shares[FALSE_ACCEPTANCE] = Share(scored.items.mistakes(), scored.items.wrong.sum(1), scored.cluster)
        values = self.kind.metrics(scored.compared, spec) | {name: share.value for name, share in shares.items()}
        # Bootstrap intervals for a hundred evaluations would take longer than the answers.
        return Group(len(scored), values, {name: share.interval for name, share in shares.items()})

    def measure_curve(self, sense: str, name: str, corruption: Corruption) -> Curve:
        own = [each for each in self.examples if sense in each[0]]
        levels = []
        for severity in corruption.severities:
            truths: list[tuple[None, Answer]] = []

            def corrupt(severity: int = severity, truths: list[Any] = truths) -> Iterator[tuple[dict[str, Any], None]]:
                for number, (inputs, truth) in enumerate(own):
                    signal = SENSES[sense].read(inputs[sense])
                    warp = corruption.find_warp(SENSES[sense].grid(signal), severity)
                    truths.append((None, truth.transform(warp)))
                    changed = corruption(signal, severity, make_generator(SEED, number, name))
                    yield {**inputs, sense: changed}, None

            predictions = self.predict(corrupt())
            levels.append(Level(corruption.describe(severity), self.measure(predictions, truths)))
        return Curve(tuple(levels))

    def measure_without(self) -> dict[str, Group]:
        """The metrics without each of the senses, of the examples that have another one."""
        found = {}
        for missing in self.predictor.recipe.senses:
            left = [
                ({name: own for name, own in inputs.items() if name != missing}, truth)
                for inputs, truth in self.examples
                if missing in inputs and len(inputs) > 1
            ]
            if left:
                found[missing] = self.measure(self.predict(left), left)
        return found

    def measure_unfamiliar(self, folder: str | Path, clean: Sequence[Prediction]) -> Unfamiliar:
        """Raises UsageError if none of the inputs in the folder can be read."""
        inputs = gather([folder], tuple(self.predictor.recipe.senses))
        seen = [p for p in self.predictor.predict(inputs, self.options) if p.answer is not None]
        if not seen:
            raise UsageError(
                "no input that can be read", where=str(folder), allowed="a folder of files of the model's senses"
            )
        auroc = {
            sense: compare_scores(_scores(clean, sense), _scores(seen, sense))
            for sense in self.predictor.recipe.senses
            if _scores(clean, sense) and _scores(seen, sense)
        }
        return Unfamiliar(str(folder), len(seen), float(np.mean([p.accepted for p in seen])), auroc)


def _scores(predictions: Sequence[Prediction], sense: str) -> list[float]:
    scores = (prediction.unfamiliarity.get(sense, math.nan) for prediction in predictions)
    return [score for score in scores if not math.isnan(score)]
