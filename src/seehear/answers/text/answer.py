"""A text: what is said, word by word, with the time and the confidence of each word."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from seehear.answers.honesty import calibrated
from seehear.answers.text.language import Automaton
from seehear.answers.text.ngrams import NGrams
from seehear.answers.text.normal import normal
from seehear.answers.text.search import Hypothesis, Search, Weights
from seehear.answers.text.subtitles import srt, vtt
from seehear.answers.text.terms import Terms
from seehear.answers.text.word import Word, marked
from seehear.errors import DataError, UsageError
from seehear.geometry import Placed, Warp

Array = NDArray[Any]

SPACE = " "
BEAMS = 16
ALTERNATIVES = 3
WORDS = 2  # a cell, on average, from which a column reads as text
TAIL_CELLS, LAST_CELL = 4, 1 << 30  # how long after its last letter begins a word may sound, if no other begins
RARELY = 3  # times a letter must occur to be learned
FAVOUR = 2.0  # log odds for each letter of a term
USUAL = {"language": 0.4, "insertion": 0.6}  # what one log probability of the language, and a token, weigh


class TextSpec(BaseModel):
    """What may be written: `tokens`, each a letter, and `language`, how they followed each other in the examples."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tokens: tuple[str, ...] = Field(min_length=2, max_length=5000)
    language: str = Field(default="", repr=False)  # NGrams.to_text
    texts: int = Field(ge=0)  # how many it was planned from
    words: int = Field(ge=0)  # how many different ones those had
    terms: tuple[str, ...] = ()  # favoured, for as long as somebody expects them

    @field_validator("tokens")
    @classmethod
    def _letters(cls, tokens: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(tokens)) < len(tokens) or any(len(token) != 1 for token in tokens):
            raise ValueError("tokens are different single letters")
        return tokens

    @model_validator(mode="after")
    def _counted(self) -> Self:
        if self.language and NGrams.from_text(self.language).vocabulary != len(self.tokens):
            raise ValueError(f"language was counted with another number of tokens than {len(self.tokens)}")
        return self

    def __str__(self) -> str:
        letters = "".join(self.tokens).strip()
        some = letters if len(letters) <= 60 else letters[:60] + "…"
        return f"text in {len(self.tokens)} letters ({some}); {self.words:,} different words in {self.texts:,} texts"

    @cached_property
    def index(self) -> dict[str, int]:
        return {token: i for i, token in enumerate(self.tokens)}

    @cached_property
    def automaton(self) -> Automaton:
        return Automaton.of(NGrams.from_text(self.language))

    @cached_property
    def favoured(self) -> Terms | None:
        if not self.terms:
            return None
        return Terms.of(map(self.encode, self.terms), len(self.tokens), self.index[SPACE])

    def changed(self, **fields: Any) -> TextSpec:
        """Another one; not model_copy, which would keep the machines of this one."""
        return TextSpec(**{**self.model_dump(), **fields})

    def encode(self, text: str) -> list[int]:
        """The tokens of a normal text; what is none of them is left out."""
        return [self.index[letter] for letter in text if letter in self.index]


class Spelled(NamedTuple):
    """A word of a hypothesis: its first cell, the one after its last, and the mean confidence of its letters."""

    text: str
    start: int
    end: int
    sure: float


@dataclass(frozen=True)
class Text:
    """Words in their order; none where nothing is said."""

    words: tuple[Word, ...]
    confidence: float = 1.0
    alternatives: tuple[tuple[str, float], ...] = ()

    @classmethod
    def of(cls, text: str) -> Text:
        """A truth, as it was written: without times."""
        return cls(tuple(map(Word, normal(text).split())))

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
        return marked(self.words)

    def files(self) -> dict[str, bytes]:
        """The words; and as subtitles, where it is known when they were said."""
        written = {"txt": f"{self}\n"}
        if all(word.timed for word in self.words):
            written |= {"srt": srt(self.words), "vtt": vtt(self.words)}
        return {extension: text.encode() for extension, text in written.items()}

    def __str__(self) -> str:
        return " ".join(word.text for word in self.words)


def plan(cells: Iterable[str], column: str) -> TextSpec:
    """The letters of a column of texts, and how they follow each other. Raises DataError where there are none."""
    texts = [normal(cell) for cell in cells]
    spoken = [text for text in texts if text]
    letters = Counter("".join(spoken))
    often = sorted(letter for letter, times in letters.items() if times >= min(RARELY, len(spoken)))
    tokens = tuple(dict.fromkeys([SPACE, *often]))
    if len(tokens) < 2:
        raise DataError("holds no words", where=f"column '{column}'", hint="write what is said in each recording")
    index = {token: i for i, token in enumerate(tokens)}
    sentences = ([index[letter] for letter in text if letter in index] for text in spoken)
    words = {word for text in spoken for word in text.split()}
    language = NGrams.of(sentences, len(tokens)).to_text()
    return TextSpec(tokens=tokens, language=language, texts=len(texts), words=len(words))


def fits(cells: Sequence[str]) -> bool:
    """Several words a cell, with letters, and more different cells than names of classes would have."""
    words = sum(any(map(str.isalpha, word)) for cell in cells for word in normal(cell).split())
    return bool(cells) and words >= WORDS * len(cells) and 2 * len(set(cells)) > len(cells)


def favouring(spec: TextSpec, terms: Sequence[str]) -> TextSpec:
    """Raises UsageError for a term with a letter that was never learned."""
    expected = tuple(dict.fromkeys(filter(None, map(normal, terms))))
    for term in expected:
        if strange := sorted(set(term) - set(spec.tokens)):
            raise UsageError(
                f"the term {term!r} has {''.join(strange)!r}",
                allowed=f"the letters that were learned: {''.join(spec.tokens).strip()}",
                hint="write it as it sounds in these letters",
            )
    return spec.changed(terms=expected)


def knowing(spec: TextSpec, lines: Iterable[str]) -> TextSpec:
    """As if the lines had been said in the examples, as far as the odds of words go."""
    sentences = (spec.encode(text) for line in lines if (text := normal(line)))
    more = NGrams.of(sentences, len(spec.tokens), least=1)
    return spec.changed(language=NGrams.from_text(spec.language).plus(more).to_text())


def read(cell: str, spec: TextSpec) -> Text:
    """The truth of a cell; words may have letters that spec does not know."""
    return Text.of(cell)


def stratum(cell: str) -> str:
    """Every text is its own: there is nothing to balance."""
    return ""


def target(answer: Text, spec: TextSpec, placed: Placed | None) -> dict[str, Array]:
    """tokens (L,) int64 and their number."""
    tokens = np.array(spec.encode(str(answer)), np.int64)
    return {"tokens": tokens, "length": np.array(len(tokens), np.int64)}


def raw_shapes(spec: TextSpec) -> dict[str, tuple[int | None, ...]]:
    """logp: log probabilities of the letters and of the blank, for each cell; how many cells are real; their pitch."""
    return {"logp": (None, len(spec.tokens) + 1), "cells": (), "cell_s": ()}


def from_raw(raw: Mapping[str, Array], spec: TextSpec, calibration: Mapping[str, float], placed: Placed | None) -> Text:
    """raw: logp (N, V + 1), of which the first `cells` () are real, each of `cell_s` () seconds."""
    heard = told(hypotheses(raw, spec, calibration), float(raw["cell_s"]), spec, calibration)
    return heard if placed is None else heard.moved(placed.warp.inverse())


def told(likeliest: Sequence[Hypothesis], cell_s: float, spec: TextSpec, calibration: Mapping[str, float]) -> Text:
    """The answer, in cells of `cell_s` seconds from 0, out of all that may have been said, likeliest first."""
    best, *others = likeliest
    words = tuple(
        Word(each.text, each.start * cell_s, each.end * cell_s, calibrated(each.sure, calibration, "word"))
        for each in spelled(best, spec)
    )
    odds = np.exp([other.score - best.score for other in others])
    confidence = calibrated(float(1 / (1 + odds.sum())), calibration, "text")
    shares = (1 - confidence) * odds / max(odds.sum(), 1)
    alternatives = zip(others[:ALTERNATIVES], shares.tolist(), strict=False)
    return Text(words, confidence, tuple((written(other, spec), share) for other, share in alternatives))


def hypotheses(raw: Mapping[str, Array], spec: TextSpec, calibration: Mapping[str, float]) -> list[Hypothesis]:
    """All that may have been said, likeliest first."""
    weights = Weights(**{name: calibration.get(name, usual) for name, usual in USUAL.items()}, term=FAVOUR)
    search = Search(spec.automaton, spec.favoured, weights, beams=BEAMS)
    search.feed(raw["logp"][: int(raw["cells"])])
    return search.best(BEAMS, finished=True)


def written(hypothesis: Hypothesis, spec: TextSpec) -> str:
    return " ".join("".join(spec.tokens[token] for token in hypothesis.tokens).split())


def spelled(hypothesis: Hypothesis, spec: TextSpec) -> list[Spelled]:
    """The words of a hypothesis; each ends where the next one begins, or soon after its last letter."""
    space = spec.index[SPACE]
    words = [list(word) for between, word in groupby(hypothesis.spelt, lambda each: each.token == space) if not between]
    starts = [word[0].frame for word in words]
    nexts = [*starts[1:], LAST_CELL][: len(words)]
    ends = [min(word[-1].frame + TAIL_CELLS, after) for word, after in zip(words, nexts, strict=True)]
    return [
        Spelled(
            text="".join(spec.tokens[each.token] for each in word),
            start=start,
            end=max(end, start + 1),
            sure=math.prod(each.confidence for each in word) ** (1 / len(word)),
        )
        for word, start, end in zip(words, starts, ends, strict=True)
    ]


def right(answer: Text, truth: Text, spec: TextSpec) -> bool:
    return str(answer) == str(truth)
