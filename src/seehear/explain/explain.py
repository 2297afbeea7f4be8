"""Explains one answer: hides parts of the example, leaves out senses, and measures how the answer changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.answers.quantity import Quantity
from seehear.errors import UsageError
from seehear.explain.explanation import Explanation, HeatMap, Part
from seehear.explain.heat import Block, choose_controls, find_peak, hide_blocks, map_heat
from seehear.explain.nearest_examples import count_nearest
from seehear.explain.shares import share_out
from seehear.runtime.loading import Example, read_file_objects, read_signal
from seehear.runtime.model_runner import Outputs
from seehear.runtime.options import DEFAULT, PredictOptions
from seehear.runtime.predictor import Examined, Predictor
from seehear.senses import SENSES
from seehear.senses.occlusion import Occlusion

Array = NDArray[Any]

MOST_NAMED = 12  # quantities that an error lists
INSIDE = 0.5  # the share of a cell from which a pixel of the drawn input is in it


def explain(
    predictor: Predictor, example: Example, options: PredictOptions = DEFAULT, *, of: str | None = None
) -> Explanation:
    """Explain the answer to one example.

    of   the name of what to explain: a class, "word 2", "box 1"; None for the answer itself

    Raises UsageError for a name that is not in the answer and for an answer that cannot be explained, and the error
    of an example that cannot be read.
    """
    example = read_file_objects(example)
    examined = predictor.examine(example, options)
    variants = _Variants(predictor, examined, _choose_quantity(predictor, examined, of))
    heat = {sense: _map_sense(variants, sense, read_signal(example, sense)) for sense in examined.used}
    return Explanation(
        prediction=examined.prediction,
        quantity=variants.quantity,
        value=variants.value,
        heat=heat,
        shares=share_out(examined.used, variants.reach) if len(examined.used) > 1 else {},
        confidence=_map_confidence(predictor, examined, heat),
        taught=_count_nearest_classes(predictor, examined),
    )


class _Variants:
    """One example with parts hidden or senses missing, and how the quantity and the answer change."""

    def __init__(self, predictor: Predictor, examined: Examined, quantity: Quantity) -> None:
        self._predictor, self._examined, self.quantity = predictor, examined, quantity
        self.value = quantity.measure(examined.outputs.raw)

    def occlude(self, sense: str) -> Occlusion:
        example = self._examined.example
        return SENSES[sense].occlude(example.arrays[sense], example.geometry[sense])

    def hide(self, sense: str, occlusion: Occlusion, hidden: Sequence[Array]) -> list[Outputs]:
        """The graph's outputs with parts of one sense hidden and the other senses unchanged."""
        arrays = self._examined.example.arrays
        return self._predictor.run([{**arrays, sense: occlusion.hide(each)} for each in hidden])

    def measure(self, outputs: Outputs) -> float:
        return self.quantity.measure(outputs.raw)

    def answer(self, outputs: Outputs) -> str:
        """The answer, as one line."""
        examined = self._examined
        geometry = examined.example.geometry[examined.used[0]]
        kind, raw = self._predictor.kind, outputs.raw
        return str(kind.to_answer(raw, examined.spec, examined.calibration, geometry).to_marked_text())

    def reach(self, senses: tuple[str, ...]) -> float:
        """The stretched quantity with these senses only."""
        arrays = self._examined.example.arrays
        if not senses:
            return self.quantity.stretch(self.quantity.without_input)
        (outputs,) = self._predictor.run([{sense: arrays[sense] for sense in senses}])
        return self.quantity.stretch(self.measure(outputs))


def _choose_quantity(predictor: Predictor, examined: Examined, of: str | None) -> Quantity:
    spec, calibration, raw = examined.spec, examined.calibration, examined.outputs.raw
    answer = predictor.kind.to_answer(raw, spec, calibration, None)
    known = {each.name: each for each in predictor.kind.quantities(answer, raw, spec, calibration)}
    if not known:
        raise UsageError(
            f"nothing can be explained of the answer {str(answer)!r}",
            where=examined.prediction.input,
            allowed="an answer with a class, a number, a box or a word whose letters the recogniser itself has learned",
        )
    if of is None:
        return next(iter(known.values()))
    if of not in known:
        names = list(known)
        allowed = ", ".join(names[:MOST_NAMED]) + (", …" if len(names) > MOST_NAMED else "")
        raise UsageError(f"no {of!r} in the answer {str(answer)!r}", where=examined.prediction.input, allowed=allowed)
    return known[of]


def _map_sense(variants: _Variants, sense: str, signal: Array) -> HeatMap:
    occlusion, stretch = variants.occlude(sense), variants.quantity.stretch

    def measure(hidden: Array) -> Array:
        return np.array([stretch(variants.measure(each)) for each in variants.hide(sense, occlusion, list(hidden))])

    cells = map_heat(measure, occlusion.shape)
    drawn = SENSES[sense].draw(signal)
    size = drawn.height, drawn.width
    peak = find_peak(cells)
    return HeatMap(
        cells=cells,
        drawn=drawn,
        on_drawn=occlusion.project(cells, size),
        outline=None if peak is None else _outline(occlusion, peak, size),
        raises=_test_part(variants, sense, occlusion, peak),
        lowers=_test_part(variants, sense, occlusion, find_peak(-cells)),
    )


def _test_part(variants: _Variants, sense: str, occlusion: Occlusion, block: Block | None) -> Part | None:
    """Measure the answer without a part and, for comparison, without other parts of its size."""
    if block is None:
        return None
    hidden = hide_blocks([block, *choose_controls(block, occlusion.shape)], occlusion.shape)
    without, *others = variants.hide(sense, occlusion, list(hidden))
    elsewhere = [variants.measure(each) for each in others]
    return Part(
        place=occlusion.locate(*block),
        without=variants.measure(without),
        answer=variants.answer(without),
        elsewhere=float(np.mean(elsewhere)) if elsewhere else None,
    )


def _outline(occlusion: Occlusion, block: Block, drawn: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """Left, top, right and bottom of a block on the drawn input, in pixels; None if it is not shown."""
    (cells,) = hide_blocks([block], occlusion.shape)
    shown = occlusion.project(cells, drawn) >= INSIDE
    rows, columns = (np.flatnonzero(shown.any(axis)).tolist() for axis in (1, 0))
    return (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1) if rows else None


def _map_confidence(predictor: Predictor, examined: Examined, heat: dict[str, HeatMap]) -> Array | None:
    """The confidence at each place of the drawn picture; None for answers without places."""
    spatial, sense = predictor.kind.spatial, examined.used[0]
    if spatial is None:
        return None
    confidence = spatial.map_confidence(examined.outputs.raw, examined.spec, examined.calibration)
    example, drawn = examined.example, heat[sense].drawn
    occlusion = SENSES[sense].occlude(example.arrays[sense], example.geometry[sense])
    return occlusion.project(confidence, (drawn.height, drawn.width))


def _count_nearest_classes(predictor: Predictor, examined: Examined) -> dict[str, int]:
    extension = predictor.kind.extension
    if extension is None:
        return {}
    classes = extension.names(examined.spec)
    return count_nearest(predictor.features, examined.outputs.embedding, classes)
