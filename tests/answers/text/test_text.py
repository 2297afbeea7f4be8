"""Texts: normalisation, plan, answers, metrics, calibration, hotwords."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

import scribe
from present import present
from seehear.answers import ANSWERS
from seehear.answers.platt_scaling import apply_platt, fit_platt
from seehear.answers.text import Text, Word, plan
from seehear.answers.text.answer import NBest, build_text
from seehear.answers.text.normalisation import normalise
from seehear.api import Recogniser
from seehear.decoding.hypothesis import Hypothesis, Token
from seehear.errors import DataError, InputError, UsageError
from seehear.geometry import Geometry, Grid, Warp
from seehear.measure.scored_answers import ScoredAnswers, compute_metrics
from seehear.senses.hearing.plan import RATE_HZ
from transcripts import CELL_S, TEXTS, make_ambiguous_raw, make_raw, plan_spec, tune_and_calibrate

TEXT = ANSWERS["text"]
DECODING = present(TEXT.decoding)
SAMPLES = Grid((32_000,), 1 / 16_000, "s")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Don’t stop, please!", "don't stop please"),
        ("  montre-moi   ta 'blessure' ", "montre-moi ta blessure"),
        ("É" + "e\u0301", "éé"),
        ("kyéma yeékirá — ikóó", "kyéma yeékirá ikóó"),
        ("Room 12, 3.5%", "room 12 3 5"),
        ("...", ""),
        ("你好。", "你好"),
        ("ma˥˩", "ma˥˩"),
        ("co\u00adope\u200brate", "cooperate"),
    ],
)
def test_normalisation(written: str, expected: str) -> None:
    assert normalise(written) == expected


@given(st.text())
def test_normalised_text_stays_as_it_is(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
    assert once == " ".join(once.split())


def test_a_text_too_long_for_the_recording_is_refused() -> None:
    here, spec = Geometry(Warp((1.0,), (0.0,)), SAMPLES, SAMPLES), plan_spec()
    assert TEXT.target(Text.from_string("one two three" * 9), spec, here)["length"] == 117
    with pytest.raises(
        InputError, match=r"130 letters in 2 seconds: nobody speaks that fast\. Next: check that the text"
    ):
        TEXT.target(Text.from_string("one two three" * 10), spec, here)
    TEXT.check(Text(()), Text.from_string("one two three" * 9), 2.0)
    with pytest.raises(InputError, match="130 letters in 2 seconds"):
        TEXT.check(Text(()), Text.from_string("one two three" * 10), 2.0)


def test_evaluation_skips_a_text_too_long_for_the_recording(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(RATE_HZ, np.float32), RATE_HZ)
    (tmp_path / "t.csv").write_text(f"audio,text\na.wav,a b\na.wav,{'a b ' * 20}\n")
    judged = Recogniser(scribe.bundle()).evaluate(tmp_path / "t.csv")
    assert (judged.n, judged.metrics["wrong"]) == (1, 0.0)
    (problem,) = judged.skipped
    assert problem.what == "79 letters in 1 second: nobody speaks that fast"


def test_plan_finds_letters_and_counts_words() -> None:
    spec = plan_spec()
    assert spec.tokens == (" ", "e", "h", "n", "o", "r", "t", "w")
    assert (spec.texts, spec.words) == (20, 3)
    assert "8 letters (ehnortw)" in str(spec)


def test_plan_keeps_the_most_frequent_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "MAX_LETTERS", 3)
    assert TEXT.plan(["aab b", "ccc d", "cab d"] * 3, "text").tokens == (" ", "a", "b", "c")


def test_lines_in_unknown_letters_do_not_change_the_language_model() -> None:
    spec = plan_spec()
    assert DECODING.with_language_model(spec, ["привет", "да нет"] * 50).ngrams == spec.ngrams
    assert spec.encode("one привет two") == spec.encode("one two")


def test_confidence_stays_in_range_if_the_best_hypothesis_has_not_the_best_score() -> None:
    spec = plan_spec()
    ranks = [
        Hypothesis((Token(spec.token_ids[letter], 0, 0.9),), score) for letter, score in (("o", -800.0), ("e", -3.0))
    ]
    answer = build_text(NBest(ranks, 2, CELL_S), spec, {})
    assert 0 <= answer.confidence <= 1
    assert all(0 <= share <= 1 for _, share in answer.alternatives)


def test_plan_drops_rare_letters() -> None:
    spec = TEXT.plan(["one two"] * 50 + ["ø two"], "text")
    assert "ø" not in spec.tokens
    assert spec.encode("øne") == spec.encode("ne")


def test_plan_refuses_a_column_without_words() -> None:
    with pytest.raises(DataError, match="column 'text': holds no words"):
        TEXT.plan(["", "!?"], "text")


@pytest.mark.parametrize("text", [*TEXTS, ""])
def test_clear_outputs_give_the_text(text: str) -> None:
    spec = plan_spec()
    answer = TEXT.to_answer(make_raw(text, spec), spec, {}, None)
    assert str(answer) == text
    assert answer.confidence > 0.8
    starts = [word.start_s for word in answer.words]
    assert starts == sorted(starts)
    assert all(word.end_s > word.start_s for word in answer.words)
    assert all(word.end_s <= make_raw(text, spec)["cells"] * CELL_S for word in answer.words)


def test_words_have_their_times_in_the_original() -> None:
    """Half a second was cut off before preprocessing."""
    spec = plan_spec()
    first, second = TEXT.to_answer(
        make_raw("one two", spec), spec, {}, Geometry(Warp((1.0,), (-0.5,)), SAMPLES, SAMPLES)
    ).words
    assert first.start_s == pytest.approx(0.5, abs=CELL_S)
    assert second.start_s == pytest.approx(0.5 + 4 * 3 * CELL_S, abs=2 * CELL_S)


def test_unclear_outputs_give_less_confidence() -> None:
    spec = plan_spec()
    clear, unclear = (TEXT.to_answer(make_raw("one two", spec, sure), spec, {}, None) for sure in (0.99, 0.6))
    assert unclear.confidence < clear.confidence
    assert unclear.words[0].confidence < clear.words[0].confidence
    total = unclear.confidence + sum(share for _, share in unclear.alternatives[:1])
    assert total <= 1


def test_a_text_moves_in_time_but_not_in_space() -> None:
    text = Text((Word("one", 1.0, 2.0),))
    assert text.transform(Warp((2.0,), (1.0,))).words == (Word("one", 3.0, 5.0),)
    assert text.transform(Warp((2.0, 2.0), (1.0, 0.0))) == text


def test_word_error_rate_of_a_worked_example() -> None:
    spec = plan_spec()
    truths = [Text.from_string(text) for text in ("one two three", "two", "three one")]
    answers = [Text.from_string(text) for text in ("one three three", "two two", "one")]
    compared = TEXT.compare(answers, truths, spec)
    got = TEXT.metrics(compared, spec)
    assert got["wer"] == pytest.approx(3 / 6)
    assert (got["substitutions"], got["insertions"], got["deletions"]) == pytest.approx((1 / 6, 1 / 6, 1 / 6))
    assert compared["correct"].tolist() == [False, False, False]


def test_words_that_are_left_out_count_as_half_an_error() -> None:
    """One of four words is missing, one is wrong; the unsure ones are given, or left out."""
    spec = plan_spec()
    heard = [Text((Word("take", confidence=0.9), Word("too", confidence=0.4), Word("pills", confidence=0.8)))]
    scored = ScoredAnswers.of(TEXT, spec, heard, [Text.from_string("take two pills daily")])

    def measure(least: float) -> float:
        return compute_metrics(scored.accept_from(least, least), TEXT, spec, resamples=2).values["withheld_wer"]

    assert measure(0.0) == pytest.approx((1 + 1) / 4), "as wer"
    assert measure(0.5) == pytest.approx((0.5 + 1) / 4), "the wrong word is left out"
    assert measure(0.85) == pytest.approx((2 * 0.5 + 1) / 4), "so is a right one"
    assert measure(1.0) == pytest.approx((3 * 0.5 + 1) / 4)


@given(st.lists(st.sampled_from("ab"), max_size=6), st.lists(st.sampled_from("ab"), max_size=6))
def test_edits_are_as_few_as_possible(truth: list[str], answer: list[str]) -> None:
    """Compared with the table of Wagner and Fischer (1974), computed row by row."""
    row = list(range(len(answer) + 1))
    for i, letter in enumerate(truth, 1):
        before, row = row, [i]
        for j, other in enumerate(answer, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (letter != other)))
    spec = plan_spec()
    compared = TEXT.compare([Text.from_string(" ".join(answer))], [Text.from_string(" ".join(truth))], spec)
    assert sum(int(compared[edit][0]) for edit in ("replaced", "inserted", "deleted")) == row[-1]


def test_platt_scaling_corrects_overconfidence() -> None:
    random = np.random.default_rng(0)
    calibrated = random.uniform(0.05, 0.95, 4000)
    overconfident = 1 / (1 + ((1 - calibrated) / calibrated) ** 2)
    line = fit_platt(overconfident, random.random(4000) < calibrated, "word")
    corrected = np.array([apply_platt(sure, line, "word") for sure in overconfident])
    assert np.abs(corrected - calibrated).max() < 0.05


def test_platt_scaling_never_reverses_the_order_of_confidences() -> None:
    sure, correct = np.repeat([0.6, 0.99], 60), np.array([True] * 60 + [True, False] * 30)
    line = fit_platt(sure, correct, "word")
    assert line["word_slope"] == 0
    assert apply_platt(0.6, line, "word") == apply_platt(0.99, line, "word") == pytest.approx(0.75, abs=0.01)


def test_platt_scaling_without_examples_changes_nothing() -> None:
    assert apply_platt(0.7, fit_platt(np.zeros(0), np.zeros(0, bool), "word"), "word") == pytest.approx(0.7)


def test_tuning_and_calibration_give_all_their_numbers() -> None:
    spec = plan_spec()
    raws = [make_raw(text, spec, sure) for text in TEXTS for sure in (0.95, 0.5)]
    calibration = tune_and_calibrate(TEXT, raws, [Text.from_string(text) for text in TEXTS for _ in range(2)], spec)
    assert {"language", "insertion", "word_slope", "word_offset", "text_slope", "text_offset"} == calibration.keys()
    assert all(np.isfinite(value) for value in calibration.values())
    assert str(TEXT.to_answer(raws[0], spec, calibration, None)) == TEXTS[0]


def test_word_errors_are_drawn() -> None:
    spec = plan_spec()
    truths = [Text.from_string(text) for text in TEXTS]
    some = TEXT.draw(TEXT.compare(truths[::-1], truths, spec), spec)
    none = TEXT.draw(TEXT.compare(truths, truths, spec), spec)
    assert some.height > none.height


def test_a_hotword_wins_where_the_outputs_are_ambiguous() -> None:
    spec = plan_spec()
    raw = make_ambiguous_raw("one two", "one roo", spec, share=0.2)
    expecting = DECODING.with_hotwords(spec, ["Roo!", "wren"])
    assert str(TEXT.to_answer(raw, spec, {}, None)) == "one two"
    assert str(TEXT.to_answer(raw, expecting, {}, None)) == "one roo"


def test_a_hotword_the_language_model_knows_does_not_replace_another_word() -> None:
    spec = plan_spec()
    raw = make_ambiguous_raw("two one", "two two", spec, share=0.8)
    expecting = DECODING.with_hotwords(spec, ["two"])
    assert str(TEXT.to_answer(raw, spec, {}, None)) == "two one"
    assert str(TEXT.to_answer(raw, expecting, {}, None)) == "two one"


@pytest.mark.parametrize("text", TEXTS)
def test_hotwords_that_do_not_occur_change_nothing(text: str) -> None:
    spec = plan_spec()
    raw = make_raw(text, spec, sure=0.8)
    without = TEXT.to_answer(raw, spec, {}, None)
    assert TEXT.to_answer(raw, DECODING.with_hotwords(spec, ["wren", "hero net"]), {}, None).words == without.words


def test_a_hotword_in_unknown_letters_is_refused() -> None:
    with pytest.raises(UsageError, match="the hotword 'größe' has 'gßö'"):
        DECODING.with_hotwords(plan_spec(), ["Größe"])


def test_text_added_to_the_language_model_makes_its_words_likelier() -> None:
    spec = plan_spec()
    raw, with_language_model = (
        make_ambiguous_raw("two", "roo", spec),
        DECODING.with_language_model(spec, ["roo", "one roo", "roo roo"] * 30),
    )
    assert str(TEXT.to_answer(raw, spec, {}, None)) == "two"
    assert str(TEXT.to_answer(raw, with_language_model, {}, None)) == "roo"


@pytest.mark.parametrize("kind", ["label", "score"])
def test_only_text_takes_hotwords_and_a_language_model(kind: str) -> None:
    with pytest.raises(UsageError, match=f"hotwords for an answer of the kind '{kind}', which is not made of words"):
        ANSWERS[kind].require_decoding("hotwords")
    with pytest.raises(UsageError, match="more text for an answer"):
        ANSWERS[kind].require_decoding("more text")
