"""Loads what a caller passes as arrays ready for the graph, or as the errors that explain why not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from seehear.errors import InputError, SeehearError
from seehear.geometry import Geometry
from seehear.media import Excerpt, TableExample, find_span
from seehear.runtime.prediction import ExampleSource
from seehear.senses import SENSES, Array, Source, load_signal
from seehear.senses.input_file import Bytes, is_file_object, read_file_object, source_name

T = TypeVar("T")
Example = Mapping[str, Source] | Source  # {"image": …, "audio": …}, or one source for every sense that it has
Preprocessed = tuple[Array, Geometry]


@dataclass(frozen=True)
class LoadedExample:
    """One example, preprocessed: by sense its array, and how the original maps to it, or why it cannot be read."""

    source: ExampleSource
    arrays: dict[str, Array]
    geometry: dict[str, Geometry]
    errors: dict[str, SeehearError]

    @property
    def duration_s(self) -> float:
        """Its length in seconds; 0 for an image."""
        return max((geometry.original.duration_s for geometry in self.geometry.values()), default=0.0)

    @property
    def elements(self) -> int:
        """How many numbers it has: a measure of the work that it takes."""
        return sum(array.size for array in self.arrays.values())


def read_file_objects(example: Example) -> Example:
    """The example with the contents of its file objects, which the caller may close before they are used."""
    if isinstance(example, TableExample):
        return example
    if isinstance(example, Mapping):
        return {sense: _read_file_object(source) for sense, source in example.items()}
    return _read_file_object(example)


def load_example(
    example: Example, specs: Mapping[str, Any], wanted: Sequence[str], source: ExampleSource | None = None
) -> LoadedExample:
    """Read and preprocess the wanted senses of one example. Never raises: errors are part of the result.

    specs    the recipe's senses
    source   what to call the example if it is part of another; otherwise its own name is used
    """
    source = source or source_of(example)
    if isinstance(example, TableExample) and example.error:
        return LoadedExample(source, {}, {}, {wanted[0]: example.error})
    if isinstance(example, Mapping):
        given = {sense: example[sense] for sense in wanted if example.get(sense) is not None}
        if not given:
            return LoadedExample(source, {}, {}, {wanted[0]: _no_input(source, wanted)})
        return _collect(source, {sense: _load_sense(sense, each, specs) for sense, each in given.items()})
    if len(wanted) == 1:
        return _collect(source, {wanted[0]: _load_sense(wanted[0], example, specs)})
    return _collect(source, _load_every_sense(example, specs, wanted))


def read_signal(example: Example, sense: str) -> Array:
    """Read one sense of an example, without preprocessing. Raises SeehearError for anything that is wrong with it."""
    if isinstance(example, TableExample) and example.error:
        raise example.error
    source = example.get(sense) if isinstance(example, Mapping) else example
    if source is None:
        raise _no_input(source_of(example), (sense,))
    signal = _attempt(source, partial(SENSES[sense].read, source))
    if isinstance(signal, SeehearError):
        raise signal
    return signal


def source_of(example: Example) -> ExampleSource:
    """Where an example comes from, and what to call it: its path, its paths, or its type."""
    sources = [each for each in example.values() if each is not None] if isinstance(example, Mapping) else [example]
    table, row = (example.table, example.row) if isinstance(example, TableExample) else (None, "")
    name = " + ".join(dict.fromkeys(map(source_name, sources))) or (f"{table}, {row}" if table else "")
    return ExampleSource(
        name=name,
        paths=tuple(dict.fromkeys(_paths(sources))),
        span_s=find_span(sources),
        table=table,
        row=row,
    )


def _paths(sources: Sequence[Source]) -> Iterator[Path]:
    for source in sources:
        if isinstance(source, str | Path):
            yield Path(source)
        elif isinstance(source, Excerpt):
            yield source.path


def _load_every_sense(
    source: Source, specs: Mapping[str, Any], wanted: Sequence[str]
) -> Mapping[str, Preprocessed | SeehearError]:
    """A video serves several senses, an image or a recording only one: each sense that can read the source gets it.

    A file may serve several senses. An array in memory is one thing: the first sense that can read it gets it.
    """
    results: dict[str, Preprocessed | SeehearError] = {}
    for sense in wanted:
        results[sense] = _load_sense(sense, source, specs)
        if not isinstance(results[sense], SeehearError) and not isinstance(source, str | Path | Excerpt | Bytes):
            break
    return {sense: result for sense, result in results.items() if not isinstance(result, SeehearError)} or results


def _collect(source: ExampleSource, results: Mapping[str, Preprocessed | SeehearError]) -> LoadedExample:
    read = {sense: result for sense, result in results.items() if not isinstance(result, SeehearError)}
    return LoadedExample(
        source=source,
        arrays={sense: array for sense, (array, _) in read.items()},
        geometry={sense: geometry for sense, (_, geometry) in read.items()},
        errors={sense: result for sense, result in results.items() if isinstance(result, SeehearError)},
    )


def _read_file_object(source: Source) -> Source:
    try:
        return read_file_object(source) if is_file_object(source) else source
    except InputError as error:
        return error


def _no_input(source: ExampleSource, wanted: Sequence[str]) -> InputError:
    return InputError(f"no input for {' or '.join(wanted)}", where=source.name or "an example")


def _load_sense(sense: str, source: Source, specs: Mapping[str, Any]) -> Preprocessed | SeehearError:
    return _attempt(source, partial(load_signal, sense, source, specs[sense]))


def _attempt(source: Source, read: Callable[[], T]) -> T | SeehearError:
    """What `read` returns or raises."""
    try:
        return read()
    except SeehearError as error:
        return error if error.where else error.at(source_name(source))
    except Exception as error:  # one input must not end a run over a hundred thousand
        return InputError(f"cannot be used: {type(error).__name__}: {error}", where=source_name(source))
