"""Measures robustness: answers examples again under corruptions such as noise, blur, other lighting or rooms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seehear.answers import ANSWERS, Answer
from seehear.errors import UsageError
from seehear.events import Advanced, Finished, Listener, Started
from seehear.measure.groups import Group
from seehear.measure.robustness import AS_THEY_ARE, Levels, Robustness
from seehear.measure.scored_answers import ScoredAnswers, figures
from seehear.media import Input
from seehear.runtime.predictor import Predictor
from seehear.senses import SENSES
from seehear.senses.corruption import MILD, STRONG, Corruption, generator

if TYPE_CHECKING:
    from PIL.Image import Image

TASK = "making worse"
MOST_ASKED = 200  # examples; under some twenty corruptions at two severities that is 8,000 answers
RESAMPLES = 100
SEED = 0

Asked = Sequence[tuple[Mapping[str, Input], Answer]]  # what each example has for the senses, and its truth


def find_corruptions(recogniser: Predictor, senses: Sequence[str] | None) -> dict[str, tuple[str, Corruption]]:
    """(sense, corruption) by name; the name includes the sense if several senses are used.

    Corruptions that move things are left out for boxes and masks. Raises UsageError if none remain.
    """
    used = [name for name in recogniser.recipe.senses if senses is None or name in senses]
    places = ANSWERS[recogniser.recipe.kind].output_stride_px is not None
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


def measure_robustness(recogniser: Predictor, examples: Asked, how: Mapping[str, Any], listen: Listener) -> Robustness:
    """Measure on some of the examples as they are and under every corruption, mild and strong.

    `how` holds keywords of `predict`. All examples must be readable.
    """
    changes = find_corruptions(recogniser, how.get("senses"))
    some = [examples[place] for place in spread(len(examples), MOST_ASKED)]
    listen(Started(TASK, 2 * len(changes), "corruptions"))
    clean = _measured(recogniser, some, how, [inputs for inputs, _ in some])
    levels: dict[str, Levels] = {}
    for name, (sense, corruption) in changes.items():
        having = [each for each in some if sense in each[0]]
        if not having:
            continue
        mild, strong = (
            _measured(recogniser, having, how, _corrupted(having, sense, name, corruption, severity))
            for severity in (MILD, STRONG)
        )
        levels[name] = Levels(mild, strong)
        listen(Advanced(TASK, 2 * len(levels), name))
    listen(Finished(TASK, f"{len(levels)} corruptions of {len(some):,} examples"))
    return Robustness.of(ANSWERS[recogniser.recipe.kind].headline(recogniser.recipe.answer), clean, levels)


def draw_corruptions(
    recogniser: Predictor, inputs: Mapping[str, Input], senses: Sequence[str] | None
) -> dict[str, Image]:
    """Pictures of one example for the report: as it is, and under each strong corruption of the senses that it has."""
    pictures: dict[str, Image] = {}
    for name, (sense, corruption) in find_corruptions(recogniser, senses).items():
        if sense not in inputs:
            continue
        signal = SENSES[sense].read(inputs[sense])
        pictures.setdefault(f"{sense}: {AS_THEY_ARE}", SENSES[sense].draw(signal))
        pictures[name] = SENSES[sense].draw(corruption(signal, STRONG, generator(SEED, 0, name)))
    return pictures


def spread(examples: int, most: int) -> list[int]:
    """Up to `most` indices, evenly spread over the examples."""
    return sorted({int(place) for place in np.linspace(0, examples - 1, min(examples, most)).round()})


def _corrupted(
    examples: Asked, sense: str, name: str, corruption: Corruption, severity: int
) -> Iterator[dict[str, Any]]:
    for number, (inputs, _) in enumerate(examples):
        signal = SENSES[sense].read(inputs[sense])
        yield {**inputs, sense: corruption(signal, severity, generator(SEED, number, name))}


def _measured(recogniser: Predictor, examples: Asked, how: Mapping[str, Any], inputs: Any) -> Group:
    recipe = recogniser.recipe
    kind = ANSWERS[recipe.kind]
    predictions = list(recogniser.predict(inputs, **how))
    judged = ScoredAnswers.of(kind, recipe.answer, [p.answer for p in predictions], [truth for _, truth in examples])
    if not len(judged):
        return Group(0, {}, {})
    judged = judged.accepting([p.whole_accepted for p in predictions])
    metrics, intervals = figures(judged, kind, recipe.answer, resamples=RESAMPLES)
    return Group(len(judged), metrics, intervals)
