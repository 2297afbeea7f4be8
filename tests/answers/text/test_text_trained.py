"""A recogniser trained on single words (tones): it transcribes several words, and nothing in silence."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from seehear import api
from seehear.recipe import Recipe, Training
from seehear.senses.hearing.plan import RATE_HZ, ConvRecurrent, HearingSpec

TONES_HZ = {"ba": 400, "ke": 900, "zo": 1800}
WORD_S, PAUSE_S = 0.2, (0.0, 0.2)
TRAINED, TESTED = 160, 20


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> api.Recogniser:
    folder = tmp_path_factory.mktemp("words")
    data = write_recordings(folder, TRAINED, (1, 1))
    hearing = HearingSpec(
        longest_s=60,
        encoder=ConvRecurrent(top_hz=4000, mels=16, stages=(8, 8, 16), width=32),
        requires_full_input=True,
        augmentation_strength=0.2,
    )
    settings = Training(minutes=3, steps=200, batch=32, learning_rate=0.004, held_out=0.25)
    spec = api.plan(data, steps=1).answer
    recipe = Recipe(senses={"audio": hearing}, kind="text", answer=spec, width=32, training=settings)
    return api.train(data, folder / "m.seehear", recipe=recipe)


def write_recordings(folder: Path, n: int, words: tuple[int, int], seed: int = 0) -> Path:
    """Recordings of tones in faint noise; `words` is the range of words in each."""
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        spoken = random.choice(list(TONES_HZ), random.integers(words[0], words[1] + 1)).tolist()
        soundfile.write(folder / f"{i}.wav", synthesise(spoken, random), RATE_HZ)
        rows.append(f"{i}.wav,{' '.join(spoken)}")
    (folder / "examples.csv").write_text("\n".join(["audio,text", *rows]) + "\n")
    return folder / "examples.csv"


def synthesise(words: Sequence[str], random: np.random.Generator) -> np.ndarray:
    seconds = np.arange(int(WORD_S * RATE_HZ)) / RATE_HZ
    parts = []
    for word in words:
        parts.append(np.zeros(int(random.uniform(*PAUSE_S) * RATE_HZ)))
        parts.append(0.3 * np.sin(2 * np.pi * TONES_HZ[word] * seconds) * np.hanning(len(seconds)))
    sound = np.concatenate(parts)
    return sound + 0.003 * random.normal(size=len(sound))


@pytest.mark.slow
@pytest.mark.xdist_group("words")
@pytest.mark.parametrize(("words", "most_wrong"), [((1, 1), 0.05), ((4, 6), 0.2)], ids=str)
def test_training_on_single_words_is_enough_for_several(
    model: api.Recogniser, words: tuple[int, int], most_wrong: float, tmp_path: Path
) -> None:
    assert model.evaluate(write_recordings(tmp_path / "new", TESTED, words, seed=1)).metrics["wer"] <= most_wrong


@pytest.mark.slow
@pytest.mark.xdist_group("words")
@pytest.mark.parametrize("seconds", [0.3, 2.0, 8.0])
def test_no_words_without_speech(model: api.Recogniser, seconds: float) -> None:
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    hiss = 0.001 * np.random.default_rng(0).normal(size=len(time_s))
    hum = np.sin(2 * np.pi * 50 * time_s)
    sounds = {
        "silence": 0 * time_s,
        "hiss": hiss,
        "hum": 0.1 * hum + hiss,
        "loud hum": 0.5 * hum,
        "a click": np.where(np.arange(len(time_s)) == len(time_s) // 2, 0.5, 0.0),
    }
    predictions = model.predict([(sound.astype(np.float32), RATE_HZ) for sound in sounds.values()])
    answers = {name: str(prediction.answer) for name, prediction in zip(sounds, predictions, strict=True)}
    assert answers == dict.fromkeys(sounds, "")


@pytest.mark.slow
@pytest.mark.xdist_group("words")
def test_loud_noise_is_not_accepted(model: api.Recogniser) -> None:
    random = np.random.default_rng(0)
    for loudness in (0.01, 0.1):
        prediction = model.predict((loudness * random.normal(size=2 * RATE_HZ).astype(np.float32), RATE_HZ))
        assert not prediction.accepted
        assert "unlike the training data" in prediction.reason
