"""How close a text is to the truth: edits (Levenshtein 1966), BLEU (Papineni et al. 2002), chrF (Popović 2015).

BLEU and chrF are computed from counts: each pair of texts gives a row, and the sum of the rows gives the corpus score
of sacreBLEU (Post 2018). So confidence intervals can resample rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
BLEU_ORDER, CHRF_ORDER = 4, 6  # words, letters
RECALL_WEIGHT = 2.0  # beta of chrF: recall counts twice as much as precision


def find_edits(truth: Sequence[str], text: Sequence[str]) -> list[Any]:
    """The fewest edits from the truth to the text. Each has a `tag` (replace, insert or delete), `src_pos` and
    `dest_pos`."""
    from rapidfuzz.distance import Levenshtein

    return list(Levenshtein.editops(truth, text))


def count_bleu(texts: Sequence[str], truths: Sequence[str]) -> Array:
    """(n, 2 + 2 BLEU_ORDER): words of the text and of the truth; then matching n-grams and n-grams, by length."""
    from sacrebleu.metrics.bleu import BLEU

    metric = BLEU(effective_order=True)
    scores = [metric.sentence_score(text, [truth]) for text, truth in zip(texts, truths, strict=True)]
    rows = [(score.sys_len, score.ref_len, *score.counts, *score.totals) for score in scores]
    return np.array(rows, np.int64).reshape(-1, 2 + 2 * BLEU_ORDER)


def compute_bleu(counts: Array) -> float:
    """0 to 100, from the sum (2 + 2 BLEU_ORDER,) of rows of `count_bleu`."""
    from sacrebleu.metrics.bleu import BLEU

    text_length, truth_length, *ngrams = counts.tolist()
    matches, totals = ngrams[:BLEU_ORDER], ngrams[BLEU_ORDER:]
    return float(BLEU.compute_bleu(matches, totals, text_length, truth_length, smooth_method="exp").score)


def count_chrf(texts: Sequence[str], truths: Sequence[str]) -> Array:
    """(n, CHRF_ORDER, 3): letter n-grams of the text, of the truth, and those that match, by length.

    If the truth has no n-grams of a length, those of the text are not counted either.
    """
    rows = [list(_match_ngrams(text, truth)) for text, truth in zip(texts, truths, strict=True)]
    return np.array(rows, np.int64).reshape(-1, CHRF_ORDER, 3)


def compute_chrf(counts: Array) -> float:
    """0 to 100, from the sum (CHRF_ORDER, 3) of rows of `count_chrf`: F of the mean precision and the mean recall."""
    counted = counts[(counts[:, 0] > 0) & (counts[:, 1] > 0)]
    if not len(counted):
        return 0.0
    precision, recall = (counted[:, 2] / counted[:, 0]).mean(), (counted[:, 2] / counted[:, 1]).mean()
    if precision + recall == 0:
        return 0.0
    return float(100 * (1 + RECALL_WEIGHT**2) * precision * recall / (RECALL_WEIGHT**2 * precision + recall))


def _match_ngrams(text: str, truth: str) -> Iterator[tuple[int, int, int]]:
    text, truth = ("".join(each.split()) for each in (text, truth))
    for n in range(1, CHRF_ORDER + 1):
        ours, theirs = (Counter(each[i : i + n] for i in range(len(each) - n + 1)) for each in (text, truth))
        yield ours.total() if theirs else 0, theirs.total(), (ours & theirs).total()
