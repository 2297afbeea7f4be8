"""Small real data to train on: scikit-learn's handwritten digits, tones whose pitch follows the digit, and drawn
faces whose mouths do."""

from __future__ import annotations

import csv
import json
from functools import cache
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits

from seehear.answers import ANSWERS
from seehear.events import ignore_events
from seehear.learn.data.cache import DatasetCache
from seehear.recipe import Recipe, Training
from seehear.senses import SENSES
from seehear.senses.hearing.plan import RATE_HZ, ConvRecurrent, HearingSpec
from seehear.senses.lips.plan import LipsSpec
from seehear.senses.sight.architectures import FeaturePyramid
from seehear.senses.sight.plan import SightSpec
from seehear.table import Table, open_table
from speaking import face, film

SETS_OF_SENSES = (("image",), ("audio",), ("lips",), ("image", "audio"), ("audio", "lips"))
COLUMNS = {"image": "image", "audio": "audio", "lips": "video"}
ENDINGS = {"image": "png", "audio": "wav", "lips": "mp4"}
EXAMPLES = 16
MASKS = TemporaryDirectory(prefix="seehear-masks-")


@cache
def digits() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Pictures (examples, 8, 8) of ink from 0 to 16, and which digit each is."""
    scans = load_digits()
    return scans.images, scans.target


@cache
def ink_masks() -> list[str]:
    """A mask file for each of the first digits: which of its 8 x 8 pixels are ink."""
    folder = Path(MASKS.name)
    for i, pixels in enumerate(digits()[0][:EXAMPLES]):
        Image.fromarray((pixels > 7).astype(np.uint8)).save(folder / f"{i}.png")
    return [str(folder / f"{i}.png") for i in range(EXAMPLES)]


ANSWER_CELLS = {  # ten lines here, and an answer has its tests
    "label": [("odd", "even")[i % 2] for i in range(EXAMPLES)],
    "score": [str(i * 1.5 - 3) for i in range(EXAMPLES)],
    "boxes": [
        json.dumps([{"label": ("odd", "even")[i % 2], "xyxy": [1, i % 3, 7, 8]}] * (i % 5 > 0)) for i in range(EXAMPLES)
    ],
    "text": [("a", "b a", "ab", "b", "b b a")[i % 5] for i in range(EXAMPLES)],
    "mask": ink_masks(),
}
PARITY = {"label": [("odd", "even")[i % 2] for i in range(24)]}
PAIRS = [(kind, senses) for kind in sorted(ANSWERS) for senses in SETS_OF_SENSES if {*senses} in ANSWERS[kind].senses]
SPECS: dict[str, Any] = {
    "image": SightSpec(
        height=16,
        width=16,
        channels=1,
        encoder=FeaturePyramid(stages=(8, 8, 16)),
        mirror=True,
        augmentation_strength=0.0,
    ),
    "audio": HearingSpec(
        longest_s=1.0,
        encoder=ConvRecurrent(top_hz=4000, mels=16, stages=(8, 8, 8), width=16),
        augmentation_strength=0.0,
    ),
    "lips": LipsSpec(longest_s=2.0, height=16, width_px=24, stages=(8, 8, 8), width=16, augmentation_strength=0.0),
}


def recipe_for(kind: str, senses: tuple[str, ...], **training: Any) -> Recipe:
    settings = {"minutes": 1, "batch": 8, "learning_rate": 0.004, "held_out": 0.25} | training
    return Recipe(
        senses={name: _spec(name, ANSWERS[kind].output_stride_px) for name in senses},
        kind=kind,
        answer=ANSWERS[kind].plan(ANSWER_CELLS[kind], kind),
        width=16,
        training=Training(**settings),
    )


def _spec(sense: str, output_stride_px: int | None) -> Any:
    return SPECS[sense].model_copy(update={"output_stride_px": output_stride_px} if output_stride_px else {})


def digits_table(folder: Path, cells: dict[str, list[str]], senses: tuple[str, ...]) -> Path:
    """examples.csv with what each sense reads in each row; sounds and videos of several lengths."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for i in range(len(next(iter(cells.values())))):
        for name in senses:
            (folder / f"{i}.{ENDINGS[name]}").write_bytes(_file(name, i))
        rows.append(
            {COLUMNS[name]: f"{i}.{ENDINGS[name]}" for name in senses}
            | {name: column[i] for name, column in cells.items()}
        )
    with (folder / "examples.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder / "examples.csv"


@cache
def _file(sense: str, i: int) -> bytes:
    """A picture of a digit, a tone as high as the digit, or a video of a mouth that moves as fast."""
    pictures, names = digits()
    digit, length = int(names[i]), i % 5
    content = BytesIO()
    if sense == "image":
        Image.fromarray((pictures[i] * 15.9).astype(np.uint8)).save(content, "png")
    elif sense == "audio":
        seconds = np.arange(int(RATE_HZ * (0.3 + 0.05 * length))) / RATE_HZ
        tone = 0.3 * np.sin(2 * np.pi * 250 * (1 + digit) * seconds)
        soundfile.write(content, tone, RATE_HZ, format="wav")
    else:
        return _spoken(digit, 7 + length)
    return content.getvalue()


@cache
def _spoken(digit: int, pictures: int) -> bytes:
    beat = np.arange(pictures) * (1 + digit) / 4
    with TemporaryDirectory() as folder:
        return film(Path(folder) / "a.mp4", [face(opening) for opening in (1 + np.sin(beat)) / 2]).read_bytes()


def dataset_of(recipe: Recipe, folder: Path) -> DatasetCache:
    senses = tuple(recipe.senses)
    path = digits_table(folder / "data", {recipe.kind: ANSWER_CELLS[recipe.kind]}, senses)
    return DatasetCache.build(
        open_all_kinds(path, workspace=folder, senses=senses), recipe, folder / "dataset", listen=ignore_events
    )


def open_all_kinds(
    data: Path, answer: str | None = None, *, senses: tuple[str, ...] | None = None, workspace: Path | None = None
) -> Table:
    """A table as the program opens it, with every sense and answer."""
    return open_table(
        data,
        senses_known=tuple(SENSES.values()),
        kinds=tuple(ANSWERS.values()),
        answer=answer,
        senses=senses,
        workspace=workspace or data.parent / "ws",
    )
