"""Metrics of texts: word and character error rates, BLEU and chrF for translations; and calibration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.answers.items import Items
from seehear.answers.kind import Headline, RunDecoder
from seehear.answers.platt_scaling import fit_platt
from seehear.answers.text.answer import NBest, Text, build_text, split_words
from seehear.answers.text.decode import Searched
from seehear.answers.text.similarity import compute_bleu, compute_chrf, count_bleu, count_chrf, find_edits
from seehear.answers.text.spec import TextSpec
from seehear.answers.text.tuning import tune_weights

Array = NDArray[Any]
EDITS = ("replace", "insert", "delete")
WITHHELD = 0.5  # of an error, for a word that is left out because it is unsure


def headline(spec: TextSpec) -> Headline:
    """Word error rate; BLEU for a translation, which may be correct in other words."""
    return Headline("bleu", True, 100.0) if spec.translated else Headline("wer", False)


def tune(
    searched: Sequence[Searched], truths: Sequence[Text], spec: TextSpec, run_decoder: RunDecoder | None = None
) -> dict[str, float]:
    """The weights of language model, token count, decoder and length penalty."""
    return tune_weights(searched, [str(truth) for truth in truths], spec, run_decoder)


def calibrate(n_bests: Sequence[NBest], truths: Sequence[Text], spec: TextSpec) -> dict[str, float]:
    """Platt scaling for the confidence of words and of whole texts."""
    words = [split_words(each.hypotheses[0], spec, each.cells) for each in n_bests]
    word_confidence = np.array([word.confidence for each in words for word in each])
    word_correct = np.array([correct for each in _check_words(words, truths) for correct in each], bool)
    texts = [build_text(each, spec, {}) for each in n_bests]
    confidence = np.array([text.confidence for text in texts])
    correct = np.array([str(text) == str(truth) for text, truth in zip(texts, truths, strict=True)])
    return fit_platt(word_confidence, word_correct, "word") | fit_platt(confidence, correct, "text")


def _check_words(texts: Sequence[Sequence[Any]], truths: Sequence[Text]) -> Iterator[list[bool]]:
    """Whether each word of each text is correct in the alignment with the truth."""
    for words, truth in zip(texts, truths, strict=True):
        edits = find_edits(str(truth).split(), [word.text for word in words])
        wrong = {edit.dest_pos for edit in edits if edit.tag != "delete"}
        yield [place not in wrong for place in range(len(words))]


def compare(answers: Sequence[Text], truths: Sequence[Text], spec: TextSpec) -> dict[str, Array]:
    """Counts with one row per example; the metrics are computed from their sums.

    words, characters (n,): of the truth; replaced, inserted, deleted (n,): word edits from it to the answer;
    character_edits (n,); correct (n,) bool; confidence (n,); truth, text (n,) strings. For the up to K words of each
    answer, padded with nan and False: word_confidence, word_correct, word_accepted (n, K). Translations also have the
    counts bleu (n, 10) and chrf (n, 6, 3).
    """
    answers = [answer.normalise() for answer in answers]
    pairs = [(str(truth), str(answer)) for truth, answer in zip(truths, answers, strict=True)]
    tags = [[edit.tag for edit in find_edits(truth.split(), text.split())] for truth, text in pairs]
    replaced, inserted, deleted = (np.array([each.count(tag) for each in tags]) for tag in EDITS)
    compared = {
        "words": np.array([len(truth.split()) for truth, _ in pairs]),
        "characters": np.array([len(truth) for truth, _ in pairs]),
        "replaced": replaced,
        "inserted": inserted,
        "deleted": deleted,
        "character_edits": np.array([len(find_edits(truth, text)) for truth, text in pairs]),
        "correct": np.array([truth == text for truth, text in pairs]),
        "confidence": np.array([answer.confidence for answer in answers], np.float64),
        "truth": np.array([truth for truth, _ in pairs], object),
        "text": np.array([text for _, text in pairs], object),
        **_compare_words(answers, truths),
    }
    if spec.translated:
        strings, truth_strings = [text for _, text in pairs], [truth for truth, _ in pairs]
        compared |= {"bleu": count_bleu(strings, truth_strings), "chrf": count_chrf(strings, truth_strings)}
    return compared


def _compare_words(answers: Sequence[Text], truths: Sequence[Text]) -> dict[str, Array]:
    max_words = max((len(answer.words) for answer in answers), default=0)
    confidence = np.full((len(answers), max_words), np.nan)
    correct, accepted = np.zeros((2, len(answers), max_words), np.bool_)
    checked = _check_words([answer.words for answer in answers], truths)
    for row, (answer, own) in enumerate(zip(answers, checked, strict=True)):
        confidence[row, : len(own)] = [word.confidence for word in answer.words]
        correct[row, : len(own)] = own
        accepted[row, : len(own)] = [word.accepted for word in answer.words]
    return {"word_confidence": confidence, "word_correct": correct, "word_accepted": accepted}


def items(compared: Mapping[str, Array], spec: TextSpec) -> Items:
    """The words of the answers."""
    confidence = compared["word_confidence"]
    exists = ~np.isnan(confidence)
    wrong = exists & ~compared["word_correct"]
    return Items(np.nan_to_num(confidence), exists.astype(np.int64), wrong.astype(np.int64), compared["word_accepted"])


def right(compared: Mapping[str, Array], spec: TextSpec) -> Array:
    """Answers equal to the truth, word for word."""
    return compared["correct"]


def metrics(compared: Mapping[str, Array], spec: TextSpec) -> dict[str, float]:
    """wer and cer: edits per word and per character of the truth; substitutions, insertions and deletions add up to
    wer. For translations bleu and chrf, 0 to 100."""
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


def abstention_metrics(compared: Mapping[str, Array], items: Items, spec: TextSpec) -> dict[str, float]:
    """withheld_wer: wer if words that are not accepted are left out; each counts as half an error, right or wrong.

    Lower is better; it equals wer if every word is accepted. Leaving out a word pays if it is more likely wrong than
    right. {} for translations, whose words have no truth each.
    """
    if spec.translated:
        return {}
    given_wrong, left_out = items.mistakes().sum(), (items.number * ~items.accepted).sum()
    errors = given_wrong + WITHHELD * left_out + compared["deleted"].sum()
    return {"withheld_wer": float(errors / max(int(compared["words"].sum()), 1))}


def pair_word_errors(truths: Sequence[str], texts: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each word edit as (true word, recognised word); "" for the missing one of an insertion or deletion."""
    for truth, text in zip(truths, texts, strict=True):
        true_words, words = truth.split(), text.split()
        for edit in find_edits(true_words, words):
            yield (
                true_words[edit.src_pos] if edit.tag != "insert" else "",
                words[edit.dest_pos] if edit.tag != "delete" else "",
            )
