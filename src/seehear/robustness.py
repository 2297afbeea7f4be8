"""Measures robustness: predicts again under corruptions such as noise, blur, other lighting or other rooms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seehear.answers import ANSWERS, Answer
from seehear.errors import UsageError
from seehear.events import Advanced, Finished, Listener, Started
from seehear.measure.groups import Group
from seehear.measure.robustness import UNCORRUPTED, Robustness, Severities
from seehear.measure.scored_answers import ScoredAnswers, compute_metrics
from seehear.media import Input
from seehear.runtime.options import PredictOptions
from seehear.runtime.predictor import Predictor
from seehear.sampling import take_evenly
from seehear.senses import SENSES
from seehear.senses.corruption import MILD, STRONG, Corruption, make_generator

if TYPE_CHECKING:
    from PIL.Image import Image

TASK = "measuring robustness"
MAX_EXAMPLES = 200  # some twenty corruptions at two severities make 8,000 answers of them
RESAMPLES = 100
SEED = 0

Examples = Sequence[tuple[Mapping[str, Input], Answer]]  # inputs by sense, and the truth


def find_corruptions(predictor: Predictor, senses: Sequence[str] | None) -> dict[str, tuple[str, Corruption]]:
    """(sense, corruption) by name; the name includes the sense if several senses are used.

    Corruptions that move things are left out for boxes and masks. Raises UsageError if none remain.
    """
    used = [name for name in predictor.recipe.senses if senses is None or name in senses]
    places = ANSWERS[predictor.recipe.kind].spatial is not None
    found = {
        name if len(used) == 1 else f"{sense}: {name}": (sense, corruption)
        for sense in used
        for name, corruption in SENSES[sense].corruptions().items()
        if not (places and corruption.moves)
    }
    if not found:
        known = ", ".join(name for name, sense in SENSES.items() if sense.corruptions())
        raise UsageError(f"no corruptions for {' and '.join(used)}", allowed=f"senses with corruptions: {known}")
    return found


def measure_robustness(
    predictor: Predictor, examples: Examples, options: PredictOptions, listen: Listener
) -> Robustness:
    """Evaluate some of the examples uncorrupted and under every corruption, mild and strong.

    All inputs must be readable.
    """
    corruptions = find_corruptions(predictor, options.senses)
    some = [examples[i] for i in take_evenly(np.arange(len(examples)), MAX_EXAMPLES)]
    listen(Started(TASK, 2 * len(corruptions), "corruptions"))
    clean = _measure(predictor, some, options, [inputs for inputs, _ in some])
    severities: dict[str, Severities] = {}
    for name, (sense, corruption) in corruptions.items():
        own = [each for each in some if sense in each[0]]
        if not own:
            continue
        mild, strong = (
            _measure(predictor, own, options, _corrupt(own, sense, name, corruption, severity))
            for severity in (MILD, STRONG)
        )
        severities[name] = Severities(mild, strong)
        listen(Advanced(TASK, 2 * len(severities), name))
    listen(Finished(TASK, f"{len(severities)} corruptions of {len(some):,} examples"))
    return Robustness.of(ANSWERS[predictor.recipe.kind].headline(predictor.recipe.answer), clean, severities)


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


def _corrupt(
    examples: Examples, sense: str, name: str, corruption: Corruption, severity: int
) -> Iterator[dict[str, Any]]:
    for number, (inputs, _) in enumerate(examples):
        signal = SENSES[sense].read(inputs[sense])
        yield {**inputs, sense: corruption(signal, severity, make_generator(SEED, number, name))}


def _measure(predictor: Predictor, examples: Examples, options: PredictOptions, inputs: Any) -> Group:
    recipe = predictor.recipe
    kind = ANSWERS[recipe.kind]
    predictions = list(predictor.predict(inputs, options))
    scored = ScoredAnswers.of(kind, recipe.answer, [p.answer for p in predictions], [truth for _, truth in examples])
    if not len(scored):
        return Group(0, {}, {})
    scored = scored.accept([p.whole_accepted for p in predictions])
    metrics = compute_metrics(scored, kind, recipe.answer, resamples=RESAMPLES)
    return Group(len(scored), metrics.values, metrics.intervals)
