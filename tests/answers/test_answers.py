"""Labels and scores: planning a column, from a head's arrays to an answer, and metrics compared with scikit-learn's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped]
from sklearn import metrics as judge

from seehear.answers import ANSWERS
from seehear.answers.label import Label, LabelSpec
from seehear.answers.score import Score, ScoreSpec
from seehear.errors import BundleError, DataError, InputError
from seehear.geometry import Warp

LABEL, SCORE = ANSWERS["label"], ANSWERS["score"]
PETS = ["cat", "dog", "cat", "dog", "owl", "owl"]
SOUNDS = ["car;siren", "car", "siren|horn", "horn", '["car", "horn"]', "[]"]
LENGTHS = ["1.5", "2,5", "30", "4e1", "5"]


def labelled(n=400, classes=5, *, several=False, sharp=1.5, seed=0):
    """A spec, raw logits (n, C) and the truths they were drawn with."""
    random = np.random.default_rng(seed)
    spec = LabelSpec(classes=tuple("abcdefgh"[:classes]), several=several, counts=(n,) * classes)
    if several:
        has = random.random((n, classes)) < 0.3
        truths = [Label(tuple(c for c, yes in zip(spec.classes, row, strict=True) if yes), True) for row in has]
        return spec, {"logits": sharp * random.normal(size=(n, classes)) + np.where(has, 1.0, -1.0)}, truths
    index = random.integers(0, classes, n)
    logits = random.normal(size=(n, classes))
    logits[np.arange(n), index] += sharp
    return spec, {"logits": logits}, [Label((spec.classes[i],)) for i in index]


def each(raw):
    """One example after the other."""
    return [{name: array[i] for name, array in raw.items()} for i in range(len(next(iter(raw.values()))))]


def answered(kind, raw, spec, calibration=None):
    return [kind.to_answer(one, spec, calibration or {}, None) for one in each(raw)]


# What every answer promises


def one_of_each():
    spec, raw, _ = labelled(1)
    many, many_raw, _ = labelled(1, several=True)
    lengths = SCORE.plan(LENGTHS, "length [cm]")
    yield LABEL, spec, {k: v[0] for k, v in raw.items()}
    yield LABEL, many, {k: v[0] for k, v in many_raw.items()}
    yield SCORE, lengths, {"mean": np.float32(0.2), "log_scale": np.float32(-1)}


@pytest.mark.parametrize(("kind", "spec", "raw"), list(one_of_each()))
def test_an_answer_has_the_interface(kind, spec, raw):
    answer = kind.to_answer(raw, spec, {}, None)
    assert 0 <= answer.confidence <= 1
    assert [p for _, p in answer.alternatives] == sorted((p for _, p in answer.alternatives), reverse=True)
    assert answer.transform(Warp.identity(2)) == answer
    assert kind.name in next(iter(answer.to_json()))
    assert str(answer)
    assert kind.Spec.model_validate_json(spec.model_dump_json()) == spec
    assert all(np.isfinite(array).all() for array in kind.target(answer, spec, None).values())
    compared = kind.compare([answer] * 3, [answer] * 3, spec)
    assert kind.right(compared, spec).tolist() == [True] * 3
    assert kind.headline(spec).metric in kind.metrics(compared, spec)


def test_answers_are_listed_in_order():
    assert list(ANSWERS) == ["label", "score", "text", "boxes", "mask"]


# Labels


def test_plan_lists_classes_in_natural_order_with_their_counts():
    spec = LABEL.plan(["10", "2", "1", "2", "10", "1", "2"], "digit")
    assert (spec.classes, spec.counts, spec.several) == (("1", "2", "10"), (2, 3, 2), False)
    assert str(spec) == "one of 3 classes: 1 (2), 2 (3), 10 (2)"


def test_plan_finds_several_labels_in_one_cell():
    spec = LABEL.plan(SOUNDS, "label")
    assert (spec.classes, spec.counts, spec.several) == (("car", "horn", "siren"), (3, 3, 2), True)
    assert LABEL.read("siren; car", spec) == Label(("car", "siren"), True)
    assert LABEL.read("[]", spec).to_json() == {"labels": []}
    assert str(LABEL.read("[]", spec)) == "none of the classes"


def test_a_separator_may_be_part_of_a_name():
    spec = LABEL.plan(["salt; pepper", "oil | vinegar"] * 3, "label")
    assert spec.classes == ("oil | vinegar", "salt; pepper")
    assert not spec.several


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([], "column 'label': contains no answers"),
        (["cat"] * 9, "every row has the same answer, 'cat'.*class 'other'"),
        (["[]", "[]"], "every row has the same answer"),
        (["cat", "cat", "dog", "owl"], "2 classes with one example: 'dog', 'owl'.*at least 2 examples.*merge"),
        ([f"sentence {i}" for i in range(50)], "50 different answers in 50 rows are not classes: .*score"),
    ],
)
def test_plan_explains_why_labels_cannot_be_learned(cells, words):
    with pytest.raises(DataError, match=words):
        LABEL.plan(cells, "label")


def test_an_unknown_class_suggests_a_similar_one():
    spec = LABEL.plan(PETS, "label")
    assert LABEL.read(" dog ", spec) == Label(("dog",))
    with pytest.raises(InputError, match=r"'Dgo' is not one of the 3 classes. Allowed: cat, dog, owl. Next: did you"):
        LABEL.read("Dgo", spec)


def test_an_inconsistent_spec_is_refused():
    with pytest.raises(ValueError, match="each once, need 2 counts"):
        LabelSpec(classes=("a", "a"), several=False, counts=(1, 2))


def test_a_single_label_is_the_softmax_at_the_temperature():
    spec = LABEL.plan(PETS, "label")
    answer = LABEL.to_answer({"logits": np.array([2.0, 4.0, 0.0], np.float32)}, spec, {"temperature": 2.0}, None)
    odds = np.exp([1.0, 2.0, 0.0])
    assert answer.names == ("dog",)
    assert answer.probabilities == pytest.approx(odds / odds.sum())
    assert answer.alternatives == (("cat", answer.probabilities[0]), ("owl", answer.probabilities[2]))


def test_confidence_in_several_labels_is_that_all_of_them_are_right():
    spec, _, _ = labelled(1, classes=2, several=True)
    answer = LABEL.to_answer({"logits": np.array([math.log(9), -math.log(4)])}, spec, {}, None)
    assert answer.names == ("a",)
    assert answer.confidence == pytest.approx(0.9 * 0.8)
    assert answer.alternatives[0] == (["a", "b"], pytest.approx(0.9 * 0.2))
    assert answer.alternatives[1] == ([], pytest.approx(0.1 * 0.8))


@pytest.mark.parametrize("several", [False, True])
def test_calibration_undoes_overconfidence(several):
    spec, raw, truths = labelled(2000, several=several)
    raw = {"logits": 3 * raw["logits"]}
    fitted = LABEL.calibrate(each(raw), truths, spec)
    before, after = (
        LABEL.metrics(LABEL.compare(answered(LABEL, raw, spec, c), truths, spec), spec) for c in ({}, fitted)
    )
    assert after["log_loss"] < before["log_loss"]
    assert after["accuracy"] == before["accuracy"]
    if not several:  # for several, the classes' independence is an assumption that no temperature mends
        assert after["ece"] < 0.04 < before["ece"]


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("several", [False, True])
def test_calibration_is_finite_for_separable_or_few_examples(scale, several):
    spec, _, truths = labelled(4, several=several)
    right = np.stack([LABEL.target(t, spec, None)["classes"] for t in truths]) - 0.5
    temperature = LABEL.calibrate(each({"logits": scale * right}), truths, spec)["temperature"]
    assert 0.01 < temperature < 25
    assert LABEL.calibrate([], [], spec)["temperature"] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("classes", [2, 5])
def test_label_metrics_agree_with_scikit_learn(classes):
    spec, raw, truths = labelled(classes=classes)
    answers = answered(LABEL, raw, spec)
    got = LABEL.metrics(LABEL.compare(answers, truths, spec), spec)
    truth, said = [t.names[0] for t in truths], [a.names[0] for a in answers]
    probabilities = np.array([a.probabilities for a in answers])
    ranked = probabilities[:, 1] if classes == 2 else probabilities
    assert got["accuracy"] == pytest.approx(judge.accuracy_score(truth, said))
    assert got["macro_f1"] == pytest.approx(judge.f1_score(truth, said, average="macro"))
    assert got["auroc"] == pytest.approx(judge.roc_auc_score(truth, ranked, multi_class="ovr"))
    assert got["log_loss"] == pytest.approx(judge.log_loss(truth, probabilities))


def test_metrics_of_several_labels_agree_with_scikit_learn():
    spec, raw, truths = labelled(several=True)
    answers = answered(LABEL, raw, spec)
    compared = LABEL.compare(answers, truths, spec)
    got = LABEL.metrics(compared, spec)
    probabilities = np.array([a.probabilities for a in answers])
    each = [judge.log_loss(t, p) for t, p in zip(compared["truth"].T, probabilities.T, strict=True)]
    assert got["accuracy"] == pytest.approx(judge.accuracy_score(compared["truth"], compared["predicted"]))
    assert got["macro_f1"] == pytest.approx(judge.f1_score(compared["truth"], compared["predicted"], average="macro"))
    assert got["auroc"] == pytest.approx(judge.roc_auc_score(compared["truth"], probabilities))
    assert got["log_loss"] == pytest.approx(np.mean(each))


def test_ece_is_the_gap_between_confidence_and_accuracy():
    spec = LABEL.plan(PETS, "label")
    logits = np.log([[0.8, 0.1, 0.1]] * 10)
    truths = [Label(("cat",))] * 6 + [Label(("dog",))] * 4
    got = LABEL.metrics(LABEL.compare(answered(LABEL, {"logits": logits}, spec), truths, spec), spec)
    assert got["ece"] == pytest.approx(0.2)


def test_undefined_metrics_are_nan():
    spec, raw, _ = labelled(3)
    compared = LABEL.compare(answered(LABEL, raw, spec), [Label(("a",))] * 3, spec)
    assert math.isnan(LABEL.metrics(compared, spec)["auroc"])


# Scores


@pytest.mark.parametrize(
    ("column", "unit", "higher_is"),
    [
        ("score", "", "more"),
        ("age_years", "years", "more"),
        ("weight_kg", "kg", "more"),
        ("target_value", "", "more"),
        ("length [cm]", "cm", "more"),
        ("Wind speed (m/s)", "m/s", "more"),
        ("pain [points, lower is better]", "points", "worse"),
        ("fluency (higher is better)", "", "better"),
        ("length [cm (about)]", "cm (about", "more"),
        ("length (cm", "", "more"),
        ("quality_higher_is_better", "", "better"),
    ],
)
def test_unit_and_direction_follow_from_the_heading(column, unit, higher_is):
    spec = SCORE.plan(LENGTHS, column)
    assert (spec.unit, spec.higher_is) == (unit, higher_is)


def test_plan_describes_the_distribution():
    spec = SCORE.plan(["1", "3", "5", "7", "oops"], "length [cm]")
    assert (spec.mean, spec.low, spec.high, spec.tolerance) == (4, 1, 7, 1)
    assert spec.spread == pytest.approx(math.sqrt(5))
    assert str(spec) == "a number in cm, 1 to 7; right within 1"


@pytest.mark.parametrize(
    ("cell", "number"),
    [("3.2", 3.2), (" -1e-3 ", -0.001), ("3,2", 3.2), ("1,234.5", 1234.5), ("1.234,5", 1234.5), ("0,125", 0.125)],
)
def test_numbers_as_people_write_them(cell, number):
    spec = SCORE.plan(LENGTHS, "score")
    assert SCORE.read(cell, spec) == Score(number, "", number, number)


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("1,234", "'1,234' may be a thousand or a decimal number.*decimal point"),
        ("tall", "'tall' is not a number. Allowed: numbers like 3.2"),
        ("nan", "'nan' is not a number"),
        ("1e999", "'1e999' is not a number"),
        ("1_000", "'1_000' is not a number"),
        ("", "'' is not a number"),
    ],
)
def test_a_cell_without_a_number_is_named(cell, words):
    with pytest.raises(InputError, match=words):
        SCORE.read(cell, SCORE.plan(LENGTHS, "score"))


@given(st.text("0123456789.,eE+-_ x٣", max_size=12))
@settings(max_examples=100)
def test_any_cell_is_a_finite_number_or_an_input_error(cell):
    spec = SCORE.plan(LENGTHS, "score")
    try:
        assert math.isfinite(SCORE.read(cell, spec).value)
    except InputError as error:
        assert cell.strip() in str(error)


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([], "column 'score': contains no answers"),
        (["3"] * 5, "every answer is 3"),
        (["cat", "dog", "1"], "2 of 3 answers are not numbers, such as 'cat'"),
        (["1e-200", "2e-200"], "numbers from 1e-200 to 2e-200 cannot be distinguished"),
        (["1e300", "-1e300"], "cannot be distinguished"),
    ],
)
def test_plan_explains_why_scores_cannot_be_learned(cells, words):
    with pytest.raises(DataError, match=words):
        SCORE.plan(cells, "score")


def test_the_target_is_what_the_raw_arrays_mean():
    spec = SCORE.plan(LENGTHS, "length [cm]")
    truth = SCORE.read("7.25", spec)
    raw = {"mean": SCORE.target(truth, spec, None)["value"], "log_scale": np.array(-1, np.float32)}
    answer = SCORE.to_answer(raw, spec, {"scale": 2.0}, None)
    deviation = spec.spread * 2 / math.e
    assert answer.value == pytest.approx(7.25)
    assert stats.norm.cdf(answer.high, 7.25, deviation) == pytest.approx(0.95)
    assert answer.confidence == pytest.approx(1 - 2 * stats.norm.sf(spec.tolerance / deviation))


def test_a_score_has_no_more_digits_than_its_interval_allows():
    assert str(Score(3.14159, "cm", 2.0, 4.3)) == "3.1 cm (2 to 4.3)"
    assert str(Score(1234.5, "", 1000.0, 1500.0)) == "1230 (1000 to 1500)"
    assert Score(1 / 3, "cm", 0.0, 1.0).to_json() == {"score": 0.333333, "unit": "cm", "low": 0.0, "high": 1.0}


@given(st.floats(-1e300, 1e300), st.floats(-50, 50))
@settings(max_examples=50)
def test_any_score_can_be_formatted(value, log_scale):
    spec = ScoreSpec(mean=0, spread=1, low=-1, high=1, tolerance=0.5)
    answer = SCORE.to_answer({"mean": np.array(value), "log_scale": np.array(log_scale)}, spec, {}, None)
    assert 0 <= answer.confidence <= 1
    assert str(answer)


def test_a_score_that_is_not_finite_is_refused():
    spec = ScoreSpec(mean=0, spread=1, low=-1, high=1, tolerance=0.5)
    with pytest.raises(BundleError, match="give or take inf"):
        SCORE.to_answer({"mean": np.array(0.0), "log_scale": np.array(1000.0)}, spec, {}, None)


def test_correlation_with_a_constant_is_nan():
    spec = ScoreSpec(mean=0, spread=1, low=-1, high=1, tolerance=0.5)
    compared = {"truth": np.arange(3.0), "answer": np.full(3, 0.1)}
    assert math.isnan(SCORE.metrics(compared, spec)["pearson"])


def test_calibration_of_scores_finds_the_true_standard_deviation():
    spec = ScoreSpec(mean=10, spread=2, low=0, high=20, tolerance=1)
    errors = np.random.default_rng(0).normal(size=2000) * 0.6
    raw = {"mean": errors, "log_scale": np.full(2000, np.log(0.2))}
    truth = Score(10.0, "", 10.0, 10.0)
    assert SCORE.calibrate(each(raw), [truth] * 2000, spec)["scale"] == pytest.approx(3, rel=0.05)
    assert SCORE.calibrate([], [], spec) == {"scale": 1.0}


def test_score_metrics_agree_with_scikit_learn_and_scipy():
    random = np.random.default_rng(0)
    spec = ScoreSpec(mean=0, spread=1, low=-3, high=3, tolerance=0.5)
    truth = random.normal(size=200).round(1)  # with ties
    answer = (truth + random.normal(size=200)).round(1)
    compared = SCORE.compare([Score(a, "", a, a) for a in answer], [Score(t, "", t, t) for t in truth], spec)
    got = SCORE.metrics(compared, spec)
    assert got["mae"] == pytest.approx(judge.mean_absolute_error(truth, answer))
    assert got["rmse"] == pytest.approx(judge.root_mean_squared_error(truth, answer))
    assert got["pearson"] == pytest.approx(stats.pearsonr(truth, answer).statistic)
    assert got["spearman"] == pytest.approx(stats.spearmanr(truth, answer).statistic)
    flat = SCORE.metrics({"truth": np.ones(3), "answer": np.ones(3)}, spec)
    assert math.isnan(flat["pearson"])


# Which of them a column is, if its heading does not say


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (PETS * 10, "label"),
        ([str(i % 10) for i in range(100)], "label"),
        ([f"{i * 0.37:.2f}" for i in range(100)], "score"),
        (["1.5", "2.5", "3.25", "4"], "score"),
        ([f"sentence {i}" for i in range(100)], None),
        ([f"please bring {'abcdefghij'[i % 10] * (i + 1)} to me" for i in range(100)], "text"),
        ([], None),
    ],
)
def test_at_most_one_kind_fits_a_column(cells, kind):
    assert [name for name in ANSWERS if ANSWERS[name].fits(cells, "x")] == ([kind] if kind else [])


# Pictures


@pytest.mark.parametrize(("classes", "several"), [(2, False), (8, False), (3, True)])
def test_labels_are_drawn(classes, several):
    spec, raw, truths = labelled(40, classes=classes, several=several)
    picture = LABEL.draw(LABEL.compare(answered(LABEL, raw, spec), truths, spec), spec)
    colors = picture.getcolors(1 << 20)
    assert colors is not None and len(colors) > 20


def test_only_the_most_confused_of_many_classes_are_drawn():
    names = tuple(f"class {i}" for i in range(60))
    spec = LabelSpec(classes=names, several=False, counts=(2,) * 60)
    predicted = np.roll(np.eye(60, dtype=bool), 1, axis=0)
    picture = LABEL.draw({"truth": np.eye(60, dtype=bool), "predicted": predicted}, spec)
    assert picture.width < 2200


@pytest.mark.parametrize("n", [1, 50, 400])
def test_scores_are_drawn(n):
    spec = SCORE.plan(LENGTHS, "length [cm]")
    truth = np.linspace(0, 40, n)
    picture = SCORE.draw({"truth": truth, "answer": truth + np.sin(truth)}, spec)
    colors = picture.getcolors(1 << 20)
    assert colors is not None and len(colors) > 20


@pytest.mark.parametrize("word", ["①", "1²", "٣", "½", "Ⅷ", "9" * 5000, "1e400", "-", "é", "x" * 300, "0", "007"])
def test_a_class_may_be_called_anything(word: str) -> None:
    spec = LABEL.plan([word, "cat", "2", "10"] * 2, "label")
    assert set(spec.classes) == {word, "cat", "2", "10"}
    assert spec.classes.index("2") < spec.classes.index("10") < spec.classes.index("cat")
    assert LABEL.read(word, spec).names == (word,)
