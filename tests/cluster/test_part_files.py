"""Files of answers: the same answers in either format."""

from __future__ import annotations

import json
from pathlib import Path

from pyarrow import parquet

import tiny
from seehear.cluster.part_files import WRITERS
from seehear.runtime.predictor import Predictor


def test_both_formats_hold_the_same_answers(tmp_path: Path) -> None:
    predictions = list(Predictor(tiny.bundle("image")).predict([tiny.picture(0.9), tmp_path / "missing.png"]))
    for name, write in WRITERS.items():
        write(tmp_path / f"part.{name}", predictions)
    lines = [json.loads(line) for line in (tmp_path / "part.jsonl").read_text().splitlines()]
    rows = parquet.read_table(tmp_path / "part.parquet").to_pylist()
    assert [json.loads(row["json"]) for row in rows] == lines == [each.to_json() for each in predictions]
    for row, prediction in zip(rows, predictions, strict=True):
        assert (row["input"], row["error"]) == (prediction.input, prediction.error)
        assert (row["confidence"], row["accepted"]) == (prediction.confidence, prediction.accepted)
    assert rows[0]["answer"] == str(predictions[0].answer)
    assert rows[1]["answer"] is None
