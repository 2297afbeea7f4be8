"""The search over a decoder network, compared with scoring every sequence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest

from random_decoder import CELLS, make_decoder_network, make_memory
from seehear.decoding.autoregressive import ConditionedDecoder, rank_sequences, search_decoder
from seehear.decoding.hotwords import Hotwords
from seehear.decoding.language_model import LanguageModel
from seehear.decoding.ngrams import NGramCounts
from seehear.errors import BundleError

V = 2
Array = np.ndarray[Any, Any]


def make_decoder(seed: int, vocabulary: int = V) -> ConditionedDecoder:
    return ConditionedDecoder(make_decoder_network(seed, vocabulary), make_memory(), V)


def list_sequences(max_length: int) -> list[tuple[int, ...]]:
    return [sequence for length in range(max_length + 1) for sequence in product(range(V), repeat=length)]


def test_scoring_in_one_run_equals_scoring_token_by_token() -> None:
    decoder = make_decoder(0)
    sequences = list_sequences(3)
    for sequence, total in zip(sequences, decoder.score(sequences), strict=True):
        state, last, alone = decoder.start(1), V, 0.0
        for token in (*sequence, V):
            logp, state = decoder.step(np.array([[last]]), state)
            alone, last = alone + logp[0, 0, token], token
        assert total == pytest.approx(alone, abs=1e-6)


def test_outputs_of_another_shape_are_refused() -> None:
    decoder = make_decoder(0, vocabulary=V + 1)
    with pytest.raises(BundleError, match=r"the decoder gives logp of shape \(1, 1, 4\). Allowed: \(1, 1, 3\), finite"):
        decoder.step(np.array([[0]]), decoder.start(1))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("hotword_weight", [0.0, 1.3])
def test_wide_search_finds_every_sequence(seed: int, hotword_weight: float) -> None:
    decoder, hotwords = make_decoder(seed), Hotwords.compile([(1, 0)], V, space=None)
    found = {each.token_ids: each for each in search_decoder(decoder, hotwords, hotword_weight, beams=1000)}
    assert sorted(found) == sorted(list_sequences(CELLS))
    for tokens, total in zip(found, decoder.score(list(found)), strict=True):
        assert sum(found[tokens].logp) == pytest.approx(total, abs=1e-6)
        occurrences = sum(tokens[i : i + 2] == (1, 0) for i in range(len(tokens) - 1))
        assert found[tokens].hotword_bonus == pytest.approx(2 * hotword_weight * occurrences, abs=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_narrow_search_finds_nearly_the_best(seed: int) -> None:
    decoder = make_decoder(seed)
    best = max(decoder.score(list_sequences(CELLS)))
    found = max(sum(each.logp) for each in search_decoder(decoder, None, 0.0, beams=4))
    assert found > best - 0.7


def test_search_stops_a_decoder_that_never_ends() -> None:
    def run(inputs: Mapping[str, Array]) -> dict[str, Array]:
        logp = np.log([0.5, 0.5 - 1e-9, 1e-9])
        return {"logp": np.tile(logp, (*inputs["tokens"].shape, 1)), "next_state": inputs["state"]}

    found = search_decoder(ConditionedDecoder(run, make_memory(), V), None, 0.0, beams=2)
    assert max(len(each.token_ids) for each in found) == CELLS + 1


def test_ranking_follows_the_formula() -> None:
    decoder = make_decoder(1)
    language_model = LanguageModel.from_counts(NGramCounts.count_sentences([[0, 1], [1, 1, 0]], V, min_count=1))
    sequences = search_decoder(decoder, None, 0.0, beams=1000)

    def score(tokens: Sequence[int]) -> float:
        logp = decoder.score([tokens])[0] + 0.7 * language_model.score(tokens)
        return float(logp / ((5 + len(tokens)) / 6))

    ranked = rank_sequences(sequences, language_model, language_weight=0.7, length_exponent=1.0)
    scores = [score(each.token_ids) for each in ranked]
    assert scores == sorted(scores, reverse=True)
