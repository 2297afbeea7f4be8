"""From whatever a caller hands over to arrays ready for the graph, or to words about why not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from seehear.errors import InputError, SeehearError
from seehear.geometry import Geometry
from seehear.media import Excerpt
from seehear.senses import SENSES, Array, Source, load_signal
from seehear.senses.input_file import Bytes, is_file_object, read_file_object, source_name

T = TypeVar("T")
Example = Mapping[str, Source] | Source  # {"image": …, "audio": …}, or one source for whatever senses are in it


@dataclass(frozen=True)
class LoadedExample:
    """One example as its senses prepared it. `errors` says, by sense, what could not be read."""

    input: str
    preprocessed: dict[str, Array]
    geometry: dict[str, Geometry]
    errors: dict[str, str]

    @property
    def duration_s(self) -> float:
        """How many seconds it goes on; 0 for a picture."""
        return max((geometry.original.duration_s for geometry in self.geometry.values()), default=0.0)

    @property
    def elements(self) -> int:
        """How much there is to compute, as far as one can tell before."""
        return sum(array.size for array in self.preprocessed.values())


def read_file_objects(example: Example) -> Example:
    """The example with the contents of its file objects: whoever passes those may close them before they are used."""
    if isinstance(example, Mapping):
        return {sense: _read_file_object(source) for sense, source in example.items()}
    return _read_file_object(example)


def load_example(example: Example, specs: Mapping[str, Any], wanted: Sequence[str]) -> LoadedExample:
    """Read and prepare the wanted senses of one example. Never raises: what is wrong with it stays with it."""
    name = example_name(example)
    if isinstance(example, Mapping):
        sources = {sense: example[sense] for sense in wanted if example.get(sense) is not None}
        if not sources:
            return LoadedExample(name, {}, {}, {wanted[0]: _no_input(name, wanted)})
        return _loaded(name, {sense: _load_sense(sense, source, specs) for sense, source in sources.items()})
    if len(wanted) == 1:
        return _loaded(name, {wanted[0]: _load_sense(wanted[0], example, specs)})
    return _load_every_sense(name, example, specs, wanted)


def read_signal(example: Example, sense: str) -> Array | str:
    """What one sense reads of an example, not yet prepared; or words about why not. Never raises."""
    source = example.get(sense) if isinstance(example, Mapping) else example
    if source is None:
        return _no_input(example_name(example), (sense,))
    return _attempt(source, partial(SENSES[sense].read, source))


def example_name(example: Example) -> str:
    """What to call an example in results: its path, its paths, or what kind of thing it is."""
    if isinstance(example, Mapping):
        return " + ".join(dict.fromkeys(source_name(source) for source in example.values() if source is not None))
    return source_name(example)


def _load_every_sense(name: str, source: Source, specs: Mapping[str, Any], wanted: Sequence[str]) -> LoadedExample:
    """A video has something for several senses, a picture or a recording for one: what reads is what it is.

    The samples of a file may serve several senses; an array in memory is one thing, the first that it can be.
    """
    tried: dict[str, tuple[Array, Geometry] | str] = {}
    for sense in wanted:
        tried[sense] = _load_sense(sense, source, specs)
        if not isinstance(tried[sense], str) and not isinstance(source, str | Path | Excerpt | Bytes):
            break
    read = {sense: found for sense, found in tried.items() if not isinstance(found, str)}
    return _loaded(name, read or tried)


def _loaded(name: str, found: Mapping[str, tuple[Array, Geometry] | str]) -> LoadedExample:
    read = {sense: each for sense, each in found.items() if not isinstance(each, str)}
    return LoadedExample(
        input=name,
        preprocessed={sense: array for sense, (array, _) in read.items()},
        geometry={sense: geometry for sense, (_, geometry) in read.items()},
        errors={sense: each for sense, each in found.items() if isinstance(each, str)},
    )


def _read_file_object(source: Source) -> Source:
    try:
        return read_file_object(source) if is_file_object(source) else source
    except InputError as error:
        return error


def _no_input(name: str, wanted: Sequence[str]) -> str:
    return f"{name or 'an example'}: nothing for {' or '.join(wanted)} in it."


def _load_sense(sense: str, source: Source, specs: Mapping[str, Any]) -> tuple[Array, Geometry] | str:
    return _attempt(source, partial(load_signal, sense, source, specs[sense]))


def _attempt(source: Source, read: Callable[[], T]) -> T | str:
    try:
        return read()
    except SeehearError as error:
        return str(error if error.where else error.at(source_name(source)))
    except Exception as error:  # one input must not end a run over a hundred thousand
        return str(InputError(f"cannot be used: {type(error).__name__}: {error}", where=source_name(source)))
