"""Small valid datasets in every layout, and small valid files of every other kind, for corruption by fuzzing."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile
from PIL import Image
from test_annotation_layouts import BOXES_ONLY, OUTLINES
from test_box_layouts import annotation
from test_label_formats import LABELS

Files = dict[str, bytes]
TEXTS = (
    ".csv",
    ".tsv",
    ".jsonl",
    ".json",
    ".xml",
    ".txt",
    ".srt",
    ".vtt",
    ".yaml",
    ".scp",
    "segments",
    "text",
    "utt2spk",
)


@cache
def png(value: int = 90, mode: str = "L") -> bytes:
    file = io.BytesIO()
    pixels = np.full((30, 40), value % 3, np.uint8) if mode == "P" else np.full((30, 40), value, np.uint8)
    Image.fromarray(pixels, "L" if mode == "P" else None).save(file, "PNG")
    return file.getvalue()


@cache
def wav() -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.zeros(8000), 16_000, format="WAV")
    return file.getvalue()


def table(columns: dict[str, list[str]], delimiter: str = ",") -> bytes:
    file = io.StringIO()
    rows = csv.writer(file, delimiter=delimiter)
    rows.writerow(columns)
    rows.writerows(zip(*columns.values(), strict=True))
    return file.getvalue().encode()


IMAGES = {f"{i}.png": png(10 * i) for i in range(6)}
SOUNDS = {f"{i}.wav": wav() for i in range(6)}
LABELLED = {"image": [*IMAGES], "label": ["cat", "dog"] * 3, "patient": ["a", "b", "c"] * 2, "score": [*"123456"]}
SPANS = {"audio": ["0.wav"] * 6, "start": [*"012345"], "end": [*"123456"], "label": ["x", "y"] * 3}
SPOKEN = {"audio": [*SOUNDS], "text": ["one two", "two three", "three", "four five", "five", "six one"]}
THINGS = {f"{i}.png": [("cat", (1, 2, 11, 12)), ("dog", (5, 5, 20, 25))] for i in range(4)}
OUTLINED = {f"{i}.png": [("cat", [(1, 2), (11, 2), (11, 12)]), ("dog", (5, 5, 20, 25))] for i in range(4)}


def _parquet(columns: dict[str, list[str]]) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


def _lines(columns: dict[str, list[str]]) -> bytes:
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def _coco(segmentation: object) -> bytes:
    pictures = [{"id": i, "file_name": f"{i}.png", "width": 40, "height": 30} for i in range(4)]
    things = [
        {"id": i, "image_id": i % 4, "category_id": i % 2, "bbox": [1, 2, 10, 10], "area": 100, "iscrowd": 0}
        | ({"segmentation": segmentation} if segmentation else {})
        for i in range(8)
    ]
    categories = [{"id": 0, "name": "cat"}, {"id": 1, "name": "dog"}]
    return json.dumps({"images": pictures, "annotations": things, "categories": categories}).encode()


def _kaldi() -> Files:
    return {
        "wav.scp": b"r1 0.wav\nr2 1.wav\n",
        "segments": b"u1 r1 0.0 0.2\nu2 r1 0.2 0.4\nu3 r2 0 0.4\n",
        "text": b"u1 ONE TWO\nu2 THREE\nu3 ONE\n",
        "utt2spk": b"u1 s\nu2 s\nu3 t\n",
        **SOUNDS,
    }


def _nemo() -> bytes:
    return "".join(
        json.dumps({"audio_filepath": name, "text": text, "duration": 0.5, "offset": 0.0}) + "\n"
        for name, text in zip(SPOKEN["audio"], SPOKEN["text"], strict=True)
    ).encode()


def _yolo(lines: str) -> Files:
    data = b"path: .\ntrain: images/train\nval: images/val\nnames:\n  0: cat\n  1: dog\n"
    files: Files = {"data.yaml": data}
    for i in range(4):
        part = "train" if i < 3 else "val"
        files[f"images/{part}/{i}.png"] = png()
        files[f"labels/{part}/{i}.txt"] = lines.encode()
    return files


SRT = b"1\n00:00:00,000 --> 00:00:00,200\nHello <i>there</i>\n\n2\n00:00:00,200 --> 00:00:00,400\n- You?\n\n"
VTT = b"WEBVTT\n\nNOTE x\n\n00:00.000 --> 00:00.200\n<v Ann>Hello\n\n00:00.200 --> 00:00.400 align:left\nYou &amp; I\n"
BOX_ROWS = {"image": ["0.png", "1.png", "0.png"], "label": ["cat", "dog", "cat"]} | {
    side: ["1", "2", "5"] if side[1] == "1" else ["9", "12", "20"] for side in ("x1", "y1", "x2", "y2")
}
BOX_CELLS = {"image": [*IMAGES], "boxes": [json.dumps([{"label": "cat", "xyxy": [1, 2, 9, 9]}])] * 6}
RUNS = {"size": [30, 40], "counts": [100, 50, 1050]}

LAYOUTS: dict[str, Callable[[], Files]] = {
    "csv": lambda: {"t.csv": table(LABELLED), **IMAGES},
    "tsv": lambda: {"t.tsv": table(LABELLED, "\t"), **IMAGES},
    "jsonl": lambda: {"t.jsonl": _lines(LABELLED), **IMAGES},
    "parquet": lambda: {"t.parquet": _parquet(LABELLED), **IMAGES},
    "spans": lambda: {"t.csv": table(SPANS), **SOUNDS},
    "several": lambda: {"t.csv": table(LABELLED | {"label": ["['cat', 'x']", "cat, dog"] * 3}), **IMAGES},
    "class columns": lambda: {
        "_classes.csv": table({"filename": [*IMAGES], "cat": [*"010101"], "dog": [*"101010"]}),
        **IMAGES,
    },
    "parts": lambda: {f"{part}.csv": table(LABELLED) for part in ("train", "val", "test")} | IMAGES,
    "class folders": lambda: {f"{part}/{i % 2}/{i}.png": png(i) for part in ("train", "val") for i in range(4)},
    "box table": lambda: {"t.csv": table(BOX_ROWS), **IMAGES},
    "box cells": lambda: {"t.csv": table(BOX_CELLS), **IMAGES},
    "pascal": lambda: (
        {f"JPEGImages/{i}.png": png() for i in range(3)}
        | {f"Annotations/{i}.xml": annotation(("cat", 1, 2, 9, 9), file=f"{i}.png").encode() for i in range(3)}
    ),
    "coco": lambda: {"a.json": _coco(None), **IMAGES},
    "coco polygons": lambda: {"a.json": _coco([[1, 2, 11, 2, 11, 12]]), **IMAGES},
    "coco runs": lambda: {"a.json": _coco(RUNS), **IMAGES},
    "yolo": lambda: _yolo("0 0.5 0.5 0.2 0.2\n1 0.3 0.3 0.1 0.1\n"),
    "yolo outlines": lambda: _yolo("0 0.1 0.1 0.5 0.1 0.5 0.5\n1 0.3 0.3 0.1 0.1 0.2 0.6\n"),
    "masks": lambda: {
        **{f"images/{i}.png": png() for i in range(3)},
        **{f"masks/{i}.png": png(i, "P") for i in range(3)},
        "classes.txt": b"nothing\ncat\ndog\n",
    },
    "kaldi": _kaldi,
    "nemo": lambda: {"manifest.json": _nemo(), **SOUNDS},
    "common voice": lambda: (
        {
            f"{part}.tsv": table({"client_id": [*"aabbcc"], "path": [*SOUNDS], "sentence": SPOKEN["text"]}, "\t")
            for part in ("train", "dev", "test")
        }
        | {f"clips/{name}": content for name, content in SOUNDS.items()}
    ),
    "ljspeech": lambda: {
        "metadata.csv": "".join(f"{i}|{text}|{text}\n" for i, text in enumerate(SPOKEN["text"])).encode(),
        **{f"wavs/{name}": content for name, content in SOUNDS.items()},
    },
    "texts": lambda: SOUNDS | {f"{i}.txt": text.encode() for i, text in enumerate(SPOKEN["text"])},
    "srt": lambda: SOUNDS | {f"{i}.srt": SRT for i in range(3)},
    "vtt": lambda: SOUNDS | {f"{i}.vtt": VTT for i in range(3)},
    "label files": lambda: SOUNDS | {f"{i}.txt": text.encode() for i, (text, _) in enumerate([*LABELS.values()][:6])},
    **{
        name: (lambda write=write: {n: t.encode() for n, t in write(THINGS).items()} | IMAGES)  # type: ignore[misc]
        for name, write in BOXES_ONLY.items()
    },
    **{
        name: (lambda write=write: {n: t.encode() for n, t in write(OUTLINED).items()} | IMAGES)  # type: ignore[misc]
        for name, write in OUTLINES.items()
    },
}


def zipped(files: Files, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def tarred(files: Files, mode: str = "w") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


PACKED = {"t.csv": table(LABELLED), "a/b.png": png(), "ü.png": png(1)}
ARCHIVES: dict[str, Callable[[], bytes]] = {
    "a.zip": lambda: zipped(PACKED),
    "stored.zip": lambda: zipped(PACKED, zipfile.ZIP_STORED),
    "a.tar": lambda: tarred(PACKED),
    "a.tar.gz": lambda: gzip.compress(tarred(PACKED), mtime=0),
    "a.tar.xz": lambda: tarred(PACKED, "w:xz"),
}
