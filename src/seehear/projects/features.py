"""Features of examples and files, computed once for each model and kept beside the project.

They are a cache: `features/` may be deleted at any time. Recordings are cut into overlapping windows of one length, so
that a search finds the place in hours of sound.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from seehear.amounts import format_count
from seehear.errors import InputError
from seehear.events import Advanced, Finished, Listener, Started
from seehear.files import write_atomically
from seehear.media import Excerpt, Input
from seehear.problems import RowProblem
from seehear.projects.examples import Span
from seehear.runtime.predictor import Embedding
from seehear.senses import SENSES

TASK = "comparing"
ROWS = 512  # of one file of the cache
OVERLAP = 0.5  # of neighbouring windows
WHOLE = 1.5  # windows: up to this length, a recording is compared as a whole
Array = NDArray[np.float32]
_Block = Mapping[str, NDArray[Any]]  # one file of the cache


class Encoder(Protocol):
    """What computes features. `name` changes whenever they would; it is the name of a folder."""

    @property
    def name(self) -> str: ...
    @property
    def senses(self) -> Sequence[str]: ...
    def embed(self, examples: Iterable[Any]) -> Iterator[Embedding]: ...


class Item(NamedTuple):
    """Something to compare: what people call it, what identifies its content, and what to read for each sense."""

    name: str
    key: str
    inputs: Mapping[str, Input]


@dataclass(frozen=True)
class Features:
    """The rows of items: the item's place in their list (n,), the stretch in seconds (n, 2), not a number for all of
    it, and the vector (n, F) of length 1."""

    owners: NDArray[np.int64]
    spans_s: NDArray[np.float64]
    vectors: Array


class _Row(NamedTuple):
    key: str
    span_s: Span | None
    vector: Array


def embed_one(encoder: Encoder, inputs: Mapping[str, Any], name: str) -> Array:
    """The vector (F,) of one thing, which is not kept. Raises its error if it cannot be read."""
    (found,) = encoder.embed([inputs])
    if found.vector is None:
        error = found.errors[0]
        raise error if error.where else error.at(name)
    return np.asarray(found.vector, np.float32)


class FeatureCache:
    """The features of one encoder, for whole items or for windows of one length."""

    def __init__(self, folder: Path, encoder: Encoder, window_s: float | None) -> None:
        self._encoder, self._window_s = encoder, window_s
        self.folder = folder / encoder.name / ("whole" if window_s is None else f"{window_s:g}s")
        self._read: dict[Path, _Block] = {}  # files are written once, and never changed

    def find_missing(self, items: Sequence[Item]) -> list[Item]:
        """The items whose features are not computed yet, each content once."""
        known = {key for block in self._blocks() for key in block["keys"].tolist()}
        return list({item.key: item for item in items if item.key not in known}.values())

    def compute(self, items: Sequence[Item], listen: Listener) -> list[RowProblem]:
        """Compute and keep the features of these items. Returns what cannot be read.

        What is done when it is interrupted is kept.
        """
        missing, problems = self.find_missing(items), list[RowProblem]()
        if not missing:
            return problems
        listen(Started(TASK, len(missing), "examples"))
        rows: list[_Row] = []
        for done, (item, own) in enumerate(self._embed(missing, problems), 1):
            rows += own
            if len(rows) >= ROWS:
                self._write(rows)
                rows = []
            listen(Advanced(TASK, done, item.name))
        self._write(rows)
        listen(Finished(TASK, format_count(len(missing), "example")))
        return problems

    def read(self, items: Sequence[Item]) -> Features:
        """The rows of these items; those without features have none."""
        places: dict[str, list[int]] = {}
        for place, item in enumerate(items):
            places.setdefault(item.key, []).append(place)
        owners: list[int] = []
        spans, vectors = [np.zeros((0, 2))], list[Array]()
        seen: set[str] = set()
        for block in self._blocks():
            keys = block["keys"].tolist()
            wanted = [key in places and key not in seen for key in keys]
            seen.update(keys)
            chosen = [row for row, owner in enumerate(block["owners"].tolist()) if wanted[owner]]
            for row in chosen:  # the same content may be several items: the first stands for all
                owners.append(places[keys[block["owners"][row]]][0])
            spans.append(block["spans_s"][chosen])
            vectors.append(block["vectors"][chosen].astype(np.float32))
        width = next((each.shape[1] for each in vectors), 0)
        stacked = np.concatenate([np.zeros((0, width), np.float32), *vectors])
        return Features(np.array(owners, np.int64), np.concatenate(spans), stacked)

    def _embed(self, items: Sequence[Item], problems: list[RowProblem]) -> Iterator[tuple[Item, list[_Row]]]:
        """Each item with its rows, in order. What cannot be read has none, and is added to `problems`."""
        asked: deque[tuple[int, Span | None]] = deque()

        def examples() -> Iterator[Mapping[str, Any]]:
            for place, item in enumerate(items):
                try:
                    for span_s, inputs in self._cut(item):
                        asked.append((place, span_s))
                        yield inputs
                except InputError as error:
                    problems.append(RowProblem.of(error, item.name))

        rows: list[_Row] = []
        now = 0
        for found in self._encoder.embed(examples()):
            place, span_s = asked.popleft()
            while now < place:
                yield items[now], rows
                now, rows = now + 1, []
            if found.vector is None:
                problems.extend(RowProblem(items[place].name, each.what, each.hint) for each in found.errors)
            else:
                rows.append(_Row(items[place].key, span_s, found.vector))
        while now < len(items):
            yield items[now], rows
            now, rows = now + 1, []

    def _cut(self, item: Item) -> Iterator[tuple[Span | None, Mapping[str, Any]]]:
        """The item as a whole, or its windows. Raises InputError."""
        if self._window_s is None:
            yield None, item.inputs
            return
        ((sense, source),) = item.inputs.items()
        signal = SENSES[sense].read(source)
        grid = SENSES[sense].grid(signal)
        if grid.duration_s <= WHOLE * self._window_s:
            yield None, {sense: signal}
            return
        offset_s = source.start_s if isinstance(source, Excerpt) else 0.0
        for start_s in np.arange(0, grid.duration_s - self._window_s / 2, self._window_s * (1 - OVERLAP)).tolist():
            end_s = min(start_s + self._window_s, grid.duration_s)
            window = signal[round(start_s / grid.pitch) : round(end_s / grid.pitch)]
            yield (offset_s + start_s, offset_s + end_s), {sense: window}

    def _write(self, rows: Sequence[_Row]) -> None:
        if not rows:
            return
        keys = list(dict.fromkeys(row.key for row in rows))
        places = {key: place for place, key in enumerate(keys)}
        content = BytesIO()
        np.savez(
            content,
            keys=np.array(keys),
            owners=np.array([places[row.key] for row in rows]),
            spans_s=np.array([row.span_s or (np.nan, np.nan) for row in rows]),
            vectors=np.stack([row.vector for row in rows]).astype(np.float16),
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self.folder / f"{secrets.token_hex(8)}.npz", content.getvalue())

    def _blocks(self) -> Iterator[_Block]:
        for path in sorted(self.folder.glob("*.npz")):
            if path not in self._read:
                try:
                    with np.load(path, allow_pickle=False) as stored:
                        self._read[path] = {name: stored[name] for name in ("keys", "owners", "spans_s", "vectors")}
                except Exception:  # however it is damaged, its features are computed again
                    path.unlink(missing_ok=True)
                    continue
            yield self._read[path]
