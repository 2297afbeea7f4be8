"""Transcripts that are probably wrong: words of which models are sure are not in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from seehear.amounts import format_probability
from seehear.answers.label_noise import LIKELIER, estimate_item_noise
from seehear.answers.suspect import Suspect
from seehear.answers.text.answer import Text
from seehear.answers.text.similarity import find_edits
from seehear.answers.text.spec import TextSpec


class _Heard(NamedTuple):
    """A word that models hear, its place in the answer, and the true word instead of it; "" for none."""

    row: int
    place: int
    confidence: float
    differs: bool
    instead: str


def find_suspects(answers: Sequence[Text], truths: Sequence[Text], spec: TextSpec) -> Iterator[Suspect]:
    """answers: of models that have not learned from these recordings; truths: what the data say. A translation may be
    right in other words, so none is suspected."""
    if spec.translated:
        return
    answers = [answer.normalise() for answer in answers]
    heard = [
        each
        for row, (answer, truth) in enumerate(zip(answers, truths, strict=True))
        for each in _align(row, answer, truth)
    ]
    if not heard:
        return
    agrees = np.array([not each.differs for each in heard])
    wrong = estimate_item_noise(np.array([each.confidence for each in heard]), agrees)
    of_row: dict[int, list[int]] = {}
    for number in np.flatnonzero(~agrees & (wrong > LIKELIER)).tolist():
        of_row.setdefault(heard[number].row, []).append(number)
    for row, numbers in of_row.items():
        suspected = max(numbers, key=lambda number: float(wrong[number]))
        each = heard[suspected]
        word = answers[row].words[each.place]
        where = f" at {word.start_s:.1f} s" if word.timed else ""
        said = f"where it says {each.instead!r}" if each.instead else "which it does not have"
        reason = f"{word.text!r} is heard{where} ({format_probability(each.confidence)}), {said}"
        yield Suspect(
            row, "text", float(wrong[suspected]), reason, str(_correct(answers[row], truths[row], heard, numbers))
        )


def _align(row: int, answer: Text, truth: Text) -> Iterator[_Heard]:
    """The words of an answer, in the alignment with the fewest edits (Levenshtein 1966)."""
    true_words, words = str(truth).split(), [word.text for word in answer.words]
    instead = {
        edit.dest_pos: true_words[edit.src_pos] if edit.tag == "replace" else ""
        for edit in find_edits(true_words, words)
        if edit.tag != "delete"
    }
    for place, word in enumerate(answer.words):
        yield _Heard(row, place, word.confidence, place in instead, instead.get(place, ""))


def _correct(answer: Text, truth: Text, heard: Sequence[_Heard], numbers: Sequence[int]) -> Text:
    """The truth with the suspected words as they are heard."""
    true_words, words = str(truth).split(), [word.text for word in answer.words]
    chosen = {heard[number].place for number in numbers}
    corrected = list(true_words)
    for edit in reversed(list(find_edits(true_words, words))):
        if edit.tag != "delete" and edit.dest_pos in chosen:
            end = edit.src_pos + (edit.tag == "replace")
            corrected[edit.src_pos : end] = [words[edit.dest_pos]]
    return Text.from_string(" ".join(corrected))
