"""Find more like this: how much of what is found is right, and how long a search takes.

    python -m benchmarks.similar pictures [--count 10000] [--queries 100]
    python -m benchmarks.similar sounds [--minutes 60] [--queries 100]

pictures   photos of CIFAR-10, searched by the pretrained encoder: the first 20, and the next 20 after one and
           after two rounds of marking what is right
sounds     spoken digits of all speakers, joined with pauses into one recording; each query is a digit by a speaker
           whose recordings are not among what is searched
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import soundfile

from benchmarks.data import DATA, SEED, SPEAKERS, Store, fsdd_rows
from benchmarks.machine import pace
from benchmarks.results import Figure, record
from seehear.encoders import load_pretrained_encoder
from seehear.projects import Candidate, Project
from seehear.projects.similar import SimilaritySearch, search_similar

FIRST = 20
ROUNDS = 3
PAUSE_S = (0.3, 2.0)  # between two digits


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.similar", description=__doc__)
    parser.add_argument("part", choices=("pictures", "sounds"))
    parser.add_argument("--count", type=int, default=10_000, help="pictures to search")
    parser.add_argument("--minutes", type=float, default=60.0, help="of sound to search")
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--data", type=Path, default=DATA)
    options = parser.parse_args()
    before, store = pace(), Store(options.data)
    with TemporaryDirectory() as folder, Project.create("Search", answer="label", home=folder) as project:
        if options.part == "pictures":
            note, figures = _search_pictures(project, store, options.count, options.queries)
        else:
            note, figures = _search_sounds(project, store, 60 * options.minutes, options.queries)
    record(f"similar-{options.part}", f"{note}; {options.queries} queries", figures, before=before, after=pace())


def _search_pictures(project: Project, store: Store, count: int, queries: int) -> tuple[str, list[Figure]]:
    random = np.random.default_rng(SEED)
    given = store.unpacked("cifar10")
    files = sorted(path for path in (given / "train").rglob("*.*") if path.is_file())
    chosen = [files[i] for i in random.permutation(len(files))[:count]]
    added = project.add(chosen)
    labels = {number: path.parent.name for number, path in zip(added.ids, chosen, strict=False)}
    asked = sorted(path for path in (given / "test").rglob("*.*") if path.is_file())
    encoder = load_pretrained_encoder(("image",))
    first = search_similar(project, asked[0], encoder=encoder)
    computed_s = _timed(first.compute)
    took, shares = [], np.zeros(ROUNDS)
    for path in (asked[i] for i in random.permutation(len(asked))[:queries]):
        search = search_similar(project, path, encoder=encoder)
        took.append(_timed(search.rank))
        shares += _precision_by_round(search, lambda each: labels[each.example or 0], path.parent.name)
    chance = np.mean([list(labels.values()).count(name) / len(labels) for name in set(labels.values())])
    note = f"{len(labels):,} photos of CIFAR-10, none of which has an answer, searched by photos of its test set"
    once = Figure("comparing all pictures, once", computed_s, "s")
    return note, [once, *_figures(shares / queries, float(chance), took)]


def _search_sounds(project: Project, store: Store, longest_s: float, queries: int) -> tuple[str, list[Figure]]:
    random = np.random.default_rng(SEED)
    rows, audio = fsdd_rows(store), store.unpacked("fsdd")
    searched = [row for row in rows if row["speaker"] != SPEAKERS[0]]
    asked = [row for row in rows if row["speaker"] == SPEAKERS[0]]
    path = Path(project.place.folder) / "joined.wav"
    spoken = _join([searched[i] for i in random.permutation(len(searched))], audio, path, longest_s, random)
    project.add([path])
    seconds = soundfile.info(path).duration
    encoder = load_pretrained_encoder(("audio",))
    wanted = [asked[i] for i in random.permutation(len(asked))[:queries]]
    shares, took, computed_s = np.zeros(ROUNDS), [], 0.0
    for row in wanted:
        search = search_similar(project, audio / row["audio"], encoder=encoder)
        computed_s += _timed(search.compute)
        took.append(_timed(search.rank))
        shares += _precision_by_round(search, lambda each: _heard(each, spoken), row["label"])
    covered = sum(end_s - start_s for start_s, end_s, _ in spoken) / seconds
    note = (
        f"{len(spoken):,} spoken digits joined with pauses into one recording of {seconds / 60:.0f} minutes, searched "
        "by digits of a speaker who is not in it"
    )
    once = Figure("comparing the recording, once for each length of window", computed_s, "s")
    return note, [once, *_figures(shares / queries, covered / 10, took)]


def _join(
    rows: Sequence[dict[str, str]], audio: Path, path: Path, longest_s: float, random: np.random.Generator
) -> list[tuple[float, float, str]]:
    """Write the recordings with pauses between them; returns where each is, and its label."""
    pieces: list[Any] = []
    spoken, now_s, rate_hz = [], 0.0, 8000
    for row in rows:
        samples, rate_hz = soundfile.read(audio / row["audio"], dtype="float32")
        pause = np.zeros(round(rate_hz * random.uniform(*PAUSE_S)), np.float32)
        end_s = now_s + len(samples) / rate_hz
        spoken.append((now_s, end_s, row["label"]))
        pieces += [samples, pause]
        now_s = end_s + len(pause) / rate_hz
        if now_s > longest_s:
            break
    soundfile.write(path, np.concatenate(pieces), rate_hz)
    return spoken


def _heard(found: Candidate, spoken: Sequence[tuple[float, float, str]]) -> str:
    """The digit that fills most of a stretch; "" for a pause."""
    start_s, end_s = found.span_s or (0.0, 0.0)
    overlaps = [(min(end_s, end) - max(start_s, start), label) for start, end, label in spoken]
    longest, label = max(overlaps)
    return label if longest > 0 else ""


def _precision_by_round(search: SimilaritySearch, label_of: Callable[[Candidate], str], wanted: str) -> Any:
    """(ROUNDS,): the share that is right among the FIRST found, each time after all before were marked."""
    yes: list[Candidate] = []
    no: list[Candidate] = []
    shares = []
    for _ in range(ROUNDS):
        found = [match.candidate for match in search.rank(yes, no, top=FIRST)]
        right = [each for each in found if label_of(each) == wanted]
        shares.append(len(right) / max(1, len(found)))
        yes += right
        no += [each for each in found if each not in right]
    return np.array(shares)


def _figures(shares: Any, chance: float, took_s: Sequence[float]) -> list[Figure]:
    """shares   (ROUNDS,), the mean over the queries"""
    rounds = ("the first query", *(f"{number} round{'s' * (number > 1)} of marking" for number in range(1, ROUNDS)))
    found = [
        Figure(f"right among {FIRST}, after {after}", float(each), "%")
        for after, each in zip(rounds, shares, strict=True)
    ]
    return [
        *found,
        Figure("right by chance", chance, "%"),
        Figure("a search, median", 1000 * float(np.median(took_s)), "ms"),
    ]


def _timed(work: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    work()
    return time.perf_counter() - began_s


if __name__ == "__main__":
    main()
