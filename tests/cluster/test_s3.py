"""Prediction on Ray from object storage: a server of S3 on this machine."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

import tiny
from colours import write_colours
from object_store import serving_s3
from seehear.api import load
from seehear.runtime.bundle import write_bundle
from subprocesses import source_environment

pytest.importorskip("ray")
pytest.importorskip("moto")
pytest.importorskip("s3fs")
pytestmark = pytest.mark.slow

EACH = 150  # pictures of each colour: more than one part
TIMEOUT_S = 900


class Store:
    """A bucket with pictures in folders, the same pictures on this machine, and a model."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        import s3fs

        self.folder = folder
        self.environment = source_environment(HOME=str(folder), SEEHEAR_CACHE=str(folder / "cache"), **environment)
        self.model = folder / "tiny.seehear"
        write_bundle(self.model, tiny.bundle("image"))
        self.pictures = sorted(write_colours(folder / "colours", EACH).glob("*/*.png"))
        self.system = s3fs.S3FileSystem(
            key="key", secret="secret", endpoint_url=environment["AWS_ENDPOINT_URL"], skip_instance_cache=True
        )
        self.system.mkdir("archive")
        for path in self.pictures:
            self.system.pipe(f"archive/{self.name(path)}", path.read_bytes())

    def name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()

    def predict(self, url: str, out: Path, *flags: str) -> subprocess.CompletedProcess[str]:
        command = ["predict", str(self.model), url, "--out", str(out), "--on", "ray", "--workers", "2", *flags]
        return subprocess.run(
            [sys.executable, "-m", "seehear", *command],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )

    def expected(self) -> list[Any]:
        """Each picture's URL and answer."""
        predictions = load(self.model).predict(self.pictures)
        named = zip(self.pictures, predictions, strict=True)
        return sorted((f"s3://archive/{self.name(path)}", each.to_json()["answer"]) for path, each in named)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with serving_s3() as environment:
        yield Store(tmp_path_factory.mktemp("store"), environment)


def read_answers(out: Path) -> list[dict[str, Any]]:
    assert json.loads((out / "manifest.json").read_text())["examples"] == 2 * EACH
    return [json.loads(line) for part in sorted(out.glob("part-*")) for line in part.read_text().splitlines()]


def test_a_folder_is_answered_like_local_files(store: Store, tmp_path: Path) -> None:
    done = store.predict("s3://archive/colours", tmp_path / "answers")
    assert done.returncode == 0, done.stderr
    answers = read_answers(tmp_path / "answers")
    assert sorted((each["input"], each["answer"]) for each in answers) == store.expected()


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_a_table_names_files_beside_it_and_elsewhere(store: Store, suffix: str, tmp_path: Path) -> None:
    names = [store.name(path) for path in store.pictures]
    cells = [f"s3://archive/{name}" if place % 2 else name for place, name in enumerate(names)]
    if suffix == "parquet":
        with store.system.open("archive/table.parquet", "wb") as file:
            parquet.write_table(pa.table({"image": cells}), file)
    else:
        text = StringIO()
        csv.writer(text).writerows([["image"], *([cell] for cell in cells)])
        store.system.pipe("archive/table.csv", text.getvalue().encode())
    done = store.predict(f"s3://archive/table.{suffix}", tmp_path / "answers")
    assert done.returncode == 0, done.stderr
    answers = read_answers(tmp_path / "answers")
    assert sorted((each["input"], each["answer"]) for each in answers) == store.expected()


def test_a_missing_object_is_an_answer_with_an_error(store: Store, tmp_path: Path) -> None:
    rows = ["image", store.name(store.pictures[0]), "colours/none.png"]
    store.system.pipe("archive/missing.csv", "\n".join(rows).encode())
    done = store.predict("s3://archive/missing.csv", tmp_path / "answers")
    assert done.returncode == 1, done.stderr
    (part,) = (tmp_path / "answers").glob("part-*")
    found, missing = map(json.loads, part.read_text().splitlines())
    assert "error" not in found or not found["error"]
    assert "none.png" in missing["error"] and missing.get("answer") is None


def test_a_bucket_that_is_not_there_is_an_error(store: Store, tmp_path: Path) -> None:
    done = store.predict("s3://nowhere/table.csv", tmp_path / "answers")
    assert done.returncode == 2, done.stderr
    assert "s3://nowhere/table.csv: cannot be read" in done.stderr
