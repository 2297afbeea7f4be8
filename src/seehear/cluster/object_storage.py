"""Examples on object storage or another file system that fsspec knows, such as s3://bucket/pictures."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from io import TextIOWrapper
from pathlib import PurePosixPath
from typing import Any

from seehear.errors import InputError, UsageError
from seehear.media import medium_of, span_columns
from seehear.senses import SENSES

TABLES = (".parquet", ".csv", ".tsv", ".jsonl")
BATCH_ROWS = 4096
EXTRAS = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs"}  # packages by protocol


class RemoteFile:
    """A file that is read when it is needed. `name` is what results and errors call it."""

    def __init__(self, url: str) -> None:
        self.url = self.name = url

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RemoteFile) and other.url == self.url

    def __hash__(self) -> int:
        return hash(self.url)

    def read(self, _most: int = -1) -> bytes:
        """All of it. `read_file_object` explains what it raises."""
        import fsspec

        with fsspec.open(self.url, "rb") as file:
            content: bytes = file.read()
        return content


def is_url(source: str) -> bool:
    return "://" in source


def list_examples(url: str, senses: Sequence[str]) -> Iterator[RemoteFile | Mapping[str, RemoteFile] | InputError]:
    """The files of a folder that a sense reads, the rows of a table, or one file.

    A table's cells are URLs, or relative to the table. Raises UsageError for what cannot be opened.
    """
    system, path = _open_system(url)
    try:
        if PurePosixPath(path).suffix.lower() in TABLES:
            yield from _list_rows(url, senses)
        elif system.isdir(path):
            yield from _list_files(system, path, senses)
        else:
            yield RemoteFile(url)
    except (OSError, UnicodeDecodeError, csv.Error, ValueError) as error:
        what = f"cannot be read: {str(error) or type(error).__name__}"
        raise UsageError(what, where=url, allowed=f"a file, a folder, or a table ({', '.join(TABLES)})") from None


def _open_system(url: str) -> tuple[Any, str]:
    """The file system and the path in it. Raises UsageError if its package is not installed."""
    import fsspec

    protocol = url.partition("://")[0]
    try:
        system, path = fsspec.core.url_to_fs(url)
    except ImportError:
        package = EXTRAS.get(protocol, "its fsspec implementation")
        raise UsageError(f"{protocol}:// needs {package}", where=url, hint=f"pip install {package}") from None
    except ValueError as error:
        raise UsageError(str(error), where=url, allowed="s3://, gs:// and other URLs that fsspec knows") from None
    return system, path


def _list_files(system: Any, path: str, senses: Sequence[str]) -> Iterator[RemoteFile]:
    """Folder by folder, each ordered by name, so that the order is always the same."""
    for _, folders, files in system.walk(path, detail=True):
        folders_in_order = sorted(folders)
        ordered = {name: folders[name] for name in folders_in_order}
        folders.clear()
        folders.update(ordered)  # which walk enters next, in this order
        for name in sorted(files):
            medium = medium_of(name)
            if any(medium in SENSES[sense].media for sense in senses):
                yield RemoteFile(system.unstrip_protocol(files[name]["name"]))


def _list_rows(url: str, senses: Sequence[str]) -> Iterator[Mapping[str, RemoteFile] | InputError]:
    folder, columns = url.rpartition("/")[0], (*senses, "video")
    for number, row in enumerate(_read_rows(url), 1):
        where = f"{url}, row {number}"
        cells = {sense: str(row.get(sense) or row.get("video") or "") for sense in senses}
        named = {
            sense: RemoteFile(cell if is_url(cell) else f"{folder}/{cell}") for sense, cell in cells.items() if cell
        }
        if span_columns(row) is not None:
            yield InputError("times in a table on object storage are not supported", where=where, hint="copy it")
        elif not named:
            yield InputError(f"names no file under {' or '.join(columns)}", where=where)
        else:
            yield named


def _resolve(folder: str, cell: str) -> RemoteFile:
    return RemoteFile(cell if is_url(cell) else f"{folder}/{cell}")


def _read_rows(url: str) -> Iterator[Mapping[str, Any]]:
    """The cells of each row by heading, a few rows at a time."""
    import fsspec

    suffix = PurePosixPath(url).suffix.lower()
    with fsspec.open(url, "rb") as file:
        if suffix == ".parquet":
            yield from _read_parquet(file)
            return
        lines = TextIOWrapper(file, encoding="utf-8-sig", newline="")
        rows = map(json.loads, lines) if suffix == ".jsonl" else csv.DictReader(lines, delimiter=_delimiter(suffix))
        for row in rows:
            yield {str(heading).strip().lower(): cell for heading, cell in row.items()}


def _read_parquet(file: Any) -> Iterator[Mapping[str, Any]]:
    from pyarrow import parquet

    for batch in parquet.ParquetFile(file).iter_batches(batch_size=BATCH_ROWS):
        for row in batch.to_pylist():
            yield {heading.strip().lower(): cell for heading, cell in row.items()}


def _delimiter(suffix: str) -> str:
    return "\t" if suffix == ".tsv" else ","
