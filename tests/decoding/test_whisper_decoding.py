"""Whisper's decoder as the search sees it: prompts, languages, loops and times."""

from __future__ import annotations

import base64
import zlib

import numpy as np
import pytest
import torch

from seehear.decoding.autoregressive import search_decoder
from seehear.decoding.byte_vocabulary import ByteVocabulary
from seehear.decoding.whisper import WhisperRunner, find_loop
from seehear.errors import BundleError, DataError
from tiny_whisper import ONE, SPEC, VOCABULARY, Dictation, make_decoder, make_memory, make_run


def test_a_vocabulary_is_packed_and_unpacked() -> None:
    assert ByteVocabulary.unpack(VOCABULARY.pack()) == VOCABULARY


@pytest.mark.parametrize(
    "packed",
    ["", "?", "AAAA", base64.b64encode(zlib.compress(b"\xff\xff\xff\xff\x01a")).decode(), VOCABULARY.pack()[:-8]],
)
def test_an_invalid_vocabulary_is_refused(packed: str) -> None:
    with pytest.raises(DataError, match="vocabulary"):
        ByteVocabulary.unpack(packed)


def test_a_vocabulary_is_read_from_the_letters_of_a_tokenizer() -> None:
    vocabulary = ByteVocabulary.from_letters({"a": 0, "Ġthe": 1, "Ã": 2, "¼": 3})
    assert vocabulary.tokens == (b"a", b" the", b"\xc3", b"\xbc")
    assert vocabulary.decode([1, 2, 3]) == " the\u00fc"
    with pytest.raises(DataError, match="without gaps"):
        ByteVocabulary.from_letters({"a": 1})


def test_the_prompt_names_language_and_task() -> None:
    special = SPEC.special  # 270 tokens of text, then the end, the start, and 3 languages
    assert special.build_prompt("de", translate=False) == (271, 273, 276, 280)
    assert special.build_prompt("de", translate=True) == (271, 273, 275, 280)
    assert SPEC.tokens == 281 + 1501


def test_only_the_end_and_text_that_is_said_may_be_written() -> None:
    first, later = SPEC.special.forbidden
    assert np.isinf(first[[ord(" "), SPEC.special.text, ord("["), ord("#")]]).all()
    assert np.isinf(later[[ord("["), ord("#")]]).all()
    assert np.isfinite(later[[ord(" "), SPEC.special.text, ord("a"), ord("-"), ord("'")]]).all()


def test_the_cached_past_changes_nothing() -> None:
    """Decoding token by token, with keys and values of the past, equals decoding all at once."""
    decoder = make_decoder()
    memory, special = make_memory(decoder), SPEC.special
    runner = WhisperRunner(make_run(decoder), memory, 50, special, language="fr")
    state, tokens = runner.start(2), [[special.text, 5, 6], [special.text, 7, 8]]
    stepped = []
    for column in np.array(tokens).T:
        logp, state = runner.step(column[:, None], state)
        stepped.append(logp[:, 0])
    whole = torch.tensor([[*special.build_prompt("fr", False), *row[1:]] for row in tokens])
    past = [torch.zeros(2, SPEC.heads, 0, 8)] * 4
    cross = [torch.from_numpy(each)[None] for each in memory.values()]
    logits, attention, _ = decoder(whole, past, cross)
    assert attention.shape == (2, 2, 6, 50)
    for i, logp in enumerate(stepped):
        own = logits[:, 3 + i, : special.text + 1].double() + torch.from_numpy(special.forbidden[min(i, 1)])
        np.testing.assert_allclose(logp, own.log_softmax(1), atol=1e-4)


@pytest.mark.parametrize("beams", [1, 3])
def test_the_search_writes_what_the_network_writes(beams: int) -> None:
    network = Dictation((ONE, ONE + 1, ONE + 2), frames=80)
    runner = WhisperRunner(network, _cross(network), 80, SPEC.special)
    best = max(search_decoder(runner, None, 0.0, beams=beams), key=lambda each: sum(each.logp))
    assert best.token_ids == (ONE, ONE + 1, ONE + 2)
    assert runner.language == "de"
    assert runner.languages["de"] > 0.99


def test_a_given_language_is_used() -> None:
    network = Dictation((ONE,), frames=10)
    assert WhisperRunner(network, _cross(network), 10, SPEC.special, language="en").language == "en"


def test_words_are_aligned_by_attention() -> None:
    network = Dictation((ONE, ONE + 1, ONE + 2), frames=80)
    runner = WhisperRunner(network, _cross(network), 80, SPEC.special)
    np.testing.assert_allclose(runner.align((ONE, ONE + 1, ONE + 2)), [0, 20, 40, 60], atol=3)


def test_more_tokens_than_frames_are_placed_evenly() -> None:
    network = Dictation((5,) * 7, frames=4)
    runner = WhisperRunner(network, _cross(network), 4, SPEC.special)
    assert runner.align((5,) * 7).tolist() == [0, 0, 1, 1, 2, 2, 3, 4]


@pytest.mark.parametrize(
    ("tokens", "cut"), [([1, 2, 3], 0), ([1, *[2] * 12], 11), ([9, *[1, 2, 3] * 5], 12), ([*[1, 2, 3] * 2], 0), ([], 0)]
)
def test_loops_are_found(tokens: list[int], cut: int) -> None:
    assert find_loop(tokens) == cut


def test_an_endless_text_is_cut() -> None:
    network = Dictation((ONE,) * 300, frames=200)
    runner = WhisperRunner(network, _cross(network), 200, SPEC.special)
    (sequence,) = search_decoder(runner, None, 0.0, beams=1)
    assert len(sequence.token_ids) == 12


def test_a_network_of_another_vocabulary_is_refused() -> None:
    network = Dictation((ONE,), frames=10)
    other = SPEC.model_copy(update={"languages": ("en",)}).model_validate(SPEC.model_dump() | {"languages": ("en",)})
    with pytest.raises(BundleError, match="logits of shape"):
        WhisperRunner(network, _cross(network), 10, other.special)


def _cross(network: Dictation) -> dict[str, np.ndarray]:
    return {name: each for name, each in network.memory().items() if name.startswith("cross_")}
