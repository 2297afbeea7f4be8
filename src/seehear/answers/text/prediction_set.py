"""The words that may have been said, place by place: a confusion network (Mangu et al. 2000)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from seehear.answers.prediction_sets import EVERY_CLASS, Needed
from seehear.answers.text.answer import Text
from seehear.answers.text.normalisation import normalise
from seehear.answers.text.similarity import find_edits
from seehear.answers.text.spec import TextSpec

NOTHING = ""  # no word at a place


@dataclass(frozen=True)
class TextSet:
    """Places in order, each with the words that may have been said there, most likely first; "" for none."""

    places: tuple[tuple[str, ...], ...]

    @property
    def size(self) -> float:
        """The mean number of words at a place, without the places that are empty unless a word was missed."""
        words = [len(words) for words in self.places if words[0] != NOTHING]
        return sum(words) / len(words) if words else 1.0

    def to_json(self) -> dict[str, Any]:
        return {"places": [list(words) for words in self.places]}

    def __str__(self) -> str:
        """A place with several words in brackets: take [two|too] daily; - stands for no word."""
        shown = ([word or "-" for word in words] for words in self.places)
        return " ".join(words[0] if len(words) == 1 else f"[{'|'.join(words)}]" for words in shown)


class Place(NamedTuple):
    """How probable each word is; the first is that of the answer, and NOTHING between its words."""

    words: dict[str, float]


def refusal(spec: TextSpec) -> str:
    """Why a recogniser cannot have such sets; "" if it can."""
    return "a translation may use other words than the one it is compared with" if spec.translated else ""


def needed(answers: Sequence[Text], truths: Sequence[Text], spec: TextSpec) -> Needed:
    """The improbability of each true word at its place; infinity for a word in none of the hypotheses."""
    every = [list(_improbabilities(answer, truth)) for answer, truth in zip(answers, truths, strict=True)]
    most = max((len(each) for each in every), default=0) or 1
    threshold, number = np.zeros((len(every), most)), np.zeros((len(every), most), np.int64)
    for row, each in enumerate(every):
        threshold[row, : len(each)], number[row, : len(each)] = each, 1
    return Needed(threshold, number, np.zeros_like(number))


def build(answer: Text, spec: TextSpec, thresholds: Mapping[str, float]) -> TextSet:
    """The words of the answer, and those that are probable enough beside or between them."""
    least = 1 - thresholds[EVERY_CLASS]
    places = []
    for place in _network(answer.normalise()):
        answered, *others = place.words
        kept = tuple(word for word in others if place.words[word] >= least)
        places += [(answered, *kept)] if answered != NOTHING or kept else []
    return TextSet(tuple(places))


def _improbabilities(answer: Text, truth: Text) -> Iterator[float]:
    """The threshold of each true word."""
    answer = answer.normalise()
    places, true = _network(answer), str(truth).split()
    replaced = [each for each in _differences([word.text for word in answer.words], true) if each[1] != NOTHING]
    yield from [0.0] * (len(true) - len(replaced))
    for place, word in replaced:
        yield 1 - places[place].words.get(word, -math.inf)


def _network(answer: Text) -> list[Place]:
    """2 W + 1 places for W words: before the first, the first, between the first and second, ...

    A word's confidence is its probability; the alternatives share the rest as they share theirs.
    """
    words = [word.text for word in answer.words]
    rest: list[dict[str, float]] = [{} for _ in range(2 * len(words) + 1)]
    for text, share in answer.alternatives:
        for place, other in _differences(words, normalise(text).split()):
            rest[place][other] = rest[place].get(other, 0.0) + share
    places = []
    every = sum(share for _, share in answer.alternatives) or 1.0
    for index, others in enumerate(rest):
        between = index % 2 == 0
        unsure = 1 - answer.confidence if between else 1 - answer.words[index // 2].confidence
        total = every if between else sum(others.values()) or 1.0
        by_share = sorted(others.items(), key=lambda each: -each[1])
        own = {NOTHING if between else words[index // 2]: 1 - unsure}
        places.append(Place(own | {other: unsure * share / total for other, share in by_share}))
    return places


def _differences(words: Sequence[str], others: Sequence[str]) -> Iterator[tuple[int, str]]:
    """The places at which another hypothesis differs, and what it has there."""
    for edit in find_edits(words, others):
        place = 2 * edit.src_pos + (edit.tag != "insert")
        yield place, NOTHING if edit.tag == "delete" else others[edit.dest_pos]
