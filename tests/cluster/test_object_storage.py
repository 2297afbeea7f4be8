"""Examples by URL, in the file system of fsspec that is in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import fsspec
import pyarrow as pa
import pytest
from pyarrow import parquet

import tiny
from photos import photo
from seehear.cluster.object_storage import RemoteFile, list_examples
from seehear.errors import InputError, UsageError
from seehear.runtime.predictor import Predictor


@pytest.fixture
def memory() -> Iterator[Any]:
    system = fsspec.filesystem("memory")
    yield system
    system.store.clear()
    system.pseudo_dirs[:] = [""]


def listed(url: str, *senses: str) -> list[Any]:
    return list(list_examples(url, senses or ("image",)))


def test_a_folder_lists_the_files_of_its_sense_in_order(memory: Any) -> None:
    for name in ("b/2.png", "b/1.png", "a/3.jpg", "a/3.wav", "0.png", "notes.txt"):
        memory.pipe(f"/pictures/{name}", b"x")
    names = [each.url.partition("pictures/")[2] for each in listed("memory://pictures")]
    assert names == ["0.png", "a/3.jpg", "b/1.png", "b/2.png"]


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
def test_a_table_lists_its_rows(suffix: str, memory: Any) -> None:
    url = f"memory://tables/rows.{suffix}"
    contents = {
        "csv": b"Image,note\na.png,x\n,y\ns3://other/b.png,z\n",
        "tsv": b"Image\tnote\na.png\tx\n\ty\ns3://other/b.png\tz\n",
        "jsonl": b'{"image": "a.png"}\n{"image": null}\n{"image": "s3://other/b.png"}\n',
    }
    if suffix == "parquet":
        with fsspec.open(url, "wb") as file:
            parquet.write_table(pa.table({"Image": ["a.png", None, "s3://other/b.png"]}), file)
    else:
        memory.pipe(f"/tables/rows.{suffix}", contents[suffix])
    first, second, third = listed(url)
    assert first == {"image": RemoteFile("memory://tables/a.png")}
    assert isinstance(second, InputError)
    assert str(second) == f"{url}, row 2: names no file under image or video."
    assert third == {"image": RemoteFile("s3://other/b.png")}


def test_times_are_refused_row_by_row(memory: Any) -> None:
    memory.pipe("/tables/times.csv", b"audio,start,end\na.wav,0,1\n")
    (error,) = listed("memory://tables/times.csv", "audio")
    assert "times in a table on object storage are not supported" in str(error)


@pytest.mark.parametrize(("url", "said"), [("memory://none/rows.csv", "cannot be read"), ("nowhere://a", "Protocol")])
def test_what_cannot_be_opened_is_an_error(url: str, said: str, memory: Any) -> None:
    with pytest.raises(UsageError, match=said):
        listed(url)


def test_a_remote_file_is_answered_under_its_url(memory: Any) -> None:
    with fsspec.open("memory://pictures/a.png", "wb") as file:
        photo(0).save(file, "PNG")
    predictor = Predictor(tiny.bundle("image"))
    found, missing = predictor.predict([RemoteFile("memory://pictures/a.png"), RemoteFile("memory://pictures/b.png")])
    assert (found.input, found.error) == ("memory://pictures/a.png", "")
    assert missing.answer is None
    assert "memory://pictures/b.png: cannot be read" in missing.error
