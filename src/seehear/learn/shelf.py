"""Prepared examples on disk: decoded once, then read by training at the speed of memory."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seehear.answers import ANSWERS
from seehear.errors import DataError, InputError
from seehear.events import Advanced, Finished, Listener, Started
from seehear.files import write_whole
from seehear.recipe import Recipe
from seehear.runtime.session import threads
from seehear.senses import SENSES
from seehear.table import Problem, Row, Table

Array = NDArray[Any]
TASK = "reading"
TOGETHER = 256  # rows decoded between two writes
FULL_SCALE = 32767  # sounds are kept as 16-bit integers, half of what the network is fed


@dataclass(frozen=True)
class Batch:
    """inputs by name; present (B, S), which senses each example has; target by name; all on the CPU."""

    inputs: dict[str, Tensor]
    present: Tensor
    target: dict[str, Tensor]


@dataclass(frozen=True)
class Decoded:
    """One row after reading: its prepared arrays by sense, or why it cannot be used."""

    arrays: dict[str, Array]
    problem: Problem | None = None


class Shelf:
    """Examples by number, as the network is fed them.

    kept      which rows of the table they are; the others are in `problems`
    lengths   (n,) numbers stored for each, for batches of like length
    """

    def __init__(self, table: Table, recipe: Recipe, folder: Path) -> None:
        self.recipe = recipe
        self.kind = ANSWERS[recipe.kind]
        index = json.loads((folder / "index.json").read_text())
        self.kept: Array = np.array(index["kept"], np.int64)
        self.problems = tuple(Problem(**problem) for problem in index["problems"])
        self.table = table.take(self.kept)
        self._answers = self.table.answers()
        self._spans = {name: np.load(folder / f"{name}.npy") for name in recipe.senses}  # (n, 2) start, stop
        self._stored = {name: _stored(folder / f"{name}.bin", index["types"][name]) for name in recipe.senses}
        self.lengths: Array = sum((spans[:, 1] - spans[:, 0] for spans in self._spans.values()), np.zeros(1, np.int64))

    @classmethod
    def fill(cls, table: Table, recipe: Recipe, folder: Path, *, listen: Listener) -> Shelf:
        """Decode every row, or take what was decoded in the folder before: of the same table and senses.

        Raises DataError where nothing can be read.
        """
        index = folder / "index.json"
        if not index.exists():
            folder.mkdir(parents=True, exist_ok=True)
            write_whole(index, json.dumps(_decode_all(table, recipe, folder, listen)).encode())
        return cls(table, recipe, folder)

    def __len__(self) -> int:
        return len(self.kept)

    def batch(self, rows: Sequence[int] | Array) -> Batch:
        inputs: dict[str, Array] = {}
        for name, spec in self.recipe.senses.items():
            inputs |= SENSES[name].collate([self._prepared(name, int(row)) for row in rows], spec)
        present = np.stack([self._spans[name][rows, 1] > self._spans[name][rows, 0] for name in self.recipe.senses], 1)
        targets = [self.kind.target(self.truth(int(row)), self.recipe.answer, None) for row in rows]
        target = {key: torch.from_numpy(np.stack([t[key] for t in targets])) for key in targets[0]}
        return Batch({key: torch.from_numpy(value) for key, value in inputs.items()}, torch.from_numpy(present), target)

    def truth(self, row: int) -> Any:
        return self.kind.read(self._answers[row], self.recipe.answer)

    def _prepared(self, sense: str, row: int) -> Array | None:
        start, stop = self._spans[sense][row]
        if start == stop:
            return None
        stored = self._stored[sense][start:stop]
        if stored.dtype == np.int16:
            return stored.astype(np.float32) / FULL_SCALE
        spec = self.recipe.senses[sense]
        picture: Array = np.asarray(stored).reshape(spec.height, spec.width, spec.channels)  # type: ignore[attr-defined]
        return picture


def _decode_all(table: Table, recipe: Recipe, folder: Path, listen: Listener) -> dict[str, Any]:
    kept: list[int] = []
    problems: list[Problem] = []
    types = dict.fromkeys(recipe.senses, "uint8")
    spans: dict[str, list[tuple[int, int]]] = {name: [] for name in recipe.senses}
    files: dict[str, BinaryIO] = {name: (folder / f"{name}.bin").open("wb") for name in recipe.senses}
    ends = dict.fromkeys(recipe.senses, 0)
    listen(Started(TASK, len(table), "examples"))
    for number, decoded in enumerate(_decoded(table, recipe)):
        if decoded.problem is not None:
            problems.append(decoded.problem)
        else:
            kept.append(number)
            for name, file in files.items():
                flat = _storable(decoded.arrays.get(name))
                types[name] = str(flat.dtype) if flat.size else types[name]
                file.write(flat.tobytes())
                spans[name].append((ends[name], ends[name] + flat.size))
                ends[name] += flat.size
        if number % TOGETHER == 0:
            listen(Advanced(TASK, number))
    listen(Finished(TASK))
    for name, file in files.items():
        file.flush()
        os.fsync(file.fileno())  # the index that is written next says that they are whole
        file.close()
        np.save(folder / f"{name}.npy", np.array(spans[name], np.int64).reshape(-1, 2))
    if not kept:
        first = f"; the first: {problems[0]}" if problems else ""
        raise DataError(f"none of {len(table):,} examples can be used{first}", where=str(table.root))
    return {"kept": kept, "problems": [problem.to_json() for problem in problems], "types": types}


def _decoded(table: Table, recipe: Recipe) -> Iterator[Decoded]:
    def decode(row: Row) -> Decoded:
        return _decode(row, recipe)

    rows = iter(table)
    with ThreadPoolExecutor(threads()) as pool:
        while together := list(islice(rows, TOGETHER)):
            yield from pool.map(decode, together)


def _decode(row: Row, recipe: Recipe) -> Decoded:
    """Every sense of one row; a row of which one sense cannot be read is left out whole, and said."""
    arrays = {}
    try:
        ANSWERS[recipe.kind].read(row.answer or "", recipe.answer)
        for name, spec in recipe.senses.items():
            if name in row.inputs:
                arrays[name] = SENSES[name].prepare(SENSES[name].read(row.inputs[name]), spec)[0]
    except InputError as error:
        return Decoded({}, Problem(error.where or row.key, error.what, error.hint))
    if not arrays:
        return Decoded({}, Problem(row.key, f"has none of the senses asked for: {', '.join(recipe.senses)}"))
    return Decoded(arrays)


def _storable(array: Array | None) -> Array:
    if array is None:
        return np.zeros(0, np.uint8)
    if array.dtype == np.uint8:
        return array.ravel()
    integers: Array = np.rint(np.clip(array, -1, 1) * FULL_SCALE).astype(np.int16)
    return integers


def _stored(path: Path, dtype: str) -> Array:
    """A memory map of the file; an empty array for a sense that no example has."""
    return np.memmap(path, np.dtype(dtype), "r") if path.stat().st_size else np.zeros(0, np.dtype(dtype))
