"""Traced graphs in the user's cache folder. They have no weights, so the same network gives the same graphs again.

A file's name is the hash of all that determines its graphs. Writes are atomic, and all processes write the same
contents, so they can share the folder without locks.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seehear.amounts import format_count
from seehear.errors import SeehearError
from seehear.events import Finished, Listener, Started
from seehear.files import write_atomically
from seehear.learn.data.cache import DatasetCache
from seehear.learn.export import DECODED, Graphs, trace_graphs
from seehear.learn.model.network import Network
from seehear.recipe import Recipe
from seehear.starts.cache import locate_cache

TASK = "preparing the export"
EXPORTERS = ("torch", "onnx", "onnx-ir", "onnxscript")  # packages whose version can change a graph
MOST_KEPT = 100  # files of up to some hundred kilobytes
NETWORK_FIELDS = {"senses", "kind", "answer", "width"}  # of the recipe: those that determine the network


class Traced(NamedTuple):
    """Graphs without weights, and how long tracing them took, now or when they were stored."""

    graphs: Graphs
    seconds: float

    def describe(self) -> str:
        return format_count(sum(graph is not None for graph in self.graphs), "graph")


def is_traced(network: Network, dataset: DatasetCache, rows: NDArray[np.int64]) -> bool:
    """Whether the cache folder has the graphs of this network."""
    return _read(_find_place(network, dataset, rows)) is not None


def trace_once(network: Network, dataset: DatasetCache, rows: NDArray[np.int64], listen: Listener) -> Traced:
    """The traced graphs of a network, from the cache folder if it has them. `trace_graphs` says what it raises."""
    place = _find_place(network, dataset, rows)
    if (stored := _read(place)) is not None:
        return stored
    listen(Started(TASK, None, "graphs"))
    began_s = time.monotonic()
    graphs = trace_graphs(network, dataset, rows)
    traced = Traced(graphs, time.monotonic() - began_s)
    with suppress(OSError, SeehearError):  # without a cache, each training traces again
        place.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(place, to_bytes(traced))
        _remove_oldest(place.parent)
    listen(Finished(TASK, traced.describe()))
    return traced


def _find_place(network: Network, dataset: DatasetCache, rows: NDArray[np.int64]) -> Path:
    return locate_cache() / "graphs" / _compute_key(network.recipe, dataset, rows)


def _remove_oldest(folder: Path) -> None:
    by_age = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime)
    for path in by_age[:-MOST_KEPT]:
        path.unlink(missing_ok=True)


def _compute_key(recipe: Recipe, dataset: DatasetCache, rows: NDArray[np.int64]) -> str:
    """A hash of the recipe, the code, and the shapes of the traced examples."""
    digest = hashlib.sha256(recipe.model_dump_json(include=NETWORK_FIELDS).encode())
    for part in (*_describe_code(), *_describe_examples(dataset, rows)):
        digest.update(f"\0{part}".encode())
    return digest.hexdigest()


@cache
def _describe_code() -> tuple[str, ...]:
    folder = Path(__file__).parents[1]  # the whole package
    sources = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        sources.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes() + b"\0")
    return (sources.hexdigest(), *(f"{name} {version(name)}" for name in EXPORTERS))


def _describe_examples(dataset: DatasetCache, rows: NDArray[np.int64]) -> Iterator[str]:
    batch = dataset.batch(rows[:DECODED])
    for name, tensor in (*batch.inputs.items(), *batch.target.items()):
        yield f"{name} {tuple(tensor.shape)} {tensor.dtype}"


def to_bytes(traced: Traced) -> bytes:
    network, decoder = traced.graphs.network, traced.graphs.decoder or b""
    content = network + decoder
    header = {
        "sha256": hashlib.sha256(content).hexdigest(),
        "network_bytes": len(network),
        "seconds": traced.seconds,
    }
    return json.dumps(header).encode() + b"\n" + content


def parse_traced(stored: bytes) -> Traced | None:
    """The inverse of `to_bytes`; None for damaged bytes."""
    line, _, content = stored.partition(b"\n")
    try:
        header = json.loads(line)
        end, seconds = int(header["network_bytes"]), float(header["seconds"])
        if hashlib.sha256(content).hexdigest() != header["sha256"]:
            return None
    except (ValueError, KeyError, TypeError):
        return None
    return Traced(Graphs(content[:end], content[end:] or None), seconds)


def _read(place: Path) -> Traced | None:
    """None if the file is missing or damaged."""
    try:
        return parse_traced(place.read_bytes())
    except OSError:
        return None
