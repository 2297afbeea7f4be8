"""Files of answers: JSON lines, or parquet with the usual columns and the whole answer as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from io import BytesIO
from pathlib import Path

from seehear.escaping import to_json_line
from seehear.files import write_atomically
from seehear.runtime.prediction import Prediction


def write_lines(path: Path, predictions: Iterable[Prediction]) -> None:
    write_atomically(path, "".join(to_json_line(each.to_json()) + "\n" for each in predictions).encode())


def write_parquet(path: Path, predictions: Iterable[Prediction]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    columns: dict[str, Callable[[Prediction], object]] = {
        "input": lambda each: each.input,
        "answer": lambda each: None if each.answer is None else str(each.answer),
        "confidence": lambda each: each.confidence,
        "accepted": lambda each: each.accepted,
        "reason": lambda each: each.reason,
        "error": lambda each: each.error,
        "json": lambda each: to_json_line(each.to_json()),
    }
    types = {"confidence": pa.float64(), "accepted": pa.bool_()}
    found = list(predictions)
    arrays = [pa.array([get(each) for each in found], types.get(name, pa.string())) for name, get in columns.items()]
    content = BytesIO()
    parquet.write_table(pa.table(arrays, names=list(columns)), content)
    write_atomically(path, content.getvalue())


WRITERS = {"jsonl": write_lines, "parquet": write_parquet}  # by format, which is also the ending of the files
