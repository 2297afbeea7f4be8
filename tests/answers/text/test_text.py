"""Texts: what counts of them, how they are planned and read off, and how good and honest they are."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

import scribe
from seehear.answers import ANSWERS, AnyKind
from seehear.answers.platt_scaling import apply_platt, fit_platt
from seehear.answers.text import Text, TextSpec, Word, plan
from seehear.answers.text.answer import NBest, build_text
from seehear.answers.text.normalisation import normalise
from seehear.api import Recogniser
from seehear.decoding.hypothesis import Hypothesis, Token
from seehear.errors import DataError, InputError, UsageError
from seehear.geometry import Geometry, Grid, Warp
from seehear.senses.hearing.plan import RATE_HZ

TEXT = ANSWERS["text"]
SAID = ["one two", "two three", "three one two", "one", "two two three"]
CELL_S = 0.04
SAMPLES = Grid((32_000,), 1 / 16_000, "s")


@cache
def planned() -> TextSpec:
    spec: TextSpec = TEXT.plan(SAID * 4, "text")
    return spec


def heard(text: str, spec: TextSpec, sure: float = 0.98, cells_a_letter: int = 2) -> dict[str, np.ndarray]:
    """Raw arrays in which each letter of a text sounds for some cells, with a blank behind it."""
    path = [token for letter in spec.encode(text) for token in (*[letter] * cells_a_letter, len(spec.tokens))]
    logp = np.full((len(path) + 3, len(spec.tokens) + 1), (1 - sure) / len(spec.tokens))
    logp[np.arange(len(path)), path] = sure
    logp[len(path) :] = 1 / logp.shape[1]  # padding, which must not be looked at
    return {"logp": np.log(logp), "cells": np.array(len(path)), "cell_s": np.array(CELL_S)}


@pytest.mark.parametrize(
    ("written", "counts"),
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
def test_what_counts_of_a_text(written: str, counts: str) -> None:
    assert normalise(written) == counts


@given(st.text())
def test_what_is_normal_stays_normal(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
    assert once == " ".join(once.split())


def test_what_nobody_says_in_so_short_a_time_is_of_another_recording() -> None:
    here, spec = Geometry(Warp((1.0,), (0.0,)), SAMPLES, SAMPLES), planned()
    assert TEXT.target(Text.from_string("one two three" * 9), spec, here)["length"] == 117
    with pytest.raises(
        InputError, match=r"130 letters in 2 seconds: nobody speaks so fast\. Next: check that the text"
    ):
        TEXT.target(Text.from_string("one two three" * 10), spec, here)
    TEXT.check(Text(()), Text.from_string("one two three" * 9), 2.0)
    with pytest.raises(InputError, match="130 letters in 2 seconds"):
        TEXT.check(Text(()), Text.from_string("one two three" * 10), 2.0)


def test_whoever_judges_by_a_text_of_another_recording_is_told(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(RATE_HZ, np.float32), RATE_HZ)
    (tmp_path / "t.csv").write_text(f"audio,text\na.wav,a b\na.wav,{'a b ' * 20}\n")
    judged = Recogniser(scribe.bundle()).evaluate(tmp_path / "t.csv")
    assert (judged.n, judged.metrics["wrong"]) == (1, 0.0)
    (problem,) = judged.skipped
    assert problem.what == "79 letters in 1 second: nobody speaks so fast"


def test_a_plan_knows_letters_and_words() -> None:
    spec = planned()
    assert spec.tokens == (" ", "e", "h", "n", "o", "r", "t", "w")
    assert (spec.texts, spec.words) == (20, 3)
    assert "8 letters (ehnortw)" in str(spec)


def test_of_too_many_letters_the_commonest_are_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "MAX_LETTERS", 3)
    assert TEXT.plan(["aab b", "ccc d", "cab d"] * 3, "text").tokens == (" ", "a", "b", "c")


def test_lines_in_letters_that_were_never_learned_are_not_taken_for_silence() -> None:
    spec = planned()
    assert TEXT.decoding.with_language_model(spec, ["привет", "да нет"] * 50).ngrams == spec.ngrams
    assert spec.encode("one привет two") == spec.encode("one two")


def test_the_best_by_rank_need_not_be_the_best_by_score() -> None:
    spec = planned()
    ranks = [
        Hypothesis((Token(spec.token_ids[letter], 0, 0.9),), score) for letter, score in (("o", -800.0), ("e", -3.0))
    ]
    answer = build_text(NBest(ranks, 2, CELL_S), spec, {})
    assert 0 <= answer.confidence <= 1
    assert all(0 <= share <= 1 for _, share in answer.alternatives)


def test_a_rare_letter_is_left_out() -> None:
    spec = TEXT.plan(["one two"] * 50 + ["ø two"], "text")
    assert "ø" not in spec.tokens
    assert spec.encode("øne") == spec.encode("ne")


def test_a_column_without_words_is_refused() -> None:
    with pytest.raises(DataError, match="column 'text': holds no words"):
        TEXT.plan(["", "!?"], "text")


@pytest.mark.parametrize("text", [*SAID, ""])
def test_what_is_heard_clearly_is_written(text: str) -> None:
    spec = planned()
    answer = TEXT.to_answer(heard(text, spec), spec, {}, None)
    assert str(answer) == text
    assert answer.confidence > 0.8
    starts = [word.start_s for word in answer.words]
    assert starts == sorted(starts)
    assert all(word.end_s > word.start_s for word in answer.words)
    assert all(word.end_s <= heard(text, spec)["cells"] * CELL_S for word in answer.words)


def test_words_stand_where_they_were_said() -> None:
    """In the original's time: half a second was cut off before what the network was given."""
    spec = planned()
    first, second = TEXT.to_answer(
        heard("one two", spec), spec, {}, Geometry(Warp((1.0,), (-0.5,)), SAMPLES, SAMPLES)
    ).words
    assert first.start_s == pytest.approx(0.5, abs=CELL_S)
    assert second.start_s == pytest.approx(0.5 + 4 * 3 * CELL_S, abs=2 * CELL_S)


def test_a_mumble_is_less_sure_than_a_word() -> None:
    spec = planned()
    clear, unclear = (TEXT.to_answer(heard("one two", spec, sure), spec, {}, None) for sure in (0.99, 0.6))
    assert unclear.confidence < clear.confidence
    assert unclear.words[0].confidence < clear.words[0].confidence
    total = unclear.confidence + sum(sure for _, sure in unclear.alternatives[:1])
    assert total <= 1


def test_a_text_moves_in_time_and_stays_in_space() -> None:
    text = Text((Word("one", 1.0, 2.0),))
    assert text.moved(Warp((2.0,), (1.0,))).words == (Word("one", 3.0, 5.0),)
    assert text.moved(Warp((2.0, 2.0), (1.0, 0.0))) == text


def test_word_errors_are_counted_as_people_count_them() -> None:
    spec = planned()
    truths = [Text.from_string(text) for text in ("one two three", "two", "three one")]
    answers = [Text.from_string(text) for text in ("one three three", "two two", "one")]
    compared = TEXT.compare(answers, truths, spec)
    got = TEXT.metrics(compared, spec)
    assert got["wer"] == pytest.approx(3 / 6)
    assert (got["substitutions"], got["insertions"], got["deletions"]) == pytest.approx((1 / 6, 1 / 6, 1 / 6))
    assert compared["correct"].tolist() == [False, False, False]


@given(st.lists(st.sampled_from("ab"), max_size=6), st.lists(st.sampled_from("ab"), max_size=6))
def test_edits_are_the_fewest(truth: list[str], said: list[str]) -> None:
    """Wagner and Fischer's table (1974), row by row, is the judge."""
    row = list(range(len(said) + 1))
    for i, letter in enumerate(truth, 1):
        before, row = row, [i]
        for j, other in enumerate(said, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (letter != other)))
    spec = planned()
    compared = TEXT.compare([Text.from_string(" ".join(said))], [Text.from_string(" ".join(truth))], spec)
    assert sum(int(compared[edit][0]) for edit in ("replaced", "inserted", "deleted")) == row[-1]


def test_confidence_becomes_honest() -> None:
    random = np.random.default_rng(0)
    honest = random.uniform(0.05, 0.95, 4000)
    boastful = 1 / (1 + ((1 - honest) / honest) ** 2)
    line = fit_platt(boastful, random.random(4000) < honest, "word")
    mended = np.array([apply_platt(sure, line, "word") for sure in boastful])
    assert np.abs(mended - honest).max() < 0.05


def test_where_the_surer_are_wrong_oftener_all_are_as_likely_to_be_right() -> None:
    sure, correct = np.repeat([0.6, 0.99], 60), np.array([True] * 60 + [True, False] * 30)
    line = fit_platt(sure, correct, "word")
    assert line["word_slope"] == 0
    assert apply_platt(0.6, line, "word") == apply_platt(0.99, line, "word") == pytest.approx(0.75, abs=0.01)


def test_little_changes_where_nothing_is_known() -> None:
    assert apply_platt(0.7, fit_platt(np.zeros(0), np.zeros(0, bool), "word"), "word") == pytest.approx(0.7)


def calibration_of(
    kind: AnyKind, raws: list[dict[str, np.ndarray]], truths: list[Text], spec: TextSpec
) -> dict[str, float]:
    tuned = kind.tune(raws, truths, spec)
    return tuned | kind.calibrate([kind.n_best(raw, spec, tuned) for raw in raws], truths, spec)


def test_calibrating_chooses_weights_and_makes_words_honest() -> None:
    spec = planned()
    raws = [heard(text, spec, sure) for text in SAID for sure in (0.95, 0.5)]
    calibration = calibration_of(TEXT, raws, [Text.from_string(text) for text in SAID for _ in range(2)], spec)
    assert {"language", "insertion", "word_slope", "word_offset", "text_slope", "text_offset"} == calibration.keys()
    assert all(np.isfinite(value) for value in calibration.values())
    assert str(TEXT.to_answer(raws[0], spec, calibration, None)) == SAID[0]


def test_confused_words_are_drawn() -> None:
    spec = planned()
    truths = [Text.from_string(text) for text in SAID]
    some = TEXT.draw(TEXT.compare(truths[::-1], truths, spec), spec)
    none = TEXT.draw(TEXT.compare(truths, truths, spec), spec)
    assert some.height > none.height


def unclear(text: str, other: str, spec: TextSpec, share: float = 0.5) -> dict[str, np.ndarray]:
    """Where two texts of one length differ, either may have been said: the first with this share."""
    one, two = heard(text, spec), heard(other, spec)
    return one | {"logp": np.logaddexp(one["logp"] + np.log(share), two["logp"] + np.log(1 - share))}


def test_a_term_is_favoured_where_it_may_have_been_said() -> None:
    spec = planned()
    raw, expecting = unclear("one two", "one roo", spec, share=0.2), TEXT.decoding.with_hotwords(spec, ["Roo!", "wren"])
    assert str(TEXT.to_answer(raw, spec, {}, None)) == "one two"
    assert str(TEXT.to_answer(raw, expecting, {}, None)) == "one roo"


def test_a_term_that_was_learned_is_not_heard_where_another_word_was_said() -> None:
    spec = planned()
    raw, expecting = unclear("two one", "two two", spec, share=0.8), TEXT.decoding.with_hotwords(spec, ["two"])
    assert str(TEXT.to_answer(raw, spec, {}, None)) == "two one"
    assert str(TEXT.to_answer(raw, expecting, {}, None)) == "two one"


@pytest.mark.parametrize("text", SAID)
def test_terms_that_do_not_occur_change_nothing(text: str) -> None:
    spec = planned()
    raw = heard(text, spec, sure=0.8)
    without = TEXT.to_answer(raw, spec, {}, None)
    assert TEXT.to_answer(raw, TEXT.decoding.with_hotwords(spec, ["wren", "hero net"]), {}, None).words == without.words


def test_a_term_in_letters_that_were_never_learned_is_refused() -> None:
    with pytest.raises(UsageError, match="the hotword 'größe' has 'gßö'"):
        TEXT.decoding.with_hotwords(planned(), ["Größe"])


def test_text_that_is_known_besides_makes_its_words_likelier() -> None:
    spec = planned()
    raw, with_language_model = (
        unclear("two", "roo", spec),
        TEXT.decoding.with_language_model(spec, ["roo", "one roo", "roo roo"] * 30),
    )
    assert str(TEXT.to_answer(raw, spec, {}, None)) == "two"
    assert str(TEXT.to_answer(raw, with_language_model, {}, None)) == "roo"


@pytest.mark.parametrize("kind", ["label", "score"])
def test_only_answers_of_words_know_words(kind: str) -> None:
    with pytest.raises(UsageError, match=f"hotwords for an answer of the kind '{kind}', which is not made of words"):
        ANSWERS[kind].require_decoding("hotwords")
    with pytest.raises(UsageError, match="more text for an answer"):
        ANSWERS[kind].require_decoding("more text")
