"""How good texts are: word and character errors, and how honest the confidence of words and texts is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.answers.honesty import fit_honesty
from seehear.answers.text.answer import USUAL, Text, TextSpec, hypotheses, right, spelled, told, written

Array = NDArray[Any]
TUNED = 64  # texts on which the weights of the search are chosen
TRIED = {"language": (0.0, 0.2, 0.4, 0.7, 1.0, 1.4), "insertion": (-0.5, 0.0, 0.6, 1.2, 2.0)}
EDITS = ("replace", "insert", "delete")


def calibrate(raw: Mapping[str, Array], truths: Sequence[Text], spec: TextSpec) -> dict[str, float]:
    """raw: logp (n, N, V + 1), cells (n,), cell_s (n,). What the language and a token weigh in the search, chosen for
    the fewest word errors; and how the confidence of words, then of whole texts, becomes honest."""
    examples = [{name: array[i] for name, array in raw.items()} for i in range(len(truths))]
    chosen = _weights(examples[:TUNED], truths[:TUNED], spec)
    likeliest = [hypotheses(example, spec, chosen) for example in examples]
    sure, correct = _judged_words([spelled(each[0], spec) for each in likeliest], truths)
    chosen |= fit_honesty(sure, correct, "word")
    heard = [told(each, 1.0, spec, chosen) for each in likeliest]
    whole = np.array([text.confidence for text in heard])
    exact = np.array([right(*pair, spec) for pair in zip(heard, truths, strict=True)])
    return chosen | fit_honesty(whole, exact, "text")


def _weights(examples: Sequence[Mapping[str, Array]], truths: Sequence[Text], spec: TextSpec) -> dict[str, float]:
    """One weight after the other, the others as they are."""

    def errors(weights: Mapping[str, float]) -> int:
        heard = (written(hypotheses(example, spec, weights)[0], spec) for example in examples)
        return sum(len(_edits(str(truth).split(), text.split())) for truth, text in zip(truths, heard, strict=True))

    chosen = dict(USUAL)
    for name, values in TRIED.items():
        wrong = {value: errors(chosen | {name: value}) for value in values}
        chosen[name] = min(values, key=lambda value: (wrong[value], abs(value - USUAL[name])))
    return chosen


def _judged_words(heard: Sequence[Sequence[Any]], truths: Sequence[Text]) -> tuple[Array, Array]:
    """The confidence of each word heard, and whether it is one of the truth's, as both are aligned."""
    sure: list[float] = []
    correct: list[bool] = []
    for words, truth in zip(heard, truths, strict=True):
        wrong = {
            edit.dest_pos for edit in _edits(str(truth).split(), [word.text for word in words]) if edit.tag != "delete"
        }
        sure += [word.sure for word in words]
        correct += [place not in wrong for place in range(len(words))]
    return np.array(sure), np.array(correct, bool)


def compare(answers: Sequence[Text], truths: Sequence[Text], spec: TextSpec) -> dict[str, Array]:
    """One row per example, of which metrics are sums.

    words, characters (n,): how many the truth has; replaced, inserted, deleted (n,): word edits from it to the answer;
    character_edits (n,); right (n,) bool; confidence (n,); truth, said (n,) the texts.
    """
    pairs = [(str(truth), str(answer)) for truth, answer in zip(truths, answers, strict=True)]
    edits = [[edit.tag for edit in _edits(truth.split(), said.split())] for truth, said in pairs]
    replaced, inserted, deleted = (np.array([tags.count(tag) for tags in edits]) for tag in EDITS)
    return {
        "words": np.array([len(truth.split()) for truth, _ in pairs]),
        "characters": np.array([len(truth) for truth, _ in pairs]),
        "replaced": replaced,
        "inserted": inserted,
        "deleted": deleted,
        "character_edits": np.array([len(_edits(truth, said)) for truth, said in pairs]),
        "right": np.array([truth == said for truth, said in pairs]),
        "confidence": np.array([answer.confidence for answer in answers], np.float64),
        "truth": np.array([truth for truth, _ in pairs], object),
        "said": np.array([said for _, said in pairs], object),
    }


def metrics(compared: Mapping[str, Array], spec: TextSpec) -> dict[str, float]:
    """wer and cer, edits per word and per character of the truth (Levenshtein 1966); substitutions, insertions and
    deletions are the parts of wer."""
    words = max(int(compared["words"].sum()), 1)
    parts = {
        name: float(compared[edit].sum() / words)
        for name, edit in (("substitutions", "replaced"), ("insertions", "inserted"), ("deletions", "deleted"))
    }
    return {
        "wer": sum(parts.values()),
        "cer": float(compared["character_edits"].sum() / max(int(compared["characters"].sum()), 1)),
        **parts,
    }


def confused(truths: Sequence[str], said: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Every word edit as (word of the truth, word of the answer); "" where one has none."""
    for truth, answer in zip(truths, said, strict=True):
        true_words, said_words = truth.split(), answer.split()
        for edit in _edits(true_words, said_words):
            yield (
                true_words[edit.src_pos] if edit.tag != "insert" else "",
                said_words[edit.dest_pos] if edit.tag != "delete" else "",
            )


def _edits(truth: Sequence[str], said: Sequence[str]) -> list[Any]:
    from rapidfuzz.distance import Levenshtein

    return list(Levenshtein.editops(truth, said))
