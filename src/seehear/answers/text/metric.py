"""How good texts are, word and letter errors or nearness to a translation, and how honest their confidence is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.answers.items import Items
from seehear.answers.kind import Headline, RunDecoder
from seehear.answers.platt_scaling import fit_platt
from seehear.answers.text.answer import Candidates, Text, spelled, told
from seehear.answers.text.similarity import compute_bleu, compute_chrf, count_bleu, count_chrf, find_edits
from seehear.answers.text.spec import TextSpec
from seehear.answers.text.tuning import tune_weights

Array = NDArray[Any]
EDITS = ("replace", "insert", "delete")


def headline(spec: TextSpec) -> Headline:
    """Word errors; of a translation, which may be right in other words, its nearness."""
    return Headline("bleu", True) if spec.translated else Headline("wer", False)


def tune(
    raws: Sequence[Mapping[str, Array]], truths: Sequence[Text], spec: TextSpec, ask: RunDecoder | None = None
) -> dict[str, float]:
    """What each judge of a text weighs."""
    return tune_weights(raws, [str(truth) for truth in truths], spec, ask)


def calibrate(heard: Sequence[Candidates], truths: Sequence[Text], spec: TextSpec) -> dict[str, float]:
    """How the confidence of words, and that of whole texts, becomes honest."""
    words = [spelled(each.likeliest[0], spec, each.cells) for each in heard]
    sure = np.array([word.sure for own in words for word in own])
    correct = np.array([yes for each in _judged_words(words, truths) for yes in each], bool)
    said = [told(each, spec, {}) for each in heard]
    whole = np.array([text.confidence for text in said])
    exact = np.array([str(text) == str(truth) for text, truth in zip(said, truths, strict=True)])
    return fit_platt(sure, correct, "word") | fit_platt(whole, exact, "text")


def _judged_words(heard: Sequence[Sequence[Any]], truths: Sequence[Text]) -> Iterator[list[bool]]:
    """Whether each word heard is one of the truth's, as both are aligned."""
    for words, truth in zip(heard, truths, strict=True):
        wrong = {
            edit.dest_pos
            for edit in find_edits(str(truth).split(), [word.text for word in words])
            if edit.tag != "delete"
        }
        yield [place not in wrong for place in range(len(words))]


def compare(answers: Sequence[Text], truths: Sequence[Text], spec: TextSpec) -> dict[str, Array]:
    """One row per example, of which metrics are sums.

    words, characters (n,): how many the truth has; replaced, inserted, deleted (n,): word edits from it to the answer;
    character_edits (n,); right (n,) bool; confidence (n,); truth, said (n,) the texts. Of up to K words that were said,
    nan and False where there is none: word_confidence, word_right, word_accepted (n, K). Translations also have the
    parts of bleu (n, 10) and chrf (n, 6, 3).
    """
    pairs = [(str(truth), str(answer)) for truth, answer in zip(truths, answers, strict=True)]
    tags = [[edit.tag for edit in find_edits(truth.split(), said.split())] for truth, said in pairs]
    replaced, inserted, deleted = (np.array([own.count(tag) for own in tags]) for tag in EDITS)
    compared = {
        "words": np.array([len(truth.split()) for truth, _ in pairs]),
        "characters": np.array([len(truth) for truth, _ in pairs]),
        "replaced": replaced,
        "inserted": inserted,
        "deleted": deleted,
        "character_edits": np.array([len(find_edits(truth, said)) for truth, said in pairs]),
        "right": np.array([truth == said for truth, said in pairs]),
        "confidence": np.array([answer.confidence for answer in answers], np.float64),
        "truth": np.array([truth for truth, _ in pairs], object),
        "said": np.array([said for _, said in pairs], object),
        **_words(answers, truths),
    }
    if spec.translated:
        truth, said = [truth for truth, _ in pairs], [said for _, said in pairs]
        compared |= {"bleu": count_bleu(said, truth), "chrf": count_chrf(said, truth)}
    return compared


def _words(answers: Sequence[Text], truths: Sequence[Text]) -> dict[str, Array]:
    most = max((len(answer.words) for answer in answers), default=0)
    sure = np.full((len(answers), most), np.nan)
    correct, accepted = np.zeros((2, len(answers), most), np.bool_)
    for row, (answer, right) in enumerate(
        zip(answers, _judged_words([answer.words for answer in answers], truths), strict=True)
    ):
        sure[row, : len(right)] = [word.confidence for word in answer.words]
        correct[row, : len(right)] = right
        accepted[row, : len(right)] = [word.accepted for word in answer.words]
    return {"word_confidence": sure, "word_right": correct, "word_accepted": accepted}


def items(compared: Mapping[str, Array], spec: TextSpec) -> Items:
    """The words that were said."""
    sure = compared["word_confidence"]
    there = ~np.isnan(sure)
    wrong = there & ~compared["word_right"]
    return Items(np.nan_to_num(sure), there.astype(np.int64), wrong.astype(np.int64), compared["word_accepted"])


def right(compared: Mapping[str, Array], spec: TextSpec) -> Array:
    """Those in the very words of the truth."""
    return compared["right"]


def metrics(compared: Mapping[str, Array], spec: TextSpec) -> dict[str, float]:
    """wer and cer, edits per word and per character of the truth; substitutions, insertions and deletions are the
    parts of wer. Of translations bleu and chrf, 0 to 100."""
    if spec.translated:
        return {"bleu": compute_bleu(compared["bleu"].sum(0)), "chrf": compute_chrf(compared["chrf"].sum(0))}
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
        for edit in find_edits(true_words, said_words):
            yield (
                true_words[edit.src_pos] if edit.tag != "insert" else "",
                said_words[edit.dest_pos] if edit.tag != "delete" else "",
            )
