"""Which answers of a table a recipe can not learn from, before anything is decoded."""

from __future__ import annotations

import numpy as np

from seehear.answers import ANSWERS
from seehear.errors import InputError
from seehear.recipe import Recipe
from seehear.table import RowProblem, Table


def unreadable_answers(table: Table, recipe: Recipe) -> list[RowProblem]:
    """A Problem for each row whose cell is no answer of the recipe's kind: "n/a" or "<5" among scores.

    Every different cell is read once; none of answers in files, which would take as long as decoding them.
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
    places = np.flatnonzero(np.isin(codes, list(errors)))
    rows = table.take(places)
    return [RowProblem.of(errors[code], row.key) for code, row in zip(codes[places].tolist(), rows, strict=True)]
