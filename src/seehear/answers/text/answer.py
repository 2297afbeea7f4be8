"""A text: what is said, word by word, with the time and the confidence of each word."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seehear.amounts import format_duration
from seehear.answers.items import ItemCount, accepted_from
from seehear.answers.kind import RunDecoder
from seehear.answers.platt_scaling import apply_platt
from seehear.answers.text.decode import decode_n_best
from seehear.answers.text.normalisation import normalise
from seehear.answers.text.plan import plan as plan
from seehear.answers.text.spec import SPACE, TextSpec
from seehear.answers.text.spec import with_hotwords as with_hotwords
from seehear.answers.text.spec import with_language_model as with_language_model
from seehear.answers.text.subtitles import format_srt, format_vtt
from seehear.answers.text.word import Word, mark_words
from seehear.decoding.hypothesis import Hypothesis
from seehear.errors import InputError
from seehear.geometry import Geometry, Warp

Array = NDArray[Any]

ALTERNATIVES = 3
WORDS = 2  # a cell, on average, from which a column reads as text
MOST_LETTERS_A_SECOND = 60  # fast speech has 25; what it means in another language may be longer
TAIL_CELLS = 4  # how long after its last letter begins a word may sound, if no other begins


class Spelled(NamedTuple):
    """A word of a hypothesis: its first cell, the one after its last, and the mean confidence of its letters."""

    text: str
    start: int
    end: int
    sure: float


class Candidates(NamedTuple):
    """All that may be said, likeliest first, in so many cells of so many seconds."""

    likeliest: list[Hypothesis]
    cells: int
    cell_s: float


@dataclass(frozen=True)
class Text:
    """Words in their order; none where nothing is said."""

    item: ClassVar[str] = "word"
    words: tuple[Word, ...]
    confidence: float = 1.0
    alternatives: tuple[tuple[str, float], ...] = ()

    @classmethod
    def of(cls, text: str) -> Text:
        """A truth, as it was written: without times."""
        return cls(tuple(map(Word, normalise(text).split())))

    @property
    def items(self) -> ItemCount:
        return ItemCount(self.item, sum(word.accepted for word in self.words), len(self.words))

    def refused(self) -> Text:
        """The same, but no word is accepted."""
        return replace(self, words=tuple(replace(word, accepted=False) for word in self.words))

    def moved(self, warp: Warp) -> Text:
        """In another time; where the warp is of space, what is said stays."""
        if len(warp.scale) != 1:
            return self
        words = [
            replace(word, start_s=float(start_s), end_s=float(end_s))
            for word in self.words
            for start_s, end_s in [warp.forward(np.array([[word.start_s], [word.end_s]]))[:, 0]]
        ]
        return replace(self, words=tuple(words))

    def to_json(self) -> dict[str, Any]:
        return {"text": str(self), "words": [word.to_json() for word in self.words]}

    def marked(self) -> str:
        """In a line for people, what was hard to hear in brackets."""
        return mark_words(self.words)

    def files(self) -> dict[str, bytes]:
        """The words; and as subtitles, where it is known when they were said."""
        written = {"txt": f"{self}\n"}
        if all(word.timed for word in self.words):
            written |= {"srt": format_srt(self.words), "vtt": format_vtt(self.words)}
        return {extension: text.encode() for extension, text in written.items()}

    def __str__(self) -> str:
        return " ".join(word.text for word in self.words)


def fits(cells: Sequence[str], heading: str) -> bool:
    """Several words a cell, with letters, and more different cells than names of classes would have."""
    words = sum(any(map(str.isalpha, word)) for cell in cells for word in normalise(cell).split())
    return bool(cells) and words >= WORDS * len(cells) and 2 * len(set(cells)) > len(cells)


def read(cell: str, spec: TextSpec) -> Text:
    """The truth of a cell; words may have letters that spec does not know."""
    return Text.of(cell)


def items_in(cell: str) -> float:
    """Words."""
    return float(len(normalise(cell).split()))


def stratum(cell: str) -> str:
    """Every text is its own: there is nothing to balance."""
    return ""


def target(answer: Text, spec: TextSpec, geometry: Geometry | None) -> dict[str, Array]:
    """tokens (L,) int64 and their number."""
    if geometry is not None:
        _check_sayable(str(answer), geometry.original.duration_s)
    tokens = np.array(spec.encode(str(answer)), np.int64)
    return {"tokens": tokens, "length": np.array(len(tokens), np.int64)}


def check(answer: Text, truth: Text, duration_s: float) -> None:
    """Raises InputError for a truth that nobody can say in that time."""
    _check_sayable(str(truth), duration_s)


def _check_sayable(text: str, duration_s: float) -> None:
    """Raises InputError for a text that belongs to another recording, or to more of it than is there."""
    if len(text) > MOST_LETTERS_A_SECOND * duration_s:
        raise InputError(
            f"{len(text):,} letters in {format_duration(duration_s)}: nobody speaks so fast",
            hint="see that the text is of this recording, and that the recording is whole",
        )


def auxiliary_target(cell: str, spec: TextSpec) -> dict[str, Array]:
    """What was said itself: spoken (L,) int64 and their number, 0 where it is not written."""
    if not spec.auxiliary_tokens:
        return {}
    tokens = np.array(spec.ctc_tokeniser.encode(normalise(cell)), np.int64)
    return {"auxiliary_tokens": tokens, "auxiliary_length": np.array(len(tokens), np.int64)}


def supports_concatenation(spec: TextSpec) -> bool:
    """Not of a translation, whose words have an order of their own: it is not that of its parts one after the other."""
    return not spec.translated


def concatenate_targets(targets: Sequence[Mapping[str, Array]], spec: TextSpec) -> dict[str, Array]:
    """What is said one after the other, with a space between."""
    space = np.array([spec.token_ids[SPACE]])
    said = [target["tokens"] for target in targets if len(target["tokens"])]
    tokens = np.concatenate([space, *(part for each in said for part in (each, space))])[1:-1] if said else space[:0]
    return {"tokens": tokens, "length": np.array(len(tokens), np.int64)}


def raw_shapes(spec: TextSpec) -> dict[str, tuple[int | str, ...]]:
    """logp: log probabilities of what is heard and of the blank, for each cell; how many cells are real; their pitch.
    memory: what a decoder looks at."""
    memory: dict[str, tuple[int | str, ...]] = {"memory": ("N", "D")} if spec.decoder else {}
    return {"logp": ("N", len(spec.ctc_tokens) + 1), "cells": (), "cell_s": (), **memory}


def decodes(spec: TextSpec) -> bool:
    return spec.decoder


def to_answer(
    raw: Mapping[str, Array],
    spec: TextSpec,
    calibration: Mapping[str, float],
    geometry: Geometry | None,
    ask: RunDecoder | None = None,
) -> Text:
    """raw: logp (N, V + 1) and memory (N, D), of which the first `cells` () are real, each of `cell_s` () seconds."""
    return select(n_best(raw, spec, calibration, ask), spec, calibration, geometry)


def n_best(
    raw: Mapping[str, Array], spec: TextSpec, calibration: Mapping[str, float], ask: RunDecoder | None = None
) -> Candidates:
    """By the weights in `calibration`."""
    return Candidates(decode_n_best(raw, spec, calibration, ask), int(raw["cells"]), float(raw["cell_s"]))


def select(heard: Candidates, spec: TextSpec, calibration: Mapping[str, float], geometry: Geometry | None) -> Text:
    said = told(heard, spec, calibration)
    return said if geometry is None or spec.translated else said.moved(geometry.warp.inverse())


def told(heard: Candidates, spec: TextSpec, calibration: Mapping[str, float]) -> Text:
    """The answer, in seconds of what was prepared."""
    best, *others = _different(heard.likeliest, spec)
    words = tuple(_word(each, heard.cell_s, spec, calibration) for each in spelled(best, spec, heard.cells))
    others.sort(key=lambda other: -other.score)
    scores = np.array([best.score, *(other.score for other in others)])
    odds = np.exp(scores - scores.max())  # the best by rank need not be the best by score
    confidence = apply_platt(float(odds[0] / odds.sum()), calibration, "text")
    shares = (1 - confidence) * odds[1:] / max(odds[1:].sum(), odds[0])
    alternatives = zip(others[:ALTERNATIVES], shares.tolist(), strict=False)
    return Text(words, confidence, tuple((spec.decode(other.token_ids), share) for other, share in alternatives))


def _different(likeliest: Sequence[Hypothesis], spec: TextSpec) -> list[Hypothesis]:
    """Without those that spell in other tokens what a likelier one does."""
    texts: dict[str, Hypothesis] = {}
    for each in likeliest:
        texts.setdefault(spec.decode(each.token_ids), each)
    return list(texts.values())


def _word(word: Spelled, cell_s: float, spec: TextSpec, calibration: Mapping[str, float]) -> Word:
    """With its times, where it was heard in its order."""
    sure = apply_platt(word.sure, calibration, "word")
    accepted = sure >= accepted_from(calibration)
    if spec.translated:
        return Word(word.text, confidence=sure, accepted=accepted)
    return Word(word.text, word.start * cell_s, word.end * cell_s, sure, accepted)


def spelled(hypothesis: Hypothesis, spec: TextSpec, cells: int) -> list[Spelled]:
    """The words of a hypothesis; each ends soon after its last letter, or where the next one begins or all ends."""
    space = spec.token_ids[SPACE]
    words = [list(word) for between, word in groupby(hypothesis.tokens, lambda token: token.id == space) if not between]
    starts = [word[0].frame for word in words]
    nexts = [*starts[1:], cells][: len(words)]
    ends = [min(word[-1].frame + TAIL_CELLS, after) for word, after in zip(words, nexts, strict=True)]
    return [
        Spelled(
            text="".join(spec.tokens[token.id] for token in word),
            start=start,
            end=max(end, start + 1),
            sure=math.prod(token.probability for token in word) ** (1 / len(word)),
        )
        for word, start, end in zip(words, starts, ends, strict=True)
    ]
