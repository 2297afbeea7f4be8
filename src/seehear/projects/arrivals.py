"""Files on their way into a project: each is copied and then decoded once, so that what is added can be read.

Both happen in threads, some files ahead: much of the time is waiting for the disk, and decoders use other cores.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from seehear.errors import InputError
from seehear.media import Input, find_span, path_of, take_span
from seehear.projects.content_store import Staging, StoredFile
from seehear.projects.examples import Span
from seehear.projects.picture_views import prepare_views
from seehear.senses import SENSES

READING = "reading files"  # a task, for those who listen
THREADS, AHEAD = 4, 64  # files at once, and examples that are begun before the first of them is done

ExampleT = TypeVar("ExampleT")


class Arriving(NamedTuple, Generic[ExampleT]):
    """An example that is to be added: its name for messages, and what is to be read for each sense.

    A file that is in the staging folder already is given as a StoredFile.
    """

    example: ExampleT
    name: str
    inputs: Mapping[str, Input | StoredFile]


class Arrived(NamedTuple, Generic[ExampleT]):
    """An example whose files are staged, by sense; or why they cannot be read."""

    example: ExampleT
    files: Mapping[str, StoredFile]
    error: InputError | None = None


def stage_examples(
    project_folder: Path, staging: Staging, arriving: Iterable[Arriving[ExampleT]]
) -> Iterator[Arrived[ExampleT]]:
    """Copy the files of examples to the staging folder, and decode them; in the same order. What is shown of large
    pictures is made at once."""
    copies: dict[Path, Future[StoredFile]] = {}
    begun: deque[tuple[Arriving[ExampleT], dict[str, Future[StoredFile]]]] = deque()
    with ThreadPoolExecutor(THREADS) as pool:
        check = partial(_check, project_folder, staging)

        def begin(sense: str, source: Input | StoredFile) -> Future[StoredFile]:
            """A file is copied once, however many examples are parts of it."""
            if isinstance(source, StoredFile):
                return pool.submit(check, source, sense, None)
            path, span_s = path_of(source), find_span([source])
            if path not in copies:
                copies[path] = pool.submit(staging.add, path)
            copy = copies[path]  # submitted before the task that waits for it, so the pool cannot deadlock
            return pool.submit(lambda: check(copy.result(), sense, span_s))

        try:
            for each in arriving:
                begun.append((each, {sense: begin(sense, source) for sense, source in each.inputs.items()}))
                if len(begun) > AHEAD:
                    yield _finish(*begun.popleft())
            while begun:
                yield _finish(*begun.popleft())
        finally:
            pool.shutdown(cancel_futures=True)


def _check(project_folder: Path, staging: Staging, file: StoredFile, sense: str, span_s: Span | None) -> StoredFile:
    """Raises InputError for a file that cannot be decoded."""
    if span_s is not None or not prepare_views(project_folder, file, sense, staging.path(file)):
        SENSES[sense].check(take_span(staging.path(file), span_s))
    return file


def _finish(arriving: Arriving[ExampleT], files: Mapping[str, Future[StoredFile]]) -> Arrived[ExampleT]:
    try:
        return Arrived(arriving.example, {sense: file.result() for sense, file in files.items()})
    except InputError as error:
        return Arrived(arriving.example, {}, error.at(arriving.name))
