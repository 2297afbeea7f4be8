"""The dataset cache: examples are decoded and preprocessed once, then memory-mapped during training."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seehear.amounts import format_count
from seehear.answers import ANSWERS
from seehear.errors import DataError, InputError
from seehear.events import Advanced, Finished, Listener, Started
from seehear.files import write_atomically
from seehear.geometry import Geometry, Grid, Warp
from seehear.learn.data.ragged import Ragged, RaggedWriter
from seehear.measure.clusters import Clusters, find_clusters
from seehear.recipe import Recipe
from seehear.runtime.batching import read_ahead
from seehear.runtime.onnx_session import threads
from seehear.senses import SENSES, load_signal
from seehear.table import Row, RowProblem, Table, group_rows
from seehear.table.groups import is_group

Array = NDArray[Any]
TASK = "reading"
REPORT_EVERY = 256  # rows
BATCH_VALUES = 1 << 23  # values of inputs in one batch, so that their activations fit into memory
TARGETS = "targets"


@dataclass(frozen=True)
class Batch:
    """inputs and targets by name; present (B, S), which senses each example has; all on the CPU until moved."""

    inputs: dict[str, Tensor]
    present: Tensor
    target: dict[str, Tensor]

    def to(self, device: torch.device) -> Batch:
        return Batch(move(self.inputs, device), self.present.to(device), move(self.target, device))


@dataclass(frozen=True)
class Example:
    """Preprocessed arrays of the senses that an example has, and its target."""

    arrays: dict[str, Array]
    target: dict[str, Array]


@dataclass(frozen=True)
class Decoded:
    """One decoded row: its preprocessed arrays by sense, or why it cannot be used.

    For answers that give positions, also the geometry of the preprocessing and the target.
    """

    arrays: dict[str, Array]
    problem: RowProblem | None = None
    geometry: Geometry | None = None
    target: Array | None = None


class DatasetCache:
    """Preprocessed examples by index. Those of a table without answers have no targets.

    kept      the rows of the table that could be used; the others are in `problems`
    lengths   (n,) values stored for each example, for batches of similar length
    """

    def __init__(self, table: Table, recipe: Recipe, folder: Path) -> None:
        self.recipe = recipe
        self.kind = ANSWERS[recipe.kind]
        index = json.loads((folder / "index.json").read_text())
        self.kept: Array = np.array(index["kept"], np.int64)
        self.problems = tuple(RowProblem(**problem) for problem in index["problems"])
        self.table = table.take(self.kept)
        self._answers = self.table.answers() if self.table.kind else []
        self._auxiliary = self.table.auxiliary() or [""] * len(self.table)
        self._preprocessed = {name: Ragged(folder / f"{name}.bin") for name in recipe.senses}
        self.lengths: Array = np.sum([preprocessed.lengths for preprocessed in self._preprocessed.values()], axis=0)
        self._geometry = [_geometry(stored) for stored in index["geometry"]]
        self._targets = Ragged(folder / f"{TARGETS}.bin") if self._geometry else None

    @classmethod
    def build(cls, table: Table, recipe: Recipe, folder: Path, *, listen: Listener) -> DatasetCache:
        """Decode all rows into the folder, or reuse what an interrupted run has decoded there.

        Raises DataError if no row can be used.
        """
        index = folder / "index.json"
        if not index.exists():
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(index, json.dumps(_decode_all(table, recipe, folder, listen)).encode())
        return cls(table, recipe, folder)

    def __len__(self) -> int:
        return len(self.kept)

    @cached_property
    def groups(self) -> NDArray[np.int64]:
        """(n,) the group of each example, such as its speaker."""
        return group_rows(self.table)

    def clusters(self, rows: Sequence[int]) -> Clusters:
        """The units of resampling for confidence intervals, for these examples."""
        table = self.table.take(rows)
        columns = {name: table.metadata_column(name) for name in table.metadata if is_group(name)}
        return find_clusters(len(table), columns)

    def group_columns(self, rows: Sequence[int]) -> dict[str, list[str]]:
        """The cells of these examples in the columns whose groups may be named in a model file: those that several
        examples share, and that name no people or places."""
        table = self.table.take(rows)
        columns = {name: table.metadata_column(name) for name in table.metadata if not is_group(name)}
        return {name: cells for name, cells in columns.items() if len(set(cells)) < len(cells)}

    def metadata(self, rows: Sequence[int]) -> dict[str, list[str]]:
        """The cells of these examples in every column of metadata."""
        table = self.table.take(rows)
        return {name: table.metadata_column(name) for name in table.metadata}

    def has_sense(self, sense: str) -> NDArray[np.bool_]:
        """(n,) whether each example has this sense."""
        there: NDArray[np.bool_] = self._preprocessed[sense].lengths > 0
        return there

    def batch(self, rows: Sequence[int] | Array) -> Batch:
        return self.collate(self.examples(rows))

    def examples(self, rows: Sequence[int] | Array) -> list[Example]:
        return [self._example(int(row)) for row in rows]

    def collate(self, examples: Sequence[Example]) -> Batch:
        inputs: dict[str, Array] = {}
        for name, spec in self.recipe.senses.items():
            inputs |= SENSES[name].collate([example.arrays.get(name) for example in examples], spec)
        present = np.array([[name in example.arrays for name in self.recipe.senses] for example in examples])
        target = {key: pad_and_stack([example.target[key] for example in examples]) for key in examples[0].target}
        return Batch(_tensors(inputs), torch.from_numpy(present), _tensors(target))

    def inputs(self, sense: str, rows: Sequence[int] | Array) -> dict[str, Tensor]:
        """The inputs of one sense for these examples, by name."""
        arrays = [self._preprocessed[sense][int(row)] for row in rows]
        return _tensors(SENSES[sense].collate(arrays, self.recipe.senses[sense]))

    def preprocessed(self, sense: str, row: int) -> Array:
        """The preprocessed array of a sense that the example has."""
        array = self._preprocessed[sense][row]
        if array is None:
            raise ValueError(f"example {row} has no {sense}")
        return array

    def truth(self, row: int) -> Any:
        return self.kind.read(self._answers[row], self.recipe.answer)

    def geometry(self, row: int) -> Geometry | None:
        """How the preprocessed example maps to its original; None unless the answers give positions."""
        return self._geometry[row] if self._geometry else None

    def split_rows(self, rows: NDArray[np.int64], most: int) -> Iterator[NDArray[np.int64]]:
        """The rows in batches of at most this many that fit into memory."""
        size = self.batch_limit(most)
        for start in range(0, len(rows), size):
            yield rows[start : start + size]

    def batch_limit(self, most: int) -> int:
        """The batch size that fits into memory, at most this."""
        return limit_batch(self.lengths, most)

    def _example(self, row: int) -> Example:
        arrays = {name: array for name, own in self._preprocessed.items() if (array := own[row]) is not None}
        return Example(arrays, self._target(row))

    def _target(self, row: int) -> dict[str, Array]:
        if self.table.kind is None:
            return {}
        kept = self._targets[row] if self._targets else None
        own = self.kind.target(self.truth(row), self.recipe.answer, None) if kept is None else _unpacked(kept)
        if self.kind.auxiliary is None:
            return own
        return own | self.kind.auxiliary.target(self._auxiliary[row], self.recipe.answer)


def limit_batch(lengths: NDArray[np.int64], most: int) -> int:
    """The size of a batch of the longest examples that fits into memory, at most this."""
    return int(np.clip(BATCH_VALUES // max(int(lengths.max(initial=1)), 1), 1, most))


def pad_and_stack(arrays: Sequence[Array]) -> Array:
    """Stack arrays of one rank -> (n, ...), padded with zeros to the largest size of each axis."""
    if len({array.shape for array in arrays}) == 1:
        return np.stack(arrays)
    stack = np.zeros((len(arrays), *np.max([array.shape for array in arrays], axis=0)), arrays[0].dtype)
    for place, array in zip(stack, arrays, strict=True):
        place[tuple(map(slice, array.shape))] = array
    return stack


def move(tensors: Mapping[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """The tensors on the device."""
    return {name: tensor.to(device, non_blocking=True) for name, tensor in tensors.items()}


def _tensors(arrays: Mapping[str, Array]) -> dict[str, Tensor]:
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def _decode_all(table: Table, recipe: Recipe, folder: Path, listen: Listener) -> dict[str, Any]:
    kept: list[int] = []
    problems: list[RowProblem] = []
    places: list[dict[str, Any]] = []
    writers = {name: RaggedWriter(folder / f"{name}.bin") for name in (*recipe.senses, TARGETS)}
    listen(Started(TASK, len(table), "examples"))
    decode = partial(_decode, recipe=recipe, answered=table.kind is not None)
    for number, decoded in enumerate(read_ahead(decode, table, threads=threads())):
        if decoded.problem is not None:
            problems.append(decoded.problem)
        else:
            kept.append(number)
            for name in recipe.senses:
                writers[name].append(decoded.arrays.get(name))
            if decoded.geometry is not None:
                writers[TARGETS].append(decoded.target)
                places.append(asdict(decoded.geometry))
        if number % REPORT_EVERY == 0:
            listen(Advanced(TASK, number))
    listen(Finished(TASK, format_count(len(table), "example")))
    for writer in writers.values():
        writer.close()  # before the index, which marks them as complete
    if not kept:
        first = f"; the first: {problems[0]}" if problems else ""
        raise DataError(f"none of {format_count(len(table), 'example')} can be used{first}", where=str(table.root))
    return {"kept": kept, "problems": [problem.to_json() for problem in problems], "geometry": places}


def _decode(row: Row, recipe: Recipe, answered: bool) -> Decoded:
    """Read all senses of one row. If one cannot be read, the whole row is left out, with the reason."""
    kind, found = ANSWERS[recipe.kind], {}
    try:
        truth = kind.read(row.answer or "", recipe.answer) if answered else None
        for name, spec in recipe.senses.items():
            if name in row.inputs:
                found[name] = load_signal(name, row.inputs[name], spec)
        geometry = next((place for _, place in found.values()), None)
        target = kind.target(truth, recipe.answer, geometry) if answered else {}
    except InputError as error:
        return Decoded({}, RowProblem.of(error, row.key))
    if not found:
        return Decoded({}, RowProblem(row.key, f"has none of the requested senses: {', '.join(recipe.senses)}"))
    arrays = {name: array for name, (array, _) in found.items()}
    return Decoded(arrays, geometry=geometry, target=_packed(target)) if kind.spatial else Decoded(arrays)


def _packed(target: Mapping[str, Array]) -> Array:
    """Named arrays as bytes (n,)."""
    file = BytesIO()
    np.savez(file, **target)  # type: ignore[arg-type]  # keywords are arrays
    return np.frombuffer(file.getvalue(), np.uint8)


def _unpacked(packed: Array) -> dict[str, Array]:
    with np.load(BytesIO(packed.tobytes())) as arrays:
        return dict(arrays)


def _geometry(stored: Mapping[str, Any]) -> Geometry:
    """Read a geometry from its dictionary in JSON, which has lists for tuples."""
    warp, original, preprocessed = stored["warp"], stored["original"], stored["preprocessed"]
    grids = (Grid(tuple(grid["shape"]), grid["pitch"], grid["unit"]) for grid in (original, preprocessed))
    return Geometry(Warp(tuple(warp["scale"]), tuple(warp["offset"])), *grids)
