"""Concatenation augmentation: nothing is lost, the senses stay aligned, and batches do not grow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learning import SPECS, recipe_for
from present import present
from seehear.answers import ANSWERS
from seehear.learn.data.cache import Example
from seehear.learn.data.concatenation import LONGEST_S, MOST, concatenate
from seehear.recipe import Recipe
from seehear.senses import SENSES

TEXT = ANSWERS["text"]
BOTH = recipe_for("text", ("audio", "lips"))
SPEC: Any = BOTH.answer
WORDS = ("a", "b a", "", "ab")


def spoken(number: int, seconds: float, recipe: Recipe = BOTH) -> Example:
    """An example whose samples all equal its number, from 1 on, as do its pictures except the first."""
    arrays: dict[str, np.ndarray] = {
        "audio": np.full(round(seconds * 16_000), number / 100, np.float32),
        "lips": np.full((int(seconds * 25) + 1, 16, 24), number, np.uint8),
    }
    arrays["lips"][0] = 0
    truth = TEXT.read(WORDS[number % len(WORDS)], recipe.answer)
    return Example({name: arrays[name] for name in recipe.senses}, TEXT.target(truth, recipe.answer, None))


def text(examples: list[Example]) -> str:
    return " ".join(SPEC.decode(example.target["tokens"]) for example in examples).strip()


@settings(max_examples=30)
@given(st.lists(st.floats(0.3, 4.0), min_size=2, max_size=12), st.integers(0, 99))
def test_everything_is_kept_in_order_and_aligned_for_all_senses(seconds: list[float], seed: int) -> None:
    examples = [spoken(number, each) for number, each in enumerate(seconds, 1)]
    longer = concatenate(examples, BOTH, np.random.default_rng(seed))
    heard = [np.rint(100 * example.arrays["audio"]).astype(int) for example in longer]
    seen = [example.arrays["lips"][:, 0, 0] for example in longer]
    lasting = [int((np.concatenate(heard) == number).sum()) for number in range(1, len(examples) + 1)]
    assert lasting.count(0) == 1  # made way for silence
    kept = [example for example, samples in zip(examples, lasting, strict=True) if samples]
    assert [samples for samples in lasting if samples] == [len(example.arrays["audio"]) for example in kept]
    assert text(longer).split() == text(kept).split()
    for sound, pictures in zip(heard, seen, strict=True):
        for number in filter(None, np.unique(sound)):
            assert np.argmax(sound == number) / 16_000 == (np.argmax(pictures == number) - 1) / 25


def test_a_random_number_of_examples_is_concatenated() -> None:
    examples = [spoken(number, 0.5) for number in range(1, 13)]
    sizes = {len(concatenate(examples, BOTH, np.random.default_rng(seed))) for seed in range(40)}
    assert sizes == {12 // each for each in range(1, MOST + 1) if 12 // each % 2 == 0} == {12, 6, 4}


def test_an_example_of_silence_and_a_still_mouth_is_added() -> None:
    examples = [spoken(number, 0.52) for number in (1, 2)]
    alone = []
    for random in map(np.random.default_rng, range(30)):
        longer = concatenate(examples, BOTH, random)
        heard = np.concatenate([example.arrays["audio"] for example in longer])
        assert (heard == 0).sum() >= len(examples[0].arrays["audio"])
        alone += [example for example in longer if not example.arrays["audio"].any()]
    assert alone
    assert not any(example.arrays["lips"].any() for example in alone)
    assert all(len(example.target["tokens"]) == 0 == example.target["length"] for example in alone)


def test_batches_do_not_grow() -> None:
    """Except by the pauses and the blank example."""
    examples = [spoken(number, 0.5 + number / 50) for number in range(1, 13)]
    audio = [
        SENSES["audio"].collate(
            [example.arrays["audio"] for example in concatenate(examples, BOTH, random)], SPECS["audio"]
        )
        for random in map(np.random.default_rng, range(20))
    ]
    alone = max(len(example.arrays["audio"]) for example in examples) * 12
    assert max(batch["audio"].size for batch in audio) < 1.7 * alone


@pytest.mark.parametrize(
    ("recipe", "seconds", "lacking"),
    [
        pytest.param(BOTH, 0.5, "lips", id="those of other senses"),
        pytest.param(recipe_for("label", ("audio",)), 0.5, "", id="what has no answer together"),
    ],
)
def test_batches_that_cannot_be_concatenated_stay_as_they_are(recipe: Recipe, seconds: float, lacking: str) -> None:
    examples = [spoken(number, seconds) for number in range(1, 5)]
    examples[1].arrays.pop(lacking, None)
    for seed in range(9):
        assert concatenate(examples, recipe, np.random.default_rng(seed)) == examples


def test_long_examples_stay_as_they_are() -> None:
    examples = [spoken(number, LONGEST_S / 2 + 1) for number in range(1, 5)]
    for seed in range(9):
        longer = concatenate(examples, BOTH, np.random.default_rng(seed))
        assert len(longer) == 4
        spoken_still = [example for example in longer if example.arrays["audio"].any()]
        assert len(spoken_still) == 3 and {*map(id, spoken_still)} < {*map(id, examples)}


def test_texts_are_joined_with_spaces() -> None:
    spec = BOTH.answer
    for words in (["a", "b a"], ["", "a"], ["a", ""], ["", ""], ["ab", "", "b"]):
        targets = [TEXT.target(TEXT.read(each, spec), spec, None) for each in words]
        whole = TEXT.target(TEXT.read(" ".join(words), spec), spec, None)
        together = present(TEXT.concatenation).targets(targets, spec)
        assert together.keys() == whole.keys()
        assert all(np.array_equal(together[name], whole[name]) for name in whole)
        assert all(together[name].dtype == whole[name].dtype for name in whole)
