"""Check data: planted near duplicates, planted shortcuts, and the time for many small pictures.

    python -m benchmarks.checking duplicates|shortcuts|speed [--count 50000]

duplicates  versions of 200 photos, 200 X-rays and 200 spoken digits among 3,000, 3,000 and 2,500 others
shortcuts   ten, each in 80 % of one class and 10 % of the others; and ten drawings of unchanged data
speed       the time and memory of `seehear check`, for a quarter of the pictures and for all of them
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from PIL import Image, ImageOps

from benchmarks.data import DATA, SEED, Store, fsdd_rows, list_pictures, list_sounds, write_table
from benchmarks.machine import pace
from benchmarks.results import Figure, record
from seehear.check import check
from seehear.senses import SENSES
from seehear.senses.hearing.near_duplicates import make_fingerprint
from seehear.senses.hearing.plan import RATE_HZ
from seehear.senses.hearing.read import read as read_sound
from seehear.senses.sight.examine import shrink
from seehear.senses.sight.read import read as read_picture

PLANTED = 200
OTHERS = 3_000
SHORTCUT_EXAMPLES = 400
IN_CLASS, IN_OTHERS = 0.8, 0.1  # share of examples that get what is planted
CLEAN_DRAWINGS = 10
Samples = NDArray[np.float32]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.checking", description=__doc__)
    parser.add_argument("part", choices=("duplicates", "shortcuts", "speed"))
    parser.add_argument("--count", type=int, default=50_000, help="pictures to check for speed")
    parser.add_argument("--data", type=Path, default=DATA)
    options = parser.parse_args()
    store, before = Store(options.data), pace()
    measure: Mapping[str, Callable[[], tuple[str, list[Figure]]]] = {
        "duplicates": lambda: measure_duplicates(store),
        "shortcuts": lambda: measure_shortcuts(store),
        "speed": lambda: measure_speed(store, options.count),
    }
    note, figures = measure[options.part]()
    record(f"check-{options.part}", note, figures, before=before, after=pace())


def measure_duplicates(store: Store) -> tuple[str, list[Figure]]:
    figures = []
    for name, noun in (("cifar10", "photos"), ("pneumonia", "X-rays")):
        files = _draw((store.unpacked(name) / "train").rglob("*.*"), OTHERS)
        pictures = [Image.fromarray(read_picture(file).squeeze()) for file in files]
        made = [shrink(_to_array(picture)) for picture in pictures]
        planted = [
            (place, shrink(_to_array(version)))
            for place, picture in enumerate(pictures[:PLANTED])
            for version in _vary_picture(picture, np.random.default_rng(place))
        ]
        figures += _search(noun, "image", made, planted)
    sounds = [read_sound(store.unpacked("fsdd") / row["audio"]) for row in fsdd_rows(store)]
    planted = [
        (place, make_fingerprint(version))
        for place, sound in enumerate(sounds[:PLANTED])
        for version in _vary_sound(sound, np.random.default_rng(place))
    ]
    figures += _search("spoken digits", "audio", [make_fingerprint(sound) for sound in sounds], planted)
    note = (
        "versions made at random: pictures at half to twice the size, as JPEG of quality 30 to 80, cropped by 5 %, "
        "mirrored; recordings in Opus, Vorbis, MP3 and mu-law, trimmed by up to 10 % at each end, at a tenth to three "
        "times the level, trimmed and in Opus. A pair is wrong if it connects a version with another example than its "
        "own; pairs among the unchanged examples are counted, not judged"
    )
    return note, figures


def _search(noun: str, sense: str, made: Sequence[Any], planted: Sequence[tuple[int, Any]]) -> list[Figure]:
    examiner = SENSES[sense].examiner
    if examiner is None:
        raise ValueError(f"{sense} has no examiner")
    begun_s = time.process_time()
    pairs = examiner.find_near_duplicates([*made, *(version for _, version in planted)])
    took_s = time.process_time() - begun_s
    origin = np.array([*range(len(made)), *(place for place, _ in planted)])
    natural = [pair for pair in pairs if pair.second < len(made)]
    twins = {(pair.first, pair.second) for pair in natural}
    touching = [(origin[pair.first], origin[pair.second]) for pair in pairs if pair.second >= len(made)]
    wrong = sum(one != other and (min(one, other), max(one, other)) not in twins for one, other in touching)
    found = {pair.second for pair in pairs if pair.second >= len(made) and pair.first == origin[pair.second]}
    return [
        Figure(f"{noun}: versions found", len(found) / len(planted), "%", at_least=0.98),
        Figure(f"{noun}: pairs found that are right", 1 - wrong / len(touching), "%", at_least=0.98),
        Figure(f"{noun}: pairs among the {len(made):,} unchanged", len(natural)),
        Figure(f"{noun}: processor time", took_s, "s"),
    ]


def _vary_picture(picture: Image.Image, rng: np.random.Generator) -> Iterator[Image.Image]:
    width, height = picture.size
    scale = rng.choice([0.5, 0.75, 1.5, 2.0])
    yield picture.resize((round(width * scale), round(height * scale)), Image.Resampling.BICUBIC)
    file = BytesIO()
    picture.save(file, "JPEG", quality=int(rng.integers(30, 81)))
    yield Image.open(file)
    left, top = (round(rng.uniform(0, 0.05 * side)) for side in picture.size)
    yield picture.crop((left, top, left + round(0.95 * width), top + round(0.95 * height)))
    yield ImageOps.mirror(picture)


def _vary_sound(sound: Samples, rng: np.random.Generator) -> Iterator[Samples]:
    trimmed = sound[int(rng.uniform(0, 0.1) * len(sound)) : len(sound) - int(rng.uniform(0, 0.1) * len(sound))]
    for format_, subtype in (("OGG", "OPUS"), ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III"), ("WAV", "ULAW")):
        yield _encode(sound, format_, subtype)
    yield trimmed
    yield np.asarray(sound * 10 ** rng.uniform(-1, 0.48), np.float32)
    yield _encode(trimmed, "OGG", "OPUS")


def _encode(sound: Samples, format_: str, subtype: str) -> Samples:
    file = BytesIO()
    soundfile.write(file, sound, RATE_HZ, format=format_, subtype=subtype)
    file.seek(0)
    return np.asarray(soundfile.read(file)[0], np.float32)


def measure_shortcuts(store: Store) -> tuple[str, list[Figure]]:
    found = clean = 0
    for number, (name, change) in enumerate(PLANTS):
        with TemporaryDirectory() as folder:
            found += bool(_find_shortcuts(_plant(store, name, change, Path(folder), number)))
    for number in range(CLEAN_DRAWINGS):
        with TemporaryDirectory() as folder:
            name = ("cifar10", "pneumonia", "fsdd")[number % 3]
            clean += bool(_find_shortcuts(_plant(store, name, None, Path(folder), 100 + number)))
    note = (
        f"{SHORTCUT_EXAMPLES} examples of CIFAR-10, PneumoniaMNIST or FSDD at a time; planted in {IN_CLASS:.0%} of one "
        f"class and {IN_OTHERS:.0%} of the others: a border of 2 pixels, another size, JPEG quality or site; hum at 50 "
        "or 60 Hz at 20 dB below the recording, another sample rate or site"
    )
    return note, [
        Figure(f"shortcuts found, of {len(PLANTS)}", found, at_least=9),
        Figure(f"drawings of unchanged data in which one is claimed, of {CLEAN_DRAWINGS}", clean, at_most=0),
    ]


def _find_shortcuts(table: Path) -> list[str]:
    found = [finding.sentence for finding in check(table).findings if finding.kind == "shortcut"]
    print(table.parent.name, found, flush=True)
    return found


def _plant(store: Store, name: str, change: str | None, folder: Path, seed: int) -> Path:
    """A table of examples, of whose first class most are changed, or have another site."""
    rng = np.random.default_rng(seed)
    rows = []
    examples = list_sounds(store) if name == "fsdd" else list_pictures(store, name)
    chosen = [examples[place] for place in rng.permutation(len(examples))[:SHORTCUT_EXAMPLES]]
    first = min(label for _, label in chosen)
    for number, (file, label) in enumerate(chosen):
        changed = change is not None and rng.random() < (IN_CLASS if label == first else IN_OTHERS)
        site = ("north", "south")[int(changed if change == "site" else rng.random() < 0.3)]
        save = _save_sound if name == "fsdd" else _save_picture
        saved = save(file, folder / str(number), change if changed else None)
        rows.append({"audio" if name == "fsdd" else "image": saved.name, "label": label, "site": site})
    write_table(folder / "examples.csv", rows)
    return folder / "examples.csv"


PLANTS = (
    *(("cifar10", change) for change in ("border", "size", "quality", "site")),
    *(("pneumonia", change) for change in ("border", "size", "site")),
    *(("fsdd", change) for change in ("hum 50", "hum 60", "site")),
)


def _save_picture(file: Path, out: Path, change: str | None) -> Path:
    picture: Image.Image = Image.open(file)
    if change == "border":
        picture = ImageOps.expand(ImageOps.crop(picture, 2), 2, 0)
    if change == "size":
        picture = picture.resize((36, 36))
    out = out.with_suffix(".jpg")
    picture.save(out, quality=60 if change == "quality" else 90)
    return out


def _save_sound(file: Path, out: Path, change: str | None) -> Path:
    samples, rate_hz = soundfile.read(file, dtype="float32")
    if change is not None and change.startswith("hum"):
        level = 0.1 * float(np.sqrt(2 * np.square(samples).mean()))  # 20 dB below
        samples = samples + level * np.sin(2 * np.pi * float(change.split()[1]) * np.arange(len(samples)) / rate_hz)
    out = out.with_suffix(".wav")
    soundfile.write(out, samples, rate_hz)
    return out


def measure_speed(store: Store, count: int) -> tuple[str, list[Figure]]:
    files = sorted((store.unpacked("cifar10") / "train").rglob("*.*"))
    files = [files[place] for place in np.random.default_rng(SEED).permutation(len(files))]
    _, _, before_mb = _time_check(files[: count // 4])
    wall_s, used_s, peak_mb = _time_check(files[:count])
    figures = [
        Figure(f"{count:,} pictures of 32 by 32 pixels", wall_s, "s", at_most=60),
        Figure("processor time", used_s, "s"),
        Figure(f"peak memory with {count // 4:,} pictures", before_mb, "MB"),
        Figure(f"peak memory with {count:,} pictures", peak_mb, "MB"),
    ]
    return "CIFAR-10 in class folders, from the command to its exit", figures


def _time_check(files: Sequence[Path]) -> tuple[float, float, float]:
    """(seconds, seconds of processor time, peak MB so far) of `seehear check` on these pictures."""
    with TemporaryDirectory() as folder:
        for file in files:
            (Path(folder) / file.parent.name).mkdir(exist_ok=True)
            shutil.copy(file, Path(folder) / file.parent.name)
        begun_s, before_s = time.monotonic(), _children_s()
        subprocess.run([sys.executable, "-m", "seehear", "check", folder], stdout=subprocess.DEVNULL, check=False)
        peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        return time.monotonic() - begun_s, _children_s() - before_s, peak_mb


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _draw(files: Iterator[Path], count: int) -> list[Path]:
    every = sorted(file for file in files if file.is_file())
    return [every[place] for place in np.random.default_rng(SEED).permutation(len(every))[:count]]


def _to_array(picture: Image.Image) -> NDArray[np.uint8]:
    array = np.asarray(picture)
    return array if array.ndim == 3 else array[:, :, None]


if __name__ == "__main__":
    main()
