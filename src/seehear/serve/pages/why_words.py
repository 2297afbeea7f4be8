"""What an explanation found, in the words of the pages: "96 of 100 sure" rather than a probability."""

from __future__ import annotations

from collections.abc import Iterator

from seehear.explain.explanation import Explanation, HeatMap, Part
from seehear.senses import SENSES
from seehear.serve.pages.rendering import of_100


def describe_parts(explanation: Explanation) -> Iterator[str]:
    """What is explained, and which parts of each input it depends on, one sentence each."""
    quantity = explanation.quantity
    if quantity.unit is None:
        yield f"It is {of_100(explanation.value)} of 100 sure of {quantity.name}."
    else:
        yield f"Its answer is {quantity.format(explanation.value)}."
    for sense, heat in explanation.heat.items():
        yield from _describe_heat(explanation, sense, heat)


def _describe_heat(explanation: Explanation, sense: str, heat: HeatMap) -> Iterator[str]:
    if heat.raises is None or not explanation.stands_out(heat.raises):
        yield f"No part of the {SENSES[sense].noun} decides it alone."
    else:
        yield (
            f"It {SENSES[sense].attended} mostly at {heat.raises.place.words}. Without that part, "
            f"{_say_without(explanation, heat.raises)}."
        )
        if heat.raises.elsewhere is not None:
            elsewhere = _say(explanation, heat.raises.elsewhere)
            yield f"Without a part of the same size elsewhere, {elsewhere} on average."
    if heat.lowers is not None and explanation.stands_out(heat.lowers):
        yield (
            f"What speaks against it is at {heat.lowers.place.words}. Without that part, "
            f"{_say_without(explanation, heat.lowers)}."
        )


def _say_without(explanation: Explanation, part: Part) -> str:
    said = _say(explanation, part.without)
    return f"{said}, and its answer would be {part.answer}" if explanation.changes_answer(part) else said


def _say(explanation: Explanation, value: float) -> str:
    quantity = explanation.quantity
    return (
        f"it would be {of_100(value)} of 100 sure" if quantity.unit is None else f"it would be {quantity.format(value)}"
    )
