"""Live sound: where segments begin and end, and their preliminary answers."""

from __future__ import annotations

import json
import subprocess
import sys
from copy import deepcopy
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny
from seehear.errors import InputError, UsageError
from seehear.runtime.bundle import write_bundle
from seehear.runtime.live import NEW_FRACTION, UPDATE_EVERY_S, live
from seehear.runtime.options import PredictOptions
from seehear.runtime.predictor import Predictor
from seehear.senses.hearing.plan import RATE_HZ
from seehear.senses.hearing.voice_activity import LONGEST_S, PAUSE_S, TAIL_S, Segment, VoiceActivityDetector
from subprocesses import source_environment


def sound(*seconds: float, noise: float = 0.001, tone: float = 0.3) -> np.ndarray:
    """Silence, tone, silence, tone, ..., of these durations, all in faint noise."""
    loud = np.concatenate([np.full(round(s * RATE_HZ), i % 2) for i, s in enumerate(seconds)])
    time_s = np.arange(len(loud)) / RATE_HZ
    noisy = noise * np.random.default_rng(0).standard_normal(len(loud))
    return (loud * tone * np.sign(np.sin(2 * np.pi * 440 * time_s)) + noisy).astype(np.float32)


def segments(samples: np.ndarray, portions: list[int] | None = None) -> list[Segment]:
    detector = VoiceActivityDetector()
    cuts = np.cumsum(portions or [])
    fed = [segment for portion in np.split(samples, cuts[cuts < len(samples)]) for segment in detector.feed(portion)]
    return fed + detector.finish()


def test_segments_lie_where_there_is_sound() -> None:
    first, second = segments(sound(1, 0.8, 1.5, 0.4, 1))
    assert first.start_s == pytest.approx(1.0, abs=0.35)
    assert 1.8 <= first.end_s <= 1.8 + TAIL_S + 0.1
    assert second.start_s == pytest.approx(3.3, abs=0.35)
    assert first.start_s <= 1.0
    assert second.start_s <= 3.3


def test_a_short_pause_does_not_end_a_segment() -> None:
    assert len(segments(sound(1, 0.5, PAUSE_S - 0.2, 0.5, 1))) == 1


@pytest.mark.parametrize("samples", [np.zeros(3 * RATE_HZ, np.float32), sound(5), sound(5, noise=0.05), sound(1)[:0]])
def test_silence_and_steady_noise_are_not_segments(samples: np.ndarray) -> None:
    assert segments(samples) == []


def test_a_sound_is_found_in_noise() -> None:
    (found,) = segments(sound(2, 1, 2, noise=0.03))
    assert found.start_s == pytest.approx(2, abs=0.35)


def test_endless_sound_is_cut_without_loss() -> None:
    parts = segments(sound(0.5, *[0.2, 0.1] * 134, 1))
    assert max(part.end_s - part.start_s for part in parts) <= LONGEST_S
    for before, after in pairwise(parts):
        assert after.start_s == pytest.approx(before.end_s)
    assert parts[-1].end_s - parts[0].start_s > 40


FED_S = 14  # of a sound that starts at 0.5 s


@cache
def sounding() -> VoiceActivityDetector:
    """A detector that has been fed FED_S of sound without a pause."""
    detector = VoiceActivityDetector()
    assert detector.feed(sound(0.5, FED_S - 0.5)) == []
    return detector


@pytest.mark.parametrize("ends_s", np.arange(14.3, 15.1, 0.02).tolist())
def test_silence_after_a_cut_is_not_a_segment(ends_s: float) -> None:
    detector = deepcopy(sounding())
    found = detector.feed(sound(0.5, ends_s, 2)[FED_S * RATE_HZ :]) + detector.finish()
    assert all(np.abs(segment.samples).max() > 0.1 for segment in found)
    assert sum(np.count_nonzero(np.abs(each.samples) > 0.1) for each in found) == round(ends_s * RATE_HZ)


@given(st.lists(st.integers(1, 20_000), max_size=12))
@settings(max_examples=25)
def test_chunk_sizes_do_not_matter(portions: list[int]) -> None:
    samples = sound(0.7, 0.6, 0.8, 0.5, 0.3)
    whole, parts = segments(samples), segments(samples, portions)
    assert [(s.start_s, s.end_s) for s in whole] == [(s.start_s, s.end_s) for s in parts]
    assert all(np.array_equal(a.samples, b.samples) for a, b in zip(whole, parts, strict=True))


def portions(samples: np.ndarray) -> list[np.ndarray]:
    return np.array_split(samples, max(1, len(samples) // 800))


def test_preliminary_answers_come_before_the_final_one() -> None:
    """The tiny recogniser answers "bright" for loud sounds."""
    heard = list(live(Predictor(tiny.bundle("audio")), portions(sound(0.5, 2, 0.8, tone=0.9))))
    *guesses, last = heard
    assert [each.final for each in heard] == [False] * len(guesses) + [True]
    assert len(guesses) >= 3
    assert str(last.prediction.answer) == "bright"
    assert last.prediction.input == f"{last.start_s:.2f} s to {last.end_s:.2f} s"
    assert last.to_json()["final"] is True


def test_preliminary_answers_to_a_long_segment_are_proportionally_rarer() -> None:
    *guesses, last = live(Predictor(tiny.bundle("audio")), portions(sound(0.5, *[0.2, 0.1] * 40, 0.8, tone=0.9)))
    assert last.end_s - last.start_s > 10
    ends_s = [guess.end_s for guess in guesses]
    for before_s, after_s in pairwise(ends_s):
        due_s = max(UPDATE_EVERY_S, NEW_FRACTION * (after_s - last.start_s))
        assert due_s - 0.02 <= after_s - before_s <= due_s + 0.15, "as soon as it is due, in portions of 50 ms"


def test_a_preliminary_answer_covers_the_whole_segment_so_far() -> None:
    samples = sound(0.5, 2, 0.8)
    detector = VoiceActivityDetector()
    assert detector.active_span is None
    assert detector.feed(samples[: 2 * RATE_HZ]) == []
    so_far = detector.current_segment()
    assert detector.active_span == pytest.approx((so_far.start_s, so_far.end_s))
    assert so_far.end_s == pytest.approx(2.0)
    assert not so_far.finished and not detector.in_pause
    assert np.array_equal(so_far.samples, samples[round(so_far.start_s * RATE_HZ) : 2 * RATE_HZ])
    (whole,) = detector.feed(samples[2 * RATE_HZ :])
    assert detector.active_span is None
    assert np.array_equal(so_far.samples, whole.samples[: len(so_far.samples)])


def test_the_answer_at_the_start_of_a_pause_becomes_the_final_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recogniser = Predictor(tiny.bundle("audio"))
    asked: list[int] = []
    ask = recogniser.predict_one

    def counted(example: Any, options: PredictOptions) -> Any:
        asked.append(len(example["audio"][0]))
        return ask(example, options)

    monkeypatch.setattr(recogniser, "predict_one", counted)
    *guesses, last = live(recogniser, portions(sound(0.5, 1, 0.8, tone=0.9)))
    assert (last.start_s, last.end_s) == (guesses[-1].start_s, guesses[-1].end_s)
    assert last.prediction == guesses[-1].prediction
    assert len(asked) == len(guesses)
    assert last.end_s == pytest.approx(1.5 + TAIL_S, abs=0.1)


def test_a_chunk_may_have_any_sample_format() -> None:
    usual = sound(0.5, 0.4, 1, tone=0.9)
    forms = (usual, usual.astype(float), np.rint(usual * 32768).astype(np.int16), np.stack([usual, usual], 1))
    ends = [[heard.end_s for heard in live(Predictor(tiny.bundle("audio")), [form])] for form in forms]
    assert ends[0] and ends[1:] == ends[:1] * 3


@pytest.mark.parametrize("portion", [np.array([0.1, np.nan], np.float32), np.float32(0.1), np.array(["a"])])
def test_chunks_that_are_not_sound_are_refused(portion: Any) -> None:
    with pytest.raises(InputError, match=r"not numbers|array"):
        list(live(Predictor(tiny.bundle("audio")), [portion]))


def test_live_sound_needs_a_recogniser_with_hearing() -> None:
    with pytest.raises(UsageError, match="does not hear"):
        next(live(Predictor(tiny.bundle("image")), [sound(0.1)]))


def test_the_command_line_answers_raw_sound_from_stdin(tmp_path: Path) -> None:
    write_bundle(tmp_path / "loud.seehear", tiny.bundle("audio"))
    samples = (sound(0.5, 2, 0.8, tone=0.9) * 32767).astype("<i2")
    raw = samples.tobytes()
    command = [sys.executable, "-m", "seehear", "predict", str(tmp_path / "loud.seehear")]
    environment = source_environment()
    done = subprocess.run(
        [*command, "--live", "--json", "-"], input=raw, env=environment, capture_output=True, check=True
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["final"] for line in lines][-1] is True
    assert lines[-1]["answer"] == {"label": "bright"}
    soundfile.write(tmp_path / "a.wav", samples, RATE_HZ)
    recorded = subprocess.run([*command, "--live", "--json", tmp_path / "a.wav"], env=environment, capture_output=True)
    assert recorded.stdout == done.stdout
    refused = subprocess.run([*command, "--live", "a.wav", "b.wav"], env=environment, capture_output=True, check=False)
    assert refused.returncode == 2
    assert b"--live with a.wav b.wav. Allowed: predict MODEL --live - or one recording" in refused.stderr
