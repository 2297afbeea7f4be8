"""Whatever a file contains, its reader returns or raises one of our own errors, without unexpected errors or hangs.

Each input is determined by its format and number; a failure names both, and `reproduce` repeats it:

    python -c 'import test_fuzz; test_fuzz.reproduce("coco", 17)'        in the folder tests, with -X dev if you like
"""

from __future__ import annotations

import os
import random
import signal
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from fuzz_corpus import ARCHIVES, LAYOUTS, TEXTS

import tiny
from malformed_corpus import SEEDS, seed
from mutations import spoilt, spoilt_set
from seehear.answers import ANSWERS
from seehear.errors import SeehearError
from seehear.inputs import gather
from seehear.planning.reuse import load_recipe
from seehear.runtime.bundle import read_bundle, write_bundle
from seehear.senses import SENSES
from seehear.table import open_table
from seehear.table.archive import unpack
from table_kinds import make

HUNG_S = 10  # of processor time for one input of a few kilobytes
SHOWN = 5  # distinct failures shown for one format
# Inputs for each format, which take a fraction of a millisecond, a few, or ten. FUZZ_INPUTS=10000 asks more of them.
FAST = int(os.environ.get("FUZZ_INPUTS", "4000"))
SLOW, SLOWEST = FAST // 7, FAST // 33
AT_ONCE = (
    "jpeg",
    "png",
    "webp",
    "gif",
    "bmp",
    "ppm",
    "flac",
    "ogg",
    "opus",
)  # extensions of what is decoded in this process

Ask = partial[None]  # (folder, chance): makes an input by chance, and reads it


def read_layout(name: str, folder: Path, chance: random.Random) -> None:
    """Open it, plan its kind of answer, and read all rows; also as input for prediction."""
    data = make(folder / "d", spoilt_set(LAYOUTS[name](), chance, TEXTS))
    known = tuple(SENSES.values())
    for path in data.iterdir():
        if path.suffix in (".csv", ".tsv", ".jsonl"):
            with allowed():
                list(gather([path], ("image", "audio")))
    table = open_table(data, senses_known=known, kinds=tuple(ANSWERS.values()), workspace=folder / "ws")
    answers = table.answers()
    kind = ANSWERS[table.kind or ""]
    spec = kind.plan(answers, table.answer_column or kind.name, table.auxiliary())
    " ".join([*map(str, table.problems), *table.notes, str(spec), spec.model_dump_json()])
    for row in table:
        with allowed():
            kind.read(row.answer or "", spec)


def read_medium(name: str, _folder: Path, chance: random.Random) -> None:
    data = spoilt(seed(name), chance, text=False)
    for sense in SEEDS[name][0]:
        with allowed():
            assert SENSES[sense].read(data).size


def read_archive(name: str, folder: Path, chance: random.Random) -> None:
    path = folder / name
    path.write_bytes(spoilt(ARCHIVES[name](), chance, text=False))
    unpack(path, folder / "ws")


def read_model(_: str, folder: Path, chance: random.Random) -> None:
    path = folder / "m.seehear"
    write_bundle(path, tiny.bundle())
    path.write_bytes(spoilt(path.read_bytes(), chance, text=False))
    read_bundle(path)


def read_recipe(_: str, folder: Path, chance: random.Random) -> None:
    import tomli_w

    told = tiny.recipe("image", "audio").model_dump(mode="json", exclude_none=True)
    path = folder / "r.toml"
    path.write_bytes(spoilt(tomli_w.dumps(told).encode(), chance, text=True))
    load_recipe(path)


ASKED: dict[str, tuple[Ask, int]] = {
    **{name: (partial(read_medium, name), FAST if name.endswith(AT_ONCE) else SLOW) for name in SEEDS},
    **{name: (partial(read_archive, name), SLOW) for name in ARCHIVES},
    **{name: (partial(read_layout, name), SLOWEST) for name in LAYOUTS},
    "m.seehear": (partial(read_model, ""), SLOW),
    "r.toml": (partial(read_recipe, ""), FAST),
}


@contextmanager
def allowed() -> Iterator[None]:
    """Our own errors, with transcripts and where they point."""
    try:
        yield
    except SeehearError as error:
        assert str(error).strip(), "an error without words"


@contextmanager
def patience(seconds: int) -> Iterator[None]:
    def hung(*_: Any) -> None:
        raise TimeoutError(f"more than {seconds} s")

    before = signal.signal(signal.SIGPROF, hung)
    signal.setitimer(signal.ITIMER_PROF, seconds)  # processor time of this process, whatever else the machine does
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def reproduce(name: str, number: int) -> None:
    in_memory = ASKED[name][0].func is read_medium  # which needs no folder, and a folder takes longer than a picture
    with nullcontext("") if in_memory else TemporaryDirectory() as folder, patience(HUNG_S), allowed():
        ASKED[name][0](Path(folder), random.Random(f"{name} {number}"))


def failures(name: str, numbers: range) -> dict[str, str]:
    """By origin: the number of the first failure, and its error."""
    found: dict[str, str] = {}
    for number in numbers:
        try:
            reproduce(name, number)
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)
            where = next((f for f in reversed(frames) if "/seehear/" in f.filename), frames[-1])
            found.setdefault(
                f"{Path(where.filename).name}:{where.lineno}", f"{number}: {type(error).__name__}: {error}"
            )
            if len(found) == SHOWN:
                break
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", ASKED)
def test_a_corrupted_file_is_read_or_refused(name: str) -> None:
    assert failures(name, range(ASKED[name][1])) == {}


@pytest.mark.parametrize("name", ASKED)
def test_a_few_corrupted_files_of_each_format(name: str) -> None:
    assert failures(name, range(4)) == {}


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_datasets_are_valid_before_corruption(name: str, tmp_path: Path) -> None:
    data = make(tmp_path / "d", LAYOUTS[name]())
    kinds = tuple(ANSWERS.values())
    if name == "label files":
        return
    assert len(open_table(data, senses_known=tuple(SENSES.values()), kinds=kinds, workspace=tmp_path / "ws"))
