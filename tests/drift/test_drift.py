"""Drift: places are uniform and bets fair while nothing changes, alarms are rare, and a change is found and dated."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import squares
import tiny
from seehear.api import Recogniser
from seehear.cli import run
from seehear.drift import Alarm, watch_drift
from seehear.drift.answers import Compared, RecordedAnswer, compare_answer
from seehear.drift.bets import SHARE_BETS, VALUE_BETS, Evidence, bet_on_shares, bet_on_values
from seehear.drift.followed import FollowedClasses, FollowedValues, UsualValues
from seehear.drift.ranks import ClassRanks, ValueRanks
from seehear.drift.watch import DriftWatch
from seehear.errors import DataError, UsageError
from seehear.recipe import Usual
from seehear.runtime.bundle import write_bundle
from seehear.runtime.predictor import Predictor
from seehear.senses import SENSES

RANDOM = np.random.default_rng
SPECKS = 40  # of the usual pictures
CLASSES = dict.fromkeys("abcdefghij", 0.1)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40), st.floats(-1e6, 1e6))
def test_a_value_is_placed_among_those_before_it(usual: list[float], value: float) -> None:
    place = ValueRanks(usual).place(value)
    lower = sum(float(f"{each:.4g}") < float(f"{value:.4g}") for each in usual)
    higher = sum(float(f"{each:.4g}") > float(f"{value:.4g}") for each in usual)
    assert lower / (len(usual) + 1) <= place <= 1 - higher / (len(usual) + 1)


@pytest.mark.parametrize("draw", [lambda random: random.normal(), lambda random: random.integers(3)])
def test_places_are_uniform_even_among_few_usual_values_that_are_often_equal(draw: Callable[..., float]) -> None:
    random = RANDOM(0)
    ranks = ValueRanks([draw(random) for _ in range(5)])
    places = [ranks.place(draw(random)) for _ in range(4000)]
    shares = np.histogram(places, 8, (0, 1))[0] / len(places)
    assert abs(shares - 1 / 8).max() < 0.03


def test_the_places_of_a_class_are_uniform_while_it_is_as_frequent_as_before() -> None:
    named = RANDOM(1).random(4005) < 0.3
    ranks = ClassRanks({"a": int(named[:5].sum()), "never": 0}, 5)
    both = np.array([ranks.place(["a"] if each else ["unknown"]) for each in named[5:]])
    assert all(abs(np.histogram(each, 8, (0, 1))[0] / len(each) - 1 / 8).max() < 0.03 for each in both.T)


@pytest.mark.parametrize("bet", [bet_on_values, bet_on_shares])
def test_bets_win_nothing_on_average(bet: Callable[..., Any]) -> None:
    places = (np.arange(100_000) + 0.5) / 100_000
    assert np.exp(bet(places)).mean(0) == pytest.approx(
        np.ones(VALUE_BETS if bet is bet_on_values else SHARE_BETS), abs=0.01
    )


def test_the_first_half_of_the_bets_wins_on_low_values() -> None:
    low, high = bet_on_values(np.array([0.001, 0.999]))
    half = VALUE_BETS // 2
    assert (low[:half] > 0).all() and (low[half:] < 0).all()
    assert high[half:] == pytest.approx(low[:half])


@given(st.lists(st.lists(st.floats(0.2, 4), min_size=2, max_size=2), min_size=1, max_size=12))
def test_evidence_is_what_bets_from_every_beginning_have_won(factors: list[list[float]]) -> None:
    evidence, won = Evidence(1, 2), np.array(factors)
    for each in won:
        evidence.add(np.log(each)[None])
    from_each = np.array([won[start:].prod(0) for start in range(len(won))])  # (beginnings, J)
    assert math.exp(evidence.log_statistic()[0]) == pytest.approx(from_each.sum(0).mean())
    bet, began = evidence.best_bet(0)
    assert bet == from_each.sum(0).argmax() or np.ptp(from_each.sum(0)) < 1e-9 * from_each.sum()
    assert from_each[began, bet] == pytest.approx(from_each[:, bet].max())


def follow(usual: Sequence[float], values: Sequence[float], most: float) -> list[Alarm]:
    followed = FollowedValues([UsualValues("x", "lower", "higher", usual)], most)
    return [alarm for number, value in enumerate(values, 1) for alarm in followed.add(number, {"x": value})]


def test_false_alarms_are_as_rare_as_stated_whatever_the_number_of_usual_values() -> None:
    """One in 100 values at most: in 60 streams of as many, 60 alarms on average would be allowed."""
    random, alarms = RANDOM(0), 0
    for number in range(60):
        drawn = random.normal(size=130 + number) if number % 2 else random.integers(4, size=130 + number)
        alarms += len(follow(drawn[:-100].tolist(), drawn[-100:].tolist(), 100))
    assert 3 < alarms < 45


def test_a_mild_change_is_found_dated_and_named() -> None:
    random = RANDOM(0)
    usual, before, after = (random.normal(shift, 1, n).tolist() for shift, n in ((0, 300), (0, 600), (-0.5, 500)))
    (alarm,) = follow(usual, before + after, 180_000)
    assert (alarm.statistic, alarm.what) == ("x", "lower")
    assert 500 < alarm.since < 620 < alarm.found < 800
    assert alarm.now < -0.25 < alarm.usual


def test_a_change_of_few_values_is_said_to_be_one() -> None:
    random = RANDOM(0)
    far = np.where(random.random(500) < 0.1, 4, random.normal(size=500))
    (alarm,) = follow(random.normal(size=300).tolist(), far.tolist(), 180_000)
    assert alarm.what == "in some cases, higher"


def test_a_class_that_becomes_frequent_or_vanishes_is_named() -> None:
    random, names = RANDOM(0), list(CLASSES)
    followed = FollowedClasses(dict.fromkeys(names, 100), 1000, 180_000)
    chances = [0.3, 0.0, *[0.7 / 8] * 8]
    drawn = [*random.choice(10, 300), *random.choice(10, 900, p=chances)]
    alarms = [alarm for number, each in enumerate(drawn, 1) for alarm in followed.add(number, [names[each]])]
    assert {alarm.what for alarm in alarms} == {"more answers are 'a'", "fewer answers are 'b'"}
    assert all(250 < alarm.since < 400 for alarm in alarms)
    assert {round(alarm.usual, 6) for alarm in alarms} == {0.1}


def test_values_that_are_missing_are_passed_over() -> None:
    random = RANDOM(0)
    usual = [UsualValues(name, "lower", "higher", random.normal(size=100).tolist()) for name in "xy"]
    followed = FollowedValues(usual, 1000)
    alarms = [alarm for number in range(1, 200) for alarm in followed.add(number, {"y": 2.0} if number % 2 else {})]
    assert [(alarm.statistic, alarm.since % 2) for alarm in alarms] == [("y", 1)]


@pytest.mark.parametrize(("repeats", "least", "most"), [(1, 0.0, 0.0), (5, 0.7, 0.9)])
def test_neighbours_that_are_alike_are_told_apart_from_a_change(repeats: int, least: float, most: float) -> None:
    random = RANDOM(0)
    drawn = np.concatenate([random.normal(size=300 // repeats), random.normal(1.5, 1, 300 // repeats)])
    followed = FollowedValues([UsualValues("x", "lower", "higher", random.normal(size=300).tolist())], 180_000)
    for number, value in enumerate(drawn.repeat(repeats).tolist(), 1):
        list(followed.add(number, {"x": value}))
    assert least <= followed.correlate_neighbours() <= most


def test_values_that_are_always_equal_raise_no_alarm_and_are_not_called_alike() -> None:
    followed = FollowedValues([UsualValues("x", "lower", "higher", [1.0] * 40)], 1000)
    assert not [alarm for number in range(1, 500) for alarm in followed.add(number, {"x": 1.0})]
    assert followed.correlate_neighbours() == 0


# Models and files


def picture(random: np.random.Generator, brightness: float) -> np.ndarray:
    """(8, 8, 1): around this brightness, with noise."""
    level = 255 * (brightness + random.normal(0, 0.03))
    return (level + random.normal(0, 10, (8, 8, 1))).clip(1, 254).astype(np.uint8)


def usual() -> Usual:
    random = RANDOM(1)
    predictions = [Predictor(watched(Usual())).predict_one(picture(random, 0.7)) for _ in range(SPECKS)]
    scores = [each.unfamiliarity["image"] for each in predictions]
    measured = {
        name: tuple(each.measured["image"][name] for each in predictions) for name in SENSES["image"].statistics
    }
    return Usual(
        unfamiliarity={"image": tuple(scores)},
        measured={"image": measured},
        confidence=tuple(each.confidence for each in predictions),
        classes={"dark": 0, "bright": SPECKS},
    )


def watched(usual: Usual) -> Any:
    ranges = {"image": dict.fromkeys(SENSES["image"].statistics, (0.0, 255.0))}
    return tiny.bundle(usual=usual, input_statistics=ranges, ood_threshold={})


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model that knows what is usual, and two folders of pictures: as usual, and darker."""
    monkeypatch.chdir(tmp_path)
    write_bundle(Path("dark.seehear"), watched(usual()))
    random = RANDOM(2)
    for folder, brightness in (("a", 0.7), ("b", 0.6)):
        Path(folder).mkdir()
        for number in range(60):
            Image.fromarray(picture(random, brightness)[..., 0]).save(f"{folder}/{number:03}.png")
    return tmp_path


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    run(["predict", "dark.seehear", *arguments, "--json"])
    return capsys.readouterr().out


def test_watch_drift_says_how_inputs_differ_since_when_and_exits_with_1(here: Path, capsys: Any) -> None:
    Path("answers.jsonl").write_text(answer(capsys, "a", "b"))
    assert run(["watch-drift", "dark.seehear", "answers.jsonl"]) == 1
    first, *others = capsys.readouterr().out.splitlines()
    assert first.startswith("Drift in 120 answers: pictures are darker (image brightness: usually ")
    assert "(answers.jsonl, line 6" in first and "at most 1 false alarm in 30,000 answers on average" in first
    assert all(line.startswith("  also: ") for line in others)
    assert run(["watch-drift", "dark.seehear", "answers.jsonl", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    (darker,) = [alarm for alarm in told["alarms"] if alarm["statistic"] == "image brightness"]
    assert 50 < darker["since"] < 65 < darker["found"] <= 120 and darker["now"] < darker["usual"]
    assert told["compared_with"]["image unfamiliarity"] == told["compared_with"]["classes"] == SPECKS


def test_no_drift_is_said_in_one_line_with_exit_code_0(here: Path, capsys: Any) -> None:
    assert run(["watch-drift", "dark.seehear", "a"]) == 0
    assert capsys.readouterr().out == (
        "No drift found in 60 answers, compared with 40 reference examples "
        "(at most 1 false alarm in 30,000 answers on average)\n"
    )


def test_a_folder_has_no_order_and_unreadable_files_are_left_out(here: Path, capsys: Any) -> None:
    Path("b/broken.png").write_bytes(b"no picture")
    assert run(["watch-drift", "dark.seehear", "b"]) == 1
    said = capsys.readouterr().out
    assert said.startswith("Drift in 60 answers: pictures are darker") and "from about" not in said
    assert said.endswith("  left out: 1 answer that cannot be compared\n")


def test_all_files_of_an_audit_log_are_read_but_only_answers_of_this_model(here: Path, capsys: Any) -> None:
    other = Recogniser(tiny.exchanged())
    other.log_to("log.jsonl")
    other.predict(tiny.picture(0.4))
    assert run(["predict", "dark.seehear", "b", "--log", "log.jsonl"]) == 0
    with Path("log.jsonl").open("ab") as log:
        log.write(b'{"number":62,"previous":"cut o')
    capsys.readouterr()
    assert run(["watch-drift", "dark.seehear", "log.jsonl", "log.jsonl", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["answers"], told["left_out"], told["other_models"]) == (60, 0, 1)
    (darker,) = [alarm for alarm in told["alarms"] if alarm["statistic"] == "image brightness"]
    assert darker["where"] == "log.jsonl, line 2" and darker["at"].startswith("20")


def test_the_same_answers_give_the_same_result(here: Path, capsys: Any) -> None:
    Path("answers.jsonl").write_text(answer(capsys, "a", "b"))
    predictor = Predictor(watched(usual()))
    found = [watch_drift(predictor, ["answers.jsonl"], any_order=shuffled) for shuffled in (False, True, False, True)]
    assert found[:2] == found[2:]
    assert found[0].ordered and not found[1].ordered
    assert watch_drift(predictor, ["answers.jsonl"], every=4).answers == 30


def test_it_says_that_alarms_are_more_frequent_where_inputs_are_repeated(here: Path, capsys: Any) -> None:
    Path("answers.jsonl").write_text("".join(4 * line for line in answer(capsys, "a").splitlines(keepends=True)))
    run(["watch-drift", "dark.seehear", "answers.jsonl"])
    assert "false alarms are more frequent than that: compare fewer answers, with --every" in capsys.readouterr().out
    assert run(["watch-drift", "dark.seehear", "answers.jsonl", "--every", "4"]) == 0
    assert "--every" not in capsys.readouterr().out


def test_answers_with_fewer_senses_are_compared_only_in_these() -> None:
    random = RANDOM(0)
    sure = Usual(unfamiliarity={"image": tuple(random.normal(size=50))}, confidence=(0.9,) * 50)
    recipe = tiny.recipe("image", "audio", usual=sure)
    watch = DriftWatch(recipe, 100)
    unsure = Compared({"image unfamiliarity": 0.0, "confidence": 0.1}, None, "", "")
    assert [alarm.what for _ in range(50) for alarm in watch.add(unsure)] == ["answers are less sure"]
    one = {"unfamiliarity": {"image": 0.5}, "confidence": 0.1, "answer": {"label": "dark"}}
    assert compare_answer(RecordedAnswer(one, ""), recipe) == Compared({"image unfamiliarity": 0.5}, None, "", "")
    both = one | {"unfamiliarity": {"image": 0.5, "audio": 0.1}}
    compared = compare_answer(RecordedAnswer(both, ""), recipe)
    assert compared is not None and (compared.values["confidence"], compared.names) == (0.1, ["dark"])


def test_numbers_in_answers_are_followed() -> None:
    random = RANDOM(0)
    counts = tuple(float(each) for each in random.poisson(5, 200))
    made = squares.bundle(usual=Usual(confidence=(0.9,) * 200, answers={"number of boxes": counts}))
    watch = DriftWatch(made.recipe)
    alarms: list[Alarm] = []
    for number in random.poisson(8, 100):
        told = {"unfamiliarity": {"image": 0.0}, "confidence": 0.9, "answer": {"boxes": [{}] * int(number)}}
        compared = compare_answer(RecordedAnswer(told, ""), made.recipe)
        assert compared is not None
        alarms += watch.add(compared)
    assert [alarm.what for alarm in alarms] == ["the number of boxes is higher"]


@pytest.mark.parametrize(
    ("content", "because"),
    [
        (
            '{"input": "a.png", "answer": {"label": "dark"}, "confidence": 0.9}\n',
            "none of 1 answers has the unfamiliarity",
        ),
        ("", "there are no answers"),
        ("hello\n", "line 1: it holds no answer"),
        ("[1]\n", "line 1: it holds no answer"),
    ],
)
def test_what_holds_nothing_to_compare_is_refused(here: Path, content: str, because: str) -> None:
    Path("answers.jsonl").write_text(content)
    with pytest.raises((UsageError, DataError), match=because):
        watch_drift(Predictor(watched(usual())), ["answers.jsonl"])


def test_a_model_without_reference_values_is_refused(here: Path, capsys: Any) -> None:
    write_bundle(Path("old.seehear"), tiny.bundle())
    assert run(["watch-drift", "old.seehear", "a"]) == 2
    assert "it was trained with an earlier seehear" in capsys.readouterr().err
    assert run(["watch-drift", "dark.seehear", "a", "--false-alarm-in", "0"]) == 2
    assert "Allowed: in 1 or more" in capsys.readouterr().err
