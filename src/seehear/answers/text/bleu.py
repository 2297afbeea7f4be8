"""How near translations are: BLEU (Papineni et al. 2002) and chrF (Popović 2015), from parts that add up.

Each text gives a row of counts; the sum of the rows of a set gives sacreBLEU's corpus score of it (Post 2018).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
BLEU_ORDER, CHRF_ORDER = 4, 6  # words, letters
RECALL = 2.0  # times as important as precision, in chrF


def bleu_parts(said: Sequence[str], truths: Sequence[str]) -> Array:
    """(n, 2 + 2 BLEU_ORDER): words said, words of the truth; n-grams that match, n-grams said, of each length."""
    from sacrebleu.metrics.bleu import BLEU

    judge = BLEU(effective_order=True)
    scores = [judge.sentence_score(text, [truth]) for text, truth in zip(said, truths, strict=True)]
    rows = [(score.sys_len, score.ref_len, *score.counts, *score.totals) for score in scores]
    return np.array(rows, np.int64).reshape(-1, 2 + 2 * BLEU_ORDER)


def bleu(parts: Array) -> float:
    """0 to 100, from the sum (2 + 2 BLEU_ORDER,) of rows of `bleu_parts`."""
    from sacrebleu.metrics.bleu import BLEU

    said, truth, *counts = parts.tolist()
    matches, totals = counts[:BLEU_ORDER], counts[BLEU_ORDER:]
    return float(BLEU.compute_bleu(matches, totals, said, truth, smooth_method="exp").score)


def chrf_parts(said: Sequence[str], truths: Sequence[str]) -> Array:
    """(n, CHRF_ORDER, 3): n-grams of letters said, of the truth, and those that match, of each length.

    None are counted as said of which the truth has none of that length.
    """
    rows = [list(_matches(text, truth)) for text, truth in zip(said, truths, strict=True)]
    return np.array(rows, np.int64).reshape(-1, CHRF_ORDER, 3)


def chrf(parts: Array) -> float:
    """0 to 100, from the sum (CHRF_ORDER, 3) of rows of `chrf_parts`: F of the mean precision and the mean recall."""
    known = parts[(parts[:, 0] > 0) & (parts[:, 1] > 0)]
    if not len(known):
        return 0.0
    precision, recall = (known[:, 2] / known[:, 0]).mean(), (known[:, 2] / known[:, 1]).mean()
    if precision + recall == 0:
        return 0.0
    return float(100 * (1 + RECALL**2) * precision * recall / (RECALL**2 * precision + recall))


def _matches(said: str, truth: str) -> Iterator[tuple[int, int, int]]:
    said, truth = ("".join(text.split()) for text in (said, truth))
    for n in range(1, CHRF_ORDER + 1):
        ours, theirs = (Counter(text[i : i + n] for i in range(len(text) - n + 1)) for text in (said, truth))
        yield ours.total() if theirs else 0, theirs.total(), (ours & theirs).total()
