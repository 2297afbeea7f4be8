"""A look at the examples of a table before training: what they are like, and which cannot be used."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seehear.amounts import format_count
from seehear.answers import ANSWERS
from seehear.errors import DataError, InputError
from seehear.recipe import Recipe
from seehear.runtime.onnx_session import threads
from seehear.senses import SENSES
from seehear.table import Row, RowProblem, Table

SAMPLE = 600  # examples that are read

Facts = Mapping[str, Any]  # what a sense says of one example: its size, its duration, whether it is constant


@dataclass
class SenseSample:
    """What was found in a sample of one sense. Both lists have one entry per example that could be read.

    strata   the class of each example, "" if the answer has none
    """

    facts: list[Facts] = field(default_factory=list)
    strata: list[str] = field(default_factory=list)

    @property
    def mean_s(self) -> float:
        """Mean duration; 0 for pictures."""
        return float(np.mean([fact.get("seconds", 0.0) for fact in self.facts]))


def inspect_inputs(table: Table, seed: int) -> dict[str, SenseSample]:
    """Read a random sample of the examples -> what was found, by sense.

    Raises DataError if no example of a sense can be read, or if all of them are constant.
    """
    chosen = np.random.default_rng(seed).permutation(len(table))[:SAMPLE]
    rows = list(table.take(np.sort(chosen)))
    kind = ANSWERS[table.kind or ""]
    samples = {name: SenseSample() for name in table.senses}
    first_error = ""
    with ThreadPoolExecutor(threads()) as pool:
        for row, (found, error) in zip(rows, pool.map(_read_facts, rows), strict=True):
            first_error = first_error or error
            for name, facts in found.items():
                samples[name].facts.append(facts)
                samples[name].strata.append(kind.stratum(row.answer or ""))
    _check_samples(samples, len(rows), first_error)
    return samples


def _read_facts(row: Row) -> tuple[dict[str, Facts], str]:
    """Facts by sense, and the error of a sense that could not be read."""
    found: dict[str, Facts] = {}
    message = ""
    for name, source in row.inputs.items():
        try:
            found[name] = SENSES[name].summarise(SENSES[name].read(source))
        except InputError as error:
            message = str(error)
    return found, message


def _check_samples(samples: Mapping[str, SenseSample], rows: int, first_error: str) -> None:
    for name, sample in samples.items():
        if not sample.facts:
            others = [other for other, read in samples.items() if read.facts]
            hint = f"leave it out with --senses {','.join(others)}" if others else ""
            raise DataError(
                f"no {name} among {format_count(rows, 'example')} can be read; the first error: {first_error}",
                hint=hint,
            )
        if all(facts["constant"] for facts in sample.facts):
            raise DataError(
                f"all {len(sample.facts):,} {name} inputs inspected are constant: there is nothing to learn"
            )


def find_unreadable_answers(table: Table, recipe: Recipe) -> list[RowProblem]:
    """The rows whose cell is not an answer of the recipe's kind, such as "n/a" among scores.

    Each distinct cell is read once. Answers stored in files are not read: that would take as long as decoding them.
    """
    if table.in_files:
        return []
    codes, cells = table.encode_column()
    errors: dict[int, InputError] = {}
    for code, cell in enumerate(cells):
        try:
            ANSWERS[recipe.kind].read(cell, recipe.answer)
        except InputError as error:
            errors[code] = error
    indices = np.flatnonzero(np.isin(codes, list(errors)))
    rows = table.take(indices)
    return [RowProblem.of(errors[code], row.key) for code, row in zip(codes[indices].tolist(), rows, strict=True)]
