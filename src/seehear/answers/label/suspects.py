"""Labels that are probably wrong: another class explains the example much better."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from seehear.amounts import format_probability
from seehear.answers.label.answer import Label, LabelSpec
from seehear.answers.label_noise import LIKELIER, estimate_label_noise
from seehear.answers.suspect import Suspect

TINY = 1e-12  # probabilities have logarithms


def find_suspects(answers: Sequence[Label], truths: Sequence[Label], spec: LabelSpec) -> Iterator[Suspect]:
    """answers: of models that have not learned from these examples; truths: what the data say."""
    probabilities = np.array([answer.probabilities for answer in answers]).reshape(-1, len(spec.classes))
    yield from (_compare_sets if spec.several else _compare_classes)(probabilities, truths, spec)


def _compare_classes(probabilities: np.ndarray, truths: Sequence[Label], spec: LabelSpec) -> Iterator[Suspect]:
    given = np.array([spec.index[truth.names[0]] for truth in truths], np.int64)
    noise = estimate_label_noise(np.log(probabilities + TINY), given)
    others = probabilities.copy()
    others[np.arange(len(given)), given] = -1
    for row in np.flatnonzero(noise.wrong > LIKELIER).tolist():
        best = spec.classes[int(others[row].argmax())]
        reason = f"looks like {best!r} ({format_probability(others[row].max())}), not like {str(truths[row])!r}"
        yield Suspect(row, "label", float(noise.wrong[row]), reason, best)


def _compare_sets(probabilities: np.ndarray, truths: Sequence[Label], spec: LabelSpec) -> Iterator[Suspect]:
    """Each class is judged alone: an example has it or not."""
    wrong = np.zeros_like(probabilities)
    for place, name in enumerate(spec.classes):
        has = np.array([name in truth.names for truth in truths], np.int64)
        own = np.log(np.stack([1 - probabilities[:, place], probabilities[:, place]], 1) + TINY)
        wrong[:, place] = estimate_label_noise(own, has).wrong
    for row in np.flatnonzero(wrong.max(1, initial=0) > LIKELIER).tolist():
        doubtful = [name for name, share in zip(spec.classes, wrong[row], strict=True) if share > LIKELIER]
        names = tuple(name for name in spec.classes if (name in truths[row].names) != (name in doubtful))
        changes = ", ".join(f"{'with' if name in names else 'without'} {name!r}" for name in doubtful)
        yield Suspect(row, "label", float(wrong[row].max()), f"looks {changes}", Label(names, several=True).to_cell())
