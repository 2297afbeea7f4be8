"""How good the published decoder is without training, on some of the held-out recordings."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from seehear.amounts import format_count
from seehear.answers import ANSWERS
from seehear.answers.text import TextSpec
from seehear.answers.text.whisper_decoder import ExportedWhisperDecoder
from seehear.effects import Comparison
from seehear.events import Finished, Listener, Notice, Started
from seehear.learn.calibrate.calibration import Calibrated, make_decoder_function, select_calibration_rows
from seehear.learn.data.cache import DatasetCache
from seehear.learn.model.network import Network
from seehear.learn.zero_shot import Transcriber
from seehear.measure.formatting import format_percent
from seehear.senses.hearing import HEARING
from seehear.senses.hearing.plan import Whisper
from seehear.starts import find_start, load_tensors

TASK = "transcribing before training"
MOST, FEWEST = 50, 4  # examples
SHARE = 0.05  # of the budget; if that is spent, no more than FEWEST
METRIC = "wer"


@dataclass(frozen=True)
class Untrained:
    """The word error rate of the published network on these rows of a dataset."""

    dataset: DatasetCache
    rows: NDArray[np.int64]
    error_rate: float

    def compare(self, calibrated: Calibrated, listen: Listener) -> Comparison:
        """Compare with the trained network's answers to the same rows."""
        error_rate = _measure(self.dataset, self.rows, [calibrated.answers[row] for row in self.rows.tolist()])
        listen(
            Notice(
                f"word errors on {format_count(len(self.rows), 'held-out recording')}: "
                f"{format_percent(self.error_rate)} without training, {format_percent(error_rate)} with it"
            )
        )
        return Comparison(
            metric=METRIC,
            other=f"{calibrated.recipe.starts[HEARING.name]} without training",
            other_value=self.error_rate,
            own_value=error_rate,
            examples=len(self.rows),
        )


@torch.no_grad()
def measure_untrained(
    trained: Network, dataset: DatasetCache, rows: NDArray[np.int64], listen: Listener
) -> Untrained | None:
    """On rows that `trained` will be calibrated on.

    None for a recogniser without a published decoder. Raises SeehearError if its start cannot be loaded.
    """
    recipe = dataset.recipe
    if not isinstance(recipe.answer, TextSpec) or (decoder := recipe.answer.whisper) is None:
        return None
    started_s = time.monotonic()
    start = find_start(recipe.starts[HEARING.name])
    encoder: Whisper = recipe.senses[HEARING.name].encoder  # type: ignore[attr-defined]
    network = Transcriber(encoder.model_copy(update={"with_states": False}), decoder).eval()
    network.load_pretrained(load_tensors(start))
    spec = TextSpec(tokens=(), texts=0, words=0, decoder=decoder)
    run = make_decoder_function(ExportedWhisperDecoder(network.decoder), torch.device("cpu"))
    kind = ANSWERS[recipe.kind].require_decoding("a decoder").with_network(run)
    answered = select_calibration_rows(trained, dataset, rows)
    chosen = np.random.default_rng(recipe.training.seed).permutation(answered)[:MOST]
    budget_s = SHARE * 60 * recipe.training.minutes if recipe.training.steps is None else math.inf
    listen(Started(TASK, len(chosen), "recordings"))
    answers: list[object] = []
    for row in chosen:
        if len(answers) >= FEWEST and time.monotonic() - started_s > budget_s:
            break
        outputs = network(*dataset.inputs(HEARING.name, [row]).values())
        raw = {name: each[0].numpy() for name, each in zip(network.outputs, outputs, strict=True)}
        answers.append(kind.to_answer(raw, spec, {}, None))
    chosen = chosen[: len(answers)]
    error_rate = _measure(dataset, chosen, answers)
    listen(Finished(TASK, f"{format_percent(error_rate)} word errors by {start.name} without training"))
    return Untrained(dataset, chosen, error_rate)


def _measure(dataset: DatasetCache, rows: NDArray[np.int64], answers: list[object]) -> float:
    kind, spec = dataset.kind, dataset.recipe.answer
    compared = kind.compare(answers, [dataset.truth(int(row)) for row in rows], spec)
    return kind.metrics(compared, spec)[METRIC]
