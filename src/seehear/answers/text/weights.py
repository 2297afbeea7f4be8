"""What each judge of a text weighs, chosen on examples held out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.answers.ask import Ask
from seehear.answers.text.bleu import bleu, bleu_parts
from seehear.answers.text.candidates import judged, reordered, transcripts, translations, weights
from seehear.answers.text.edits import edits
from seehear.answers.text.spec import TextSpec
from seehear.answers.text.translate import ranked

Array = NDArray[Any]
Examples = Sequence[Mapping[str, Array]]
OF_TRANSCRIPTS = {"language": (0.0, 0.2, 0.4, 0.7, 1.0, 1.4), "insertion": (-0.5, 0.0, 0.6, 1.2, 2.0)}
TRIED_S = 600.0
BY_DECODER = (0.0, 0.1, 0.2, 0.4, 0.7, 1.0, 1.5)
OF_TRANSLATIONS = {"length": (0.0, 0.5, 1.0, 1.5), "language": (0.0, 0.2, 0.5)}


def chosen(examples: Examples, truths: Sequence[str], spec: TextSpec, ask: Ask | None) -> dict[str, float]:
    """For the fewest word errors; of a translation, for the most BLEU. One after the other, the others as they are.

    By the first of the examples, up to TRIED_S of sound: each value that is tried is a search through all of it.
    """
    lasts_s = np.cumsum([float(example["cells"] * example["cell_s"]) for example in examples])
    some = max(1, int(np.searchsorted(lasts_s, TRIED_S, side="right")))
    examples, truths = examples[:some], truths[:some]
    if spec.translated:
        return _of_translations(examples, truths, spec, ask)

    def errors(tried: Mapping[str, float]) -> float:
        return _errors((transcripts(example, spec, tried)[0].tokens for example in examples), truths, spec)

    own = _tuned(
        {name: usual for name, usual in weights(spec, {}).items() if name in OF_TRANSCRIPTS}, OF_TRANSCRIPTS, errors
    )
    return own | (_of_decoder(examples, truths, spec, ask, own) if spec.decoder else {})


def _of_decoder(
    examples: Examples, truths: Sequence[str], spec: TextSpec, ask: Ask | None, own: Mapping[str, float]
) -> dict[str, float]:
    """The least that is best: at 0 it need not be asked."""
    heard = [transcripts(example, spec, own) for example in examples]
    by_decoder = [judged(each, example, spec, ask) for each, example in zip(heard, examples, strict=True)]

    def errors(weight: float) -> float:
        best = (reordered(each, by, weight)[0].tokens for each, by in zip(heard, by_decoder, strict=True))
        return _errors(best, truths, spec)

    return {"decoder": min(BY_DECODER, key=lambda weight: (errors(weight), weight))}


def _of_translations(examples: Examples, truths: Sequence[str], spec: TextSpec, ask: Ask | None) -> dict[str, float]:
    texts = [translations(example, spec, ask) for example in examples]

    def badness(tried: dict[str, float]) -> float:
        said = [spec.decode(ranked(each, spec.automaton, tried)[0].tokens) for each in texts]
        return -bleu(bleu_parts(said, truths).sum(0))

    return _tuned(weights(spec, {}), OF_TRANSLATIONS, badness)


def _tuned(
    usual: dict[str, float], tried: Mapping[str, Sequence[float]], badness: Callable[[dict[str, float]], float]
) -> dict[str, float]:
    """The best of each, the one nearest to the usual among those that are equal."""
    own = dict(usual)
    for name, values in tried.items():
        bad = {value: badness(own | {name: value}) for value in values}
        own[name] = min(values, key=lambda value: (bad[value], abs(value - usual[name])))
    return own


def _errors(said: Iterable[Sequence[int]], truths: Sequence[str], spec: TextSpec) -> float:
    """Word edits in all."""
    pairs = zip(truths, map(spec.decode, said), strict=True)
    return float(np.sum([len(edits(truth.split(), text.split())) for truth, text in pairs]))
