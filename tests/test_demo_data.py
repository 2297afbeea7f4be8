"""The data of the demo: real handwriting, synthetic voices, reproducible."""

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from seehear.demo import digits, espeak
from seehear.demo.digits import TEST_VOICES, TRAIN_VOICES, make_digits
from seehear.errors import UsageError
from seehear.events import Advanced, Event, Finished, Started


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_digits(tmp_path_factory.mktemp("demo"), limit=6)


def _rows(table):
    with table.open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_row_has_a_picture_and_a_recording(made):
    for table in (made.train, made.test):
        rows = _rows(table)
        assert len(rows) == 6
        for row in rows:
            assert Image.open(table.parent / row["image"]).size == (digits.SIDE_PX, digits.SIDE_PX)
            samples, rate_hz = soundfile.read(table.parent / row["audio"])
            assert 0.2 < len(samples) / rate_hz < 3 and 0.2 < np.abs(samples).max() < 0.6


def test_training_and_test_have_different_voices(made):
    voices = [{row["speaker"].partition("+")[2] for row in _rows(table)} for table in (made.train, made.test)]
    assert voices[0] <= set(TRAIN_VOICES) and voices[1] <= set(TEST_VOICES)
    assert not set(TRAIN_VOICES) & set(TEST_VOICES)


def test_espeak_has_every_voice():
    import espeakng_loader

    available = {path.name for path in Path(espeakng_loader.get_data_path(), "voices", "!v").iterdir()}
    assert set(TRAIN_VOICES) | set(TEST_VOICES) <= available
    for accent in digits.ACCENTS:
        espeak.speak("one", accent)


def test_labels_match_the_scans(made):
    from sklearn.datasets import load_digits

    target = load_digits().target
    assert [int(row["label"]) for row in _rows(made.train)] == target[:6].tolist()
    assert [int(row["label"]) for row in _rows(made.test)] == target[-digits.TEST_EXAMPLES :][:6].tolist()


def test_the_same_seed_makes_the_same_data(made, tmp_path):
    again, other = make_digits(tmp_path / "again", limit=3), make_digits(tmp_path / "other", limit=3, seed=1)
    first = _rows(made.train)[:3]
    assert _rows(again.train) == first and _rows(other.train) != first
    for row in first:
        picture = (made.train.parent / row["image"]).read_bytes()
        assert (again.train.parent / row["image"]).read_bytes() == picture
        assert (other.train.parent / row["image"]).read_bytes() != picture


def test_things_that_are_not_digits_come_in_pairs(made):
    for folder in made.not_digits:
        names = sorted(path.name for path in folder.iterdir())
        assert names == sorted(f"{i:02d}.{suffix}" for i in range(6) for suffix in ("png", "wav"))


def test_progress_is_reported(tmp_path):
    events: list[Event] = []
    make_digits(tmp_path, limit=2, listen=events.append)
    task = "making train.csv"
    assert events[:4] == [
        Started(task, 2, "examples"),
        Advanced(task, 1),
        Advanced(task, 2),
        Finished(task, "2 examples"),
    ]


def test_speed_and_voice_change_the_sound():
    slow, rate_hz = espeak.speak("seven", "en-us+f3", words_per_minute=130)
    fast, _ = espeak.speak("seven", "en-us+f3", words_per_minute=250)
    other, _ = espeak.speak("seven", "en-us+m2", words_per_minute=250)
    assert rate_hz == 22_050
    assert len(fast) < 0.8 * len(slow)
    assert len(other) != len(fast) or not np.array_equal(other, fast)


def test_an_unknown_voice_is_refused():
    with pytest.raises(UsageError, match="xx-nowhere: espeak-ng has no such voice"):
        espeak.speak("one", "xx-nowhere")
