"""The output and records of the benchmarks; what they measure takes hours and is not tested here."""

from __future__ import annotations

import csv
import sys
from collections import Counter
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import tiny
from benchmarks import accuracy, budget, drift, guarantees, label_errors, results, scenes, starts, table
from benchmarks.__main__ import COMMANDS
from benchmarks.accuracy import TASKS, task_named
from benchmarks.budget import Sitting, parse_arguments
from benchmarks.ctc_tutorial import collapse_ctc, tutorial
from benchmarks.data import SPEAKERS, WORDS, AbsentError, Store, fsdd, write_table
from benchmarks.live import Microphone, TimedSegment, join_recordings, measure_delays_s, split_by_recording
from benchmarks.machine import Pace
from benchmarks.results import Figure, Result, record
from benchmarks.shifts import stress_figures
from benchmarks.spoken import Spoken, recordings
from benchmarks.transcripts import evaluate_texts
from benchmarks.zero_shot import Transcript, figures, fit
from seehear.answers.kind import Headline
from seehear.answers.label import Label, LabelSpec
from seehear.answers.text import Text, Word
from seehear.measure.groups import Group
from seehear.measure.stress import Curve, Level, Stress
from seehear.runtime.live import SegmentPrediction
from seehear.runtime.prediction import ExampleSource, Prediction
from seehear.senses import SENSES
from seehear.senses.hearing.plan import RATE_HZ
from seehear.senses.picture_corruptions import COMMON

PACE = Pace(200.0, "float32")
PRETRAINED = tiny.recipe("image", starts={"image": "efficientnet-lite0"})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(results, "FOLDER", tmp_path / "results")
    monkeypatch.setattr(sys, "argv", ["/x/benchmarks/accuracy.py", "fsdd", "--data", "/x/data", "--seed", "1"])
    return tmp_path / "results"


@pytest.mark.parametrize(
    ("figure", "measured", "target", "met"),
    [
        (Figure("accuracy", 0.9, "%", 0.88, 0.92, at_least=0.9), "90.0 % (88.0 % to 92.0 %)", "≥ 90.0 %", True),
        (Figure("ece", 0.03125, at_most=0.03), "0.0312", "≤ 0.03", False),
        (Figure("memory", 2345.6, "MB", at_most=2000.0), "2,346 MB", "≤ 2,000 MB", False),
        (Figure("import", 0.1, "s"), "0.1 s", "", True),
    ],
)
def test_a_figure_in_words(figure: Figure, measured: str, target: str, met: bool) -> None:
    assert (figure.measured, figure.target, figure.met) == (measured, target, met)


def test_a_share_that_never_varies_has_no_interval() -> None:
    alike = evaluate_texts(["one two", "two"], [Spoken(np.zeros(1, np.float32), said) for said in ("one two", "two")])
    assert accuracy.figure(alike, "insertions") == Figure("insertions", 0.0, "%")


def test_a_record_is_read_back_and_takes_the_place_of_the_one_before(folder: Path, capsys) -> None:
    for value in (0.5, 0.8):
        record("fsdd", "a note", [Figure("accuracy", value, "%", at_least=0.9)], before=PACE, after=PACE)
    result = Result.read(folder / "fsdd.json")
    assert result.figures == (Figure("accuracy", 0.8, "%", at_least=0.9),)
    assert (result.gigaflops, result.precision) == ((200.0, 200.0), "float32")
    assert result.command == "python -m benchmarks.accuracy fsdd --seed 1", "where the data lie is nobody's business"
    assert [path.name for path in folder.iterdir()] == ["fsdd.json"]
    assert "80.0 %                           ≥ 90.0 %  NOT MET" in capsys.readouterr().out


def test_what_is_only_tried_is_not_kept(folder: Path) -> None:
    record("fsdd", "a note", [], before=PACE, after=PACE, keep=False)
    assert not folder.exists()


def test_a_page_shows_every_figure_and_what_was_missed(folder: Path) -> None:
    figures = [Figure("accuracy", 0.8, "%", at_least=0.9), Figure("log_loss", 0.25)]
    record("fsdd", "evaluated on theo", figures, before=PACE, after=PACE)
    page = table.page([Result.read(folder / "fsdd.json")], "\n## Notes\n")
    assert "| [fsdd](#fsdd) | accuracy | 80.0 % | ≥ 90.0 % | **not met** |" in page
    assert "## fsdd\n\nEvaluated on theo.\n\n| figure | measured | target |  |\n| --- | --- | --- | --- |" in page
    assert "| log_loss | 0.25 |  |  |" in page
    assert "in float32 at 200 GFLOP/s before and 200 after." in page
    assert page.endswith(f"{table.MARK}\n## Notes\n")


def test_the_published_page_is_that_of_the_results() -> None:
    published = table.PAGE.read_text(encoding="utf-8")
    kept = [Result.read(path) for path in sorted(results.FOLDER.glob("*.json"))]
    assert table.page(kept, published.partition(table.MARK)[2]) == published


def test_every_benchmark_that_can_be_named_is_there() -> None:
    assert all(find_spec(module) for module, *_ in COMMANDS.values())
    assert COMMANDS.keys() > TASKS.keys()
    assert task_named("fsdd-lucas").accuracy == TASKS["fsdd"].accuracy


def test_standard_minutes_are_longer_on_a_slower_machine() -> None:
    assert PACE.minutes(3) == 6


@pytest.mark.parametrize(
    ("typed", "compare_with"),
    [([], ["ctc", "sphinx"]), (["--compare-with"], []), (["a", "--compare-with", "ctc"], ["ctc"])],
)
def test_other_recognisers_are_measured_unless_turned_off(
    monkeypatch: pytest.MonkeyPatch, typed: list[str], compare_with: list[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmark", *typed])
    assert (
        list(parse_arguments("benchmark", "", ["a", "b"], compare_with=["ctc", "sphinx"]).compare_with) == compare_with
    )


def test_a_gpu_needs_minutes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmark", "--device", "cuda"])
    with pytest.raises(SystemExit):
        parse_arguments("benchmark", "", ["a"])
    assert "set --minutes for cuda" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["benchmark", "--device", "cuda", "--minutes", "5"])
    assert parse_arguments("benchmark", "", ["a"]).minutes == 5


def test_minutes_replace_standard_minutes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "pace", lambda device: PACE)
    for typed, told, minutes in (([], "3 standard minutes", 6), (["--minutes", "5"], "5 minutes", 5)):
        monkeypatch.setattr(sys, "argv", ["benchmark.py", *typed])
        sitting = Sitting.begun("a", 3, parse_arguments("benchmark", "", ["a"]))
        assert sitting.budget.minutes == minutes
        sitting.record("evaluated on b", [], tiny.recipe("image"))
        assert Result.read(folder / "a.json").note == f"{told} from random weights; evaluated on b; seed 0"


def test_a_result_from_a_pretrained_encoder_does_not_replace_the_one_from_random_weights(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "pace", lambda device: PACE)
    monkeypatch.setattr(sys, "argv", ["benchmark.py"])
    sitting = Sitting.begun("a", 3, parse_arguments("benchmark", "", ["a"]))
    for recipe in (tiny.recipe("image"), PRETRAINED):
        sitting.record("evaluated on b", [], recipe)
    assert sorted(path.name for path in folder.iterdir()) == ["a-pretrained.json", "a.json"]
    assert "from efficientnet-lite0; evaluated" in Result.read(folder / "a-pretrained.json").note


def test_both_starts_are_recorded_side_by_side(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(run: starts.Run) -> starts.Measured:
        if run.budget.start == "none":
            return starts.Measured([Figure("accuracy", 0.5, "%", at_least=0.7)], tiny.recipe("image"))
        figures = [Figure("accuracy", 0.8, "%", at_least=0.7), Figure("error among accepted answers", 0.04, "%")]
        return starts.Measured(figures, PRETRAINED)

    monkeypatch.setattr(budget, "pace", lambda device: PACE)
    monkeypatch.setattr(starts, "is_available", lambda start: True)
    monkeypatch.setattr(sys, "argv", ["benchmark.py"])
    options = parse_arguments("benchmark", "", ["few"])
    starts.measure("few", starts.Task(measure, 3, "none of its classes"), Store(folder, folder), options)
    result = Result.read(folder / "starts-few.json")
    assert [figure.from_random for figure in result.figures] == [0.5, None]
    assert (result.start, result.seen.split("; ")[-1]) == ("efficientnet-lite0", "none of its classes")
    page = table.page([result], "")
    assert "| [starts-few](#starts-few) | accuracy | 80.0 % | 50.0 % | ≥ 70.0 % | met |" in page
    assert "| [starts-few](#starts-few) | efficientnet-lite0 | ImageNet" in page
    assert "| error among accepted answers | 4.0 % |  |  |  |" in page


def test_without_a_pretrained_encoder_nothing_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starts, "is_available", lambda start: False)
    monkeypatch.setattr(sys, "argv", ["benchmark.py"])
    options = parse_arguments("benchmark", "", ["cifar10-50"])
    with pytest.raises(AbsentError, match=r"seehear\[start\]"):
        starts.measure("cifar10-50", starts.TASKS["cifar10-50"], Store(tmp_path, tmp_path), options)


def test_few_clips_come_from_all_speakers_in_turn(tmp_path: Path) -> None:
    (tmp_path / "fsdd").mkdir()
    rows = [
        {"audio": f"{speaker}-{word}-{n}.wav", "label": word, "speaker": speaker}
        for speaker in SPEAKERS
        for word in WORDS
        for n in range(3)
    ]
    write_table(tmp_path / "fsdd/examples.csv", rows)
    examples = fsdd(Store(tmp_path, tmp_path), "theo", count=5)
    with examples.train.open(encoding="utf-8", newline="") as lines:
        drawn = list(csv.DictReader(lines))
    assert len({row["audio"] for row in drawn}) == 5 * len(WORDS)
    assert set(Counter(row["label"] for row in drawn).values()) == {5}
    spoken = Counter(row["speaker"] for row in drawn)
    assert set(spoken) == {*SPEAKERS} - {"theo"}
    assert set(spoken.values()) == {12, 13}


def test_frames_are_spelt_without_repetitions_and_blanks() -> None:
    assert collapse_ctc([0, 3, 3, 0, 3, 1, 0, 0, 2, 2], "ab ") == "  ab"


@pytest.mark.slow
def test_the_tutorial_writes_after_each_epoch_until_its_steps_are_over() -> None:
    random = np.random.default_rng(0)
    spoken = [Spoken(random.standard_normal(6_000 + 100 * i).astype(np.float32), "ab ba") for i in range(33)]
    written = tutorial(spoken, spoken[:2], 60.0, steps=3)
    assert [len(texts) for texts in written] == [2, 2], "an epoch of two steps, and half of one"
    assert set("".join(written[-1])) <= set("ab ")


def test_recordings_are_read_as_by_seehear(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.full(4_000, 0.25), 8_000)
    (tmp_path / "said.csv").write_text('audio,text,speaker\na.wav,"Hello, World!",ann\n', encoding="utf-8")
    (spoken,) = recordings(tmp_path / "said.csv")
    assert spoken.text == "hello world"
    assert len(spoken.samples) == 8_000


def told(at_s: float, *words: tuple[str, float], final: bool = False) -> TimedSegment:
    """Words that end at these seconds of the sound, each half a second long."""
    text = Text(tuple(Word(word, end_s - 0.5, end_s) for word, end_s in words))
    return TimedSegment(SegmentPrediction(Prediction(ExampleSource(""), text, 1.0, True), 0.0, at_s, final), at_s)


def test_a_word_stands_when_it_and_all_before_it_are_as_in_the_end() -> None:
    heard = [
        told(1.2, ("one", 1.0)),
        told(1.7, ("own", 1.0), ("two", 1.5)),
        told(2.1, ("one", 1.0), ("two", 1.5), final=True),
        told(5.0, ("six", 4.5), final=True),
    ]
    assert measure_delays_s(heard) == pytest.approx([0.2, 0.6, 0.5])
    assert split_by_recording(heard, [1.4, 3.0]) == ["one two", "", "six"], (
        "two begins before the pause and is half over"
    )
    assert split_by_recording(heard, [1.1, 3.0]) == ["one", "two", "six"]


def test_recordings_run_into_one_sound_with_pauses_between() -> None:
    spoken = [Spoken(np.full(RATE_HZ, level, np.float32), "a") for level in (0.1, 0.2, 0.3)]
    samples, middles_s = join_recordings(spoken, np.random.default_rng(0))
    assert len(middles_s) == 2
    for level, start_s, end_s in zip((0.1, 0.2, 0.3), (0, *middles_s), (*middles_s, None), strict=True):
        end = None if end_s is None else round(end_s * RATE_HZ)
        assert np.isclose(samples[round(start_s * RATE_HZ) : end], level, atol=1e-6).sum() == RATE_HZ


def test_a_microphone_is_never_ahead_of_its_sound() -> None:
    microphone = Microphone(np.zeros(RATE_HZ, np.float32), np.random.default_rng(0))
    heard = 0
    for portion in microphone.portions():
        heard += len(portion)
        assert microphone.tell() >= heard / RATE_HZ
    assert heard == RATE_HZ
    assert microphone.computed_s > 0


def test_what_is_believed_under_shift_is_counted_over_all_corruptions_together() -> None:
    def group(accuracy: float, coverage: float, wrong: float) -> Group:
        metrics = {"accuracy": accuracy, "wrong": 1 - accuracy, "coverage": coverage, "accepted_error": wrong}
        return Group(100, metrics, {})

    sure, silent = group(0.9, 0.5, 0.1), group(0.7, 0.0, float("nan"))
    unsure = group(0.5, 1.0, 0.5)

    def curve(*groups: Group) -> Curve:
        return Curve(tuple(Level("", each) for each in groups))

    levels = {"noise": curve(sure, sure, silent), "blur": curve(silent, silent, unsure)}
    evaluation = replace(
        evaluate_texts(["a"], [Spoken(np.zeros(1, np.float32), "a")]),
        stress=Stress.of(Headline("accuracy", True), group(1.0, 1.0, 0.0), levels),
    )
    told = {each.what: each for each in stress_figures(evaluation, "accuracy", kept=0.75, wrong_at_most=0.05)}
    assert told["accuracy, mean of 2 corruptions, mild"].value == pytest.approx(0.8)
    assert told["accuracy, corrupted relative to clean"].value == pytest.approx(0.7)
    assert not told["accuracy, corrupted relative to clean"].met
    assert told["accuracy under the worst strong corruption: blur"].value == 0.5
    assert told["accepted under mild corruptions"].value == 0.25
    assert told["error among accepted under mild corruptions"].value == pytest.approx(0.1)  # 5 of 50, and 0 of 0
    some = {each.what: each for each in stress_figures(evaluation, "accuracy", among=["noise"])}
    assert some["error among accepted under strong corruptions"].value == 0
    with pytest.raises(ValueError, match="stress=True"):
        list(stress_figures(replace(evaluation, stress=None), "accuracy"))


def test_the_corruptions_that_count_are_known() -> None:
    assert {*scenes.SHIFTS, *COMMON} <= SENSES["image"].corruptions().keys()


def test_confidences_without_training_are_fitted_on_some_speakers_and_tested_on_others() -> None:
    def transcribe(speaker: str, seed: int) -> list[Transcript]:
        """Sentences of six words, of which the unsure ones are mostly wrong."""
        random = np.random.default_rng(seed)
        sure = random.uniform(0.05, 0.95, (60, 6))
        right = random.random((60, 6)) < sure**2
        return [
            Transcript(
                speaker=f"{speaker}{number}",
                truth="a b c d e f",
                words=[(word if yes else "x", each) for word, yes, each in zip("abcdef", *own, strict=True)],
                confidence=0.5,
                cpu_s=1.0,
                duration_s=4.0,
                peak_mb=600.0,
            )
            for number, own in enumerate(zip(right.tolist(), sure.tolist(), strict=True))
        ]

    fitted = fit(transcribe("a", 0))
    assert fitted.measured_on.startswith("60 sentences read by 60 speakers")
    assert fitted.calibration["word_offset"] < -0.3, "the decoder was too sure"
    assert min(wrong for _, wrong in fitted.risk) < fitted.wrong_at_most
    found = {each.what: each.value for each in figures(transcribe("b", 1), fitted)}
    assert found["calibration error of the words (ece)"] < found["the same with the decoder's own confidences"]
    assert found["error among accepted words"] < found["word error rate (wer)"]
    assert (found["computing time as a share of real time, one core"], found["peak memory"]) == (0.25, 600)


def test_promises_are_checked_on_answers_that_did_not_calibrate_them() -> None:
    """A calibrated recogniser of two classes keeps them; one whose confidences are all alike answers nothing."""
    random, spec = np.random.default_rng(0), LabelSpec(classes=("a", "b"), several=False, counts=(1, 1))
    sure = random.beta(8, 1, 600).clip(0.51, 0.99)
    truths = [Label(("a",) if right else ("b",)) for right in random.random(600) < sure]

    def check_all(confidences: Any) -> Any:
        answers = [Label(("a",), confidence=p, probabilities=(p, 1 - p)) for p in confidences]
        answered = guarantees.Answered(spec, guarantees.to_objects(answers), guarantees.to_objects(truths))
        return guarantees.check(answered.take(np.arange(300)), answered.take(np.arange(300, 600)))

    known = check_all(sure)
    assert known.coverage >= 0.88 and 1 <= known.size <= 2
    assert known.accepted > 0.2 and known.wrong < 0.08
    assert check_all(np.full(600, 0.8)).accepted == 0


def test_simulated_inputs_change_as_they_say_and_the_first_alarm_after_it_counts() -> None:
    random = np.random.default_rng(0)
    numbers, classes = drift.Inputs(moved=2.0, of=0.5, frequency=0.4, alike=3).draw(random, 4000)
    assert numbers.shape == (4000, drift.NUMBERS) and (numbers[0] == numbers[2]).all()
    assert numbers.mean(0) == pytest.approx([1, 0, 0, 0, 0], abs=0.1)
    assert numbers[:, 1:].std(0) == pytest.approx(np.ones(4), abs=0.1)
    assert (classes == 0).mean() == pytest.approx(0.4, abs=0.05)
    changing = [(drift.Inputs(), 100), (drift.Inputs(moved=2.0, frequency=0.9), 100)]
    alarms = [*drift.watch(random, 3, 300, changing, 1000)]
    assert {stream for stream, number in alarms if number > 100} == {0, 1, 2}
    assert len(alarms) >= 6, "every stream has a number and a class that change"
    assert drift.to_delay([90, 130, 150], 100) == 30
    assert drift.to_delay([number for _, number in alarms], 200) == np.inf
    (share, middle) = drift.to_figures("moved", [100, np.inf, np.inf], 800)
    assert share.value == pytest.approx(1 / 3)
    assert middle.value == 800 and not middle.met


def test_the_precision_of_suspects_counts_down_to_a_recall() -> None:
    wrong = np.array([True, False, True, True, False, False])
    score = np.array([0.9, 0.8, 0.7, 0.1, 0.2, 0.0])
    assert label_errors.measure_precision(score, wrong) == pytest.approx(3 / 5)  # two of three wrong are not 70 %


def test_wrong_labels_are_judged_against_the_true_ones() -> None:
    true = np.arange(40) % 2
    given = true.copy()
    given[:2] = 1 - given[:2]
    probabilities = np.where(true[:, None] == np.arange(2), 0.98, 0.02)
    values = {
        figure.what: figure.value for figure in label_errors.compare([label_errors.Judged(probabilities, given, true)])
    }
    assert values["accuracy of the models, against the true labels"] == 1
    assert values["precision of the list, ours"] == values["recall of the list, ours"] == 1
    assert values["share of the examples listed, ours"] == pytest.approx(0.05)
