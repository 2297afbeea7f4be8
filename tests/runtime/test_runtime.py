"""Prediction: accepted and rejected answers, one or two senses, streams, and a silent onnxruntime."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from dataclasses import fields, replace
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import soundfile
from PIL import Image

import tiny
from malformed_corpus import seed
from seehear import api
from seehear.amounts import format_probability
from seehear.answers import ANSWERS
from seehear.errors import BundleError, InputError, UsageError
from seehear.media import Excerpt, TableExample
from seehear.recipe import RiskCoverageCurve, SelectivePrediction
from seehear.runtime.batching import AHEAD, CHUNK, PADDING, WINDOW, read_ahead, run_in_batches
from seehear.runtime.bundle import write_bundle
from seehear.runtime.model_runner import _has_shape
from seehear.runtime.options import PredictKeywords, PredictOptions
from seehear.runtime.prediction import ExampleSource, Prediction
from seehear.runtime.predictor import Predictor
from seehear.senses import input_file as source
from seehear.table import RowProblem


@pytest.fixture(scope="module")
def seeing() -> Predictor:
    return Predictor(tiny.bundle())


@pytest.fixture(scope="module")
def both() -> Predictor:
    return Predictor(tiny.bundle("image", "audio"))


def save_picture(path: Path, brightness: float) -> Path:
    Image.fromarray(tiny.picture(brightness)[..., 0]).save(path)
    return path


def save_sound(path: Path, loudness: float, seconds: float = 0.5) -> Path:
    soundfile.write(path, np.full(int(16_000 * seconds), loudness, np.float32), 16_000, subtype="FLOAT")
    return path


class OneWay(BytesIO):
    """A download: it can be read once, and has no name."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_: Any) -> int:
        raise OSError("can not go back")


def at_its_end(path: Path) -> BytesIO:
    """As Image.save leaves it."""
    file = BytesIO()
    file.write(path.read_bytes())
    return file


FILE_OBJECTS = {
    "open file": lambda path: path.open("rb"),
    "BytesIO at its end": at_its_end,
    "download": lambda path: OneWay(path.read_bytes()),
    "mapping to a file": lambda path: {"image": path.open("rb")},
}


# --- One example -----------------------------------------------------------------------------------------------------


def test_a_clear_picture_is_answered_and_accepted(seeing: Predictor, tmp_path: Path) -> None:
    path = save_picture(tmp_path / "day.png", 0.9)
    prediction = seeing.predict_one(path)
    assert str(prediction.answer) == "bright"
    assert prediction.confidence == pytest.approx(1 / (1 + np.exp(-40 * (round(255 * 0.9) / 255 - 0.5))), abs=1e-6)
    assert (prediction.accepted, prediction.reason, prediction.used) == (True, "", ("image",))
    assert prediction.input == str(path)


@pytest.mark.parametrize("form", ["path", "text", "bytes", "array", "picture", "mapping", *FILE_OBJECTS])
def test_every_form_of_one_picture_gets_the_same_answer(seeing: Predictor, tmp_path: Path, form: str) -> None:
    path = save_picture(tmp_path / "night.png", 0.2)
    with Image.open(path) as picture:
        forms = {
            "path": path,
            "text": str(path),
            "bytes": path.read_bytes(),
            "array": tiny.picture(0.2),
            "picture": picture,
            "mapping": {"image": path},
            **{name: make(path) for name, make in FILE_OBJECTS.items()},
        }
        prediction = seeing.predict_one(forms[form])
    assert str(prediction.answer) == "dark"
    assert prediction.input
    assert not prediction.error


def test_an_unsure_answer_is_not_accepted_and_says_what_it_would_need(seeing: Predictor) -> None:
    prediction = seeing.predict_one(tiny.picture(0.51))
    assert str(prediction.answer) == "bright"
    assert not prediction.accepted
    assert prediction.reason == "for at most 5 % wrong, it must be 80 % sure"
    assert prediction.confidence == pytest.approx(0.597, abs=0.001)
    assert str(prediction) == f"a ndarray: I don't know; perhaps bright (59 % sure): {prediction.reason}"


def test_wrong_at_most_sets_the_confidence_threshold(seeing: Predictor) -> None:
    picture = tiny.picture(0.545)
    assert 0.8 < seeing.predict_one(picture).confidence < 0.9
    assert seeing.predict_one(picture).accepted
    assert (
        seeing.predict_one(picture, PredictOptions(wrong_at_most=0.01)).reason
        == "for at most 1 % wrong, it must be 90 % sure"
    )


def test_an_unreachable_error_limit_states_the_achievable_one() -> None:
    few = Predictor(tiny.bundle(results={"image": {"n": 230}}))
    reason = "230 held-out examples guarantee at most 1 % wrong, not 0.12 %"
    assert few.nothing_accepted(PredictOptions(wrong_at_most=0.0012)) == reason
    assert few.predict_one(tiny.picture(0.9), PredictOptions(wrong_at_most=0.0012)).reason == reason
    assert few.nothing_accepted() == ""
    forecast = SelectivePrediction(
        risk=RiskCoverageCurve(confidence=(0.9,), wrong=(0.01,)), forecast=(0.008, 0.005, 0.002, 0.001)
    )
    more = Predictor(tiny.bundle(results={"image": {"n": 230}}, selective={"image": forecast}))
    assert more.nothing_accepted(PredictOptions(wrong_at_most=0.0012)) == f"{reason}; about 460 more would"
    crossed = Predictor(tiny.bundle(results={"image": {"n": 230}}, cross_fitted=180))
    reason = "230 cross-validated examples guarantee at most 1 % wrong, not 0.12 %"
    assert crossed.nothing_accepted(PredictOptions(wrong_at_most=0.0012)) == reason


PROMISED = {"image+audio": 0.01, "image": 0.05, "audio": 0.07}


def test_the_default_error_limit_depends_on_the_senses_used() -> None:
    risk = RiskCoverageCurve(confidence=(0.9, 0.8), wrong=(0.01, 0.05))
    selective = {name: SelectivePrediction(risk=risk, wrong_at_most=share) for name, share in PROMISED.items()}
    both = Predictor(tiny.bundle("image", "audio", selective=selective))
    assert {used: both.error_limit(PredictOptions(senses=used.split("+"))) for used in PROMISED} == PROMISED
    assert both.error_limit(PredictOptions(senses=["image"], wrong_at_most=0.2)) == 0.2
    sure = tiny.picture(0.545)  # 86 %
    assert both.predict_one({"image": sure}).accepted
    doubtful = both.predict_one({"image": sure, "audio": np.full(16_000, 0.5, np.float32)})
    assert doubtful.reason == "for at most 1 % wrong, it must be 90 % sure"
    assert (doubtful.whole_accepted, doubtful.items) == (False, None)


def test_an_out_of_distribution_input_is_not_accepted_however_confident(seeing: Predictor) -> None:
    picture = tiny.picture(1.0)
    picture[0, 0] = 0
    prediction = seeing.predict_one(picture)
    assert prediction.confidence > 0.99
    assert not prediction.accepted
    assert prediction.reason == "the image is unlike the training data"


def test_what_was_never_measured_is_not_accepted() -> None:
    prediction = Predictor(tiny.bundle(selective={})).predict_one(tiny.picture(0.9))
    assert not prediction.accepted
    assert prediction.reason == "how often it is right from image was never measured"


def test_outputs_that_are_not_finite_are_an_error(seeing: Predictor) -> None:
    prediction = seeing.predict_one(tiny.picture(0.0))
    assert (prediction.answer, prediction.accepted, prediction.used) == (None, False, ())
    assert "not finite" in prediction.error


@pytest.mark.parametrize(("content", "because"), [(b"", "empty"), (b"hello", "not a picture|can not|cannot")])
def test_an_unreadable_file_is_named_and_raises_nothing(
    seeing: Predictor, tmp_path: Path, content: bytes, because: str
) -> None:
    (tmp_path / "x.png").write_bytes(content)
    prediction = seeing.predict_one(tmp_path / "x.png")
    assert prediction.answer is None
    assert not prediction.accepted
    assert str(tmp_path / "x.png") in prediction.error


def test_json_has_exactly_the_published_keys(seeing: Predictor, tmp_path: Path) -> None:
    told = json.loads(json.dumps(seeing.predict_one(tiny.picture(0.9)).to_json()))
    published = ("input", "answer", "confidence", "accepted", "alternatives", "reason", "used", "unfamiliarity")
    assert tuple(told) == published
    assert told["unfamiliarity"] == {"image": 0.0}
    assert told["answer"] == {"label": "bright"}
    assert told["alternatives"] == [{"answer": "dark", "confidence": pytest.approx(1 - told["confidence"], abs=1e-6)}]
    failed = seeing.predict_one(tmp_path / "none.png").to_json()
    assert (failed["answer"], failed["confidence"], failed["used"]) == (None, 0.0, [])
    assert "none.png" in failed["error"]


def test_sound_has_a_duration_and_an_image_has_none() -> None:
    both = Predictor(tiny.bundle("image", "audio"))
    sound = np.full(40_000, 0.5, np.float32)
    assert both.predict_one({"image": tiny.picture(0.9), "audio": sound}).duration_s == 2.5
    assert both.predict_one({"image": tiny.picture(0.9)}).duration_s == 0


@pytest.mark.parametrize(
    ("part", "had", "needed"),
    [
        (0.613, "61 %", "62 %"),
        (0.29, "29 %", "29 %"),
        (0.005, "0.5 %", "0.5 %"),
        (0.999, "99.9 %", "99.9 %"),
        (0.9996, "99.9 %", "over 99.9 %"),
        (1.0, "over 99.9 %", "over 99.9 %"),
        (0.0004, "under 0.1 %", "0.1 %"),
        (0.0, "under 0.1 %", "under 0.1 %"),
    ],
)
def test_percentages_are_never_0_or_100_and_round_against_acceptance(part: float, had: str, needed: str) -> None:
    assert (format_probability(part), format_probability(part, math.ceil)) == (had, needed)


@pytest.mark.parametrize("wrong", [{"senses": ["audio"]}, {"senses": []}, {"wrong_at_most": 0}, {"wrong_at_most": 2.0}])
def test_wrong_options_are_refused_at_once(seeing: Predictor, wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="Allowed"):
        seeing.predict([], PredictOptions(**wrong))
    with pytest.raises(UsageError, match="Allowed"):
        seeing.predict_one(tiny.picture(0.9), PredictOptions(**wrong))


def test_one_path_is_not_taken_for_many(seeing: Predictor) -> None:
    for one in ("picture.png", bytearray(b"picture")):
        with pytest.raises(UsageError, match="predict_one"):
            seeing.predict(one)


def test_the_keywords_of_the_python_door_are_the_fields_of_the_options() -> None:
    assert set(PredictKeywords.__annotations__) == {field.name for field in fields(PredictOptions)}


def test_a_prediction_knows_its_files_excerpt_and_row(seeing: Predictor, tmp_path: Path) -> None:
    path = save_picture(tmp_path / "x.png", 0.9)
    row = TableExample(tmp_path / "t.csv", "row 2", {"image": path})
    assert seeing.predict_one(row).source == ExampleSource(str(path), (path,), table=row.table, row=row.row)
    failed = replace(row, inputs={}, error=InputError("names no file", where="t.csv, row 2"))
    prediction = seeing.predict_one(failed)
    assert (prediction.error, prediction.source.row) == ("t.csv, row 2: names no file.", "row 2")
    excerpt = Excerpt(tmp_path / "x.mp4", 1.0, 2.0)
    gone = seeing.predict_one(excerpt)
    assert (gone.source.paths, gone.source.span_s) == ((excerpt.path,), (1.0, 2.0))
    assert isinstance(gone.errors[0], InputError)


# --- Two senses ------------------------------------------------------------------------------------------------------


def test_either_sense_answers_and_says_so(both: Predictor, tmp_path: Path) -> None:
    dark, loud = save_picture(tmp_path / "dark.png", 0.1), save_sound(tmp_path / "loud.wav", 0.9)
    asked = [{"image": dark, "audio": loud}, {"image": dark}, {"audio": loud}, dark, loud, str(loud), loud.read_bytes()]
    got = [(str(each.answer), each.used, each.error) for each in both.predict(asked)]
    seen, heard = ("dark", ("image",), ""), ("bright", ("audio",), "")
    assert got == [("dark", ("image", "audio"), ""), seen, heard, seen, heard, heard, heard]


def test_an_excerpt_of_a_video_serves_both_senses(both: Predictor, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(seed("mp4"))
    prediction = both.predict_one(Excerpt(film, 0.25, 0.75))
    assert (prediction.input, prediction.used) == (f"{film} [0.25 s to 0.75 s]", ("image", "audio"))


def test_a_sense_can_be_withheld(both: Predictor, tmp_path: Path) -> None:
    dark, loud = save_picture(tmp_path / "dark.png", 0.1), save_sound(tmp_path / "loud.wav", 0.9)
    prediction = both.predict_one({"image": dark, "audio": loud}, PredictOptions(senses=["audio"]))
    assert (str(prediction.answer), prediction.used) == ("bright", ("audio",))
    assert not both.predict_one(dark, PredictOptions(senses=["audio"])).used


def test_an_array_serves_one_sense(both: Predictor) -> None:
    assert both.predict_one(tiny.picture(0.9)).used == ("image",)
    assert both.predict_one(np.full(8_000, 0.9, np.float32)).used == ("audio",)


def test_an_unreadable_sense_is_reported_and_the_other_answers(both: Predictor, tmp_path: Path) -> None:
    loud = save_sound(tmp_path / "loud.wav", 0.9)
    prediction = both.predict_one({"image": tmp_path / "gone.png", "audio": loud})
    assert (str(prediction.answer), prediction.used, prediction.accepted) == ("bright", ("audio",), True)
    assert "gone.png" in prediction.error
    assert prediction.input == f"{tmp_path / 'gone.png'} + {loud}"


def test_an_example_without_inputs_is_an_error(both: Predictor, tmp_path: Path) -> None:
    for nothing in ({}, {"image": None, "audio": None}, {"smell": "rose.txt"}, {"image": tmp_path / "gone.png"}):
        prediction = both.predict_one(nothing)
        assert prediction.answer is None
        assert prediction.error
    assert both.predict_one(tmp_path / "gone.xyz").error.count("gone.xyz") == 1, "said once, not once for each sense"


@pytest.mark.parametrize("pack", [tuple, list, iter])
def test_a_pair_of_paths_is_two_inputs(tmp_path: Path, pack: Any) -> None:
    paths = [save_picture(tmp_path / f"{i}.png", i) for i in (0.1, 0.9)]
    answers = api.Recogniser(tiny.bundle()).predict(pack(paths))
    assert [str(each.answer) for each in answers] == ["dark", "bright"]


def test_samples_with_their_rate_and_bytes_of_any_kind_are_one_input(tmp_path: Path) -> None:
    model = api.Recogniser(tiny.bundle("image", "audio"))
    samples_and_rate: Any = (np.full(8_000, 0.9, np.float32), np.int64(16_000))
    assert model.predict(samples_and_rate).used == ("audio",)
    seen = save_picture(tmp_path / "day.png", 0.9).read_bytes()
    film = seed("mp4")
    for kind in (bytes, bytearray, memoryview):
        assert str(model.predict(kind(seen)).answer) == "bright"
        assert model.predict(kind(film)).used == ("image", "audio")


def test_file_objects_are_read_when_they_are_passed_and_keep_their_names(seeing: Predictor, tmp_path: Path) -> None:
    paths = [save_picture(tmp_path / f"{i}.png", 0.2 + 0.6 * (i % 2)) for i in range(5)]

    def opened() -> Iterator[Any]:
        for path in paths:
            with path.open("rb") as file:
                yield file

    predictions = list(seeing.predict(opened()))
    assert [str(each.answer) for each in predictions] == ["dark", "bright", "dark", "bright", "dark"]
    assert [each.input for each in predictions] == [str(path) for path in paths]


def test_a_file_object_serves_both_senses(both: Predictor) -> None:
    assert both.predict_one(OneWay(seed("mp4"))).used == ("image", "audio")


@pytest.mark.parametrize(
    ("make", "because"),
    [
        (lambda _: StringIO("words"), "a StringIO: it returns str. Allowed: bytes. Next: open"),
        (lambda path: (file := path.open("rb")).close() or file, "day.png: cannot be read: I/O operation"),
        (lambda _: BytesIO(b""), "a BytesIO: empty: 0 bytes"),
        (lambda _: BytesIO(b"hello"), "a BytesIO: not a picture but"),
    ],
    ids=["text", "closed", "empty", "no picture"],
)
def test_an_unusable_file_object_is_named(seeing: Predictor, tmp_path: Path, make: Any, because: str) -> None:
    file = make(save_picture(tmp_path / "day.png", 0.9))
    one, (streamed,) = seeing.predict_one(file), seeing.predict([file])
    for prediction in (one, streamed):
        assert prediction.answer is None
        assert because in prediction.error


def test_an_endless_file_object_is_refused(seeing: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MOST_HELD_BYTES", 1 << 20)
    with Path("/dev/zero").open("rb") as endless:
        assert "more than 1 MiB" in seeing.predict_one(endless).error


def test_one_file_object_is_one_input(seeing: Predictor, tmp_path: Path) -> None:
    path = save_picture(tmp_path / "day.png", 0.9)
    with path.open("rb") as file:
        assert str(api.Recogniser(tiny.bundle()).predict(file).answer) == "bright"
        with pytest.raises(UsageError, match="one example where many are expected"):
            seeing.predict(file)


@pytest.mark.parametrize("kind", [Predictor, api.Recogniser])
def test_a_recogniser_can_be_pickled(kind: Any) -> None:
    one = kind(tiny.bundle("image", "audio"))
    other = pickle.loads(pickle.dumps(one))
    predict = "predict_one" if kind is Predictor else "predict"
    first, second = (getattr(each, predict)(tiny.picture(0.9)) for each in (one, other))
    assert (first, other.recipe) == (second, one.recipe)


def test_another_process_answers_and_saves_the_same(tmp_path: Path) -> None:
    model = api.Recogniser(tiny.bundle(), problems=[RowProblem("x.png", "empty")])
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        [there] = pool.map(model.predict, [tiny.picture(0.9)])
    assert there == model.predict(tiny.picture(0.9))
    model.save(tmp_path / "here.seehear")
    copy = pickle.loads(pickle.dumps(model))
    copy.save(tmp_path / "there.seehear")
    assert (tmp_path / "here.seehear").read_bytes() == (tmp_path / "there.seehear").read_bytes()
    assert copy.problems == model.problems


# --- Streams ---------------------------------------------------------------------------------------------------------


def test_predict_gives_the_answers_of_predict_one_in_order(both: Predictor, tmp_path: Path) -> None:
    """Sounds of many lengths, pictures and failures mixed: batching and padding change no answer."""
    rng = np.random.default_rng(0)
    asked: list[Any] = []
    for i in range(150):
        sound = np.full(int(rng.integers(2_000, 40_000)), rng.uniform(0.1, 0.9), np.float32)
        picture = tiny.picture(rng.uniform(0.1, 0.9))
        asked.append([{"audio": sound}, {"image": picture, "audio": sound}, picture, tmp_path / f"{i}.png"][i % 4])
    streamed = list(both.predict(asked))
    single = [both.predict_one(each) for each in asked]
    assert [(p.input, str(p.answer), p.used, p.error) for p in streamed] == [
        (p.input, str(p.answer), p.used, p.error) for p in single
    ]
    np.testing.assert_allclose([p.confidence for p in streamed], [p.confidence for p in single], atol=1e-5)


def test_predict_reads_few_inputs_ahead_and_stops_when_closed(seeing: Predictor) -> None:
    taken = 0

    def endless() -> Iterator[np.ndarray]:
        nonlocal taken
        while True:
            taken += 1
            yield tiny.picture(0.9)

    threads_before = threading.active_count()
    stream = seeing.predict(endless())
    for _ in range(200):
        next(stream)
    assert taken <= 200 + 2 * WINDOW + AHEAD * CHUNK * (os.cpu_count() or 1)
    assert isinstance(stream, Generator)
    stream.close()
    assert threading.active_count() == threads_before


def test_an_error_of_the_callers_iterator_is_raised(seeing: Predictor) -> None:
    def broken() -> Iterator[np.ndarray]:
        yield tiny.picture(0.9)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        list(seeing.predict(broken()))


class Item:
    def __init__(self, number: int, elements: int) -> None:
        self.number, self.elements = number, elements


def test_batches_have_similar_sizes_and_keep_the_order() -> None:
    sizes = np.random.default_rng(0).integers(1, 1_000_000, 300)
    batches: list[list[int]] = []

    def run(batch: Any) -> list[int]:
        batches.append([item.elements for item in batch])
        return [item.number for item in batch]

    items = [Item(i, int(size)) for i, size in enumerate(sizes)]
    assert list(run_in_batches(run, items)) == list(range(300))
    assert all(max(batch) <= PADDING * min(batch) for batch in batches)
    assert len(batches) < 150


def test_reading_ahead_keeps_the_order_and_passes_errors_on() -> None:
    assert list(read_ahead(lambda i: i * i, range(1000), threads=3)) == [i * i for i in range(1000)]
    with pytest.raises(ZeroDivisionError):
        list(read_ahead(lambda i: 1 // (i - 50), range(100), threads=3))


def test_the_examples_of_a_failed_batch_are_run_one_by_one(seeing: Predictor, monkeypatch: Any) -> None:
    run = seeing._runner._session.run

    def fails_on_many(feeds: Any) -> Any:
        if len(feeds["image"]) > 1 or feeds["image"].mean() > 250:
            raise BundleError("the graph failed: too much")
        return run(feeds)

    monkeypatch.setattr(seeing._runner._session, "run", fails_on_many)
    got = list(seeing.predict([tiny.picture(0.9), tiny.picture(1.0), tiny.picture(0.1)]))
    assert [str(each.answer) for each in got] == ["bright", "None", "dark"]
    assert "too much" in got[1].error


# --- A graph that does not fit, and silence --------------------------------------------------------------------------


def test_a_graph_of_other_senses_is_refused() -> None:
    with pytest.raises(BundleError, match=r"it takes audio, audio_samples. Allowed: image\."):
        Predictor(replace(tiny.bundle(), model=tiny.model("audio")))


def test_a_graph_of_another_answer_is_refused() -> None:
    number = {"mean": 0.0, "spread": 1.0, "low": -1.0, "high": 1.0, "tolerance": 0.5}
    with pytest.raises(BundleError, match=r"outputs are logits, embedding, ood_score_image. Allowed: mean, log"):
        Predictor(tiny.bundle(kind="score", answer=number))


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("classes", ["d", "dbg"])
def test_a_graph_of_another_number_of_classes_is_refused(classes: str, several: bool) -> None:
    answer = {"classes": tuple(classes), "several": several, "counts": (10,) * len(classes)}
    with pytest.raises(BundleError, match=rf"logits of shape \(1, 2\) .* Allowed: \(1, {len(classes)}\)"):
        Predictor(tiny.bundle(answer=answer))


def test_a_graph_whose_number_of_classes_follows_the_input_fails_by_name() -> None:
    """Short inputs, as on loading, get two logits; a second of sound gets one more."""
    graph = onnx.load_from_string(tiny.model("audio"))
    next(node for node in graph.graph.node if "logits" in node.output).output[0] = "two"
    for name, value in (("none", [0, 0, 0]), ("second", [16_000])):
        graph.graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(value), name))
    graph.graph.node.extend(
        [
            onnx.helper.make_node("Shape", ["audio"], ["length"], start=1, end=2),
            onnx.helper.make_node("Div", ["length", "second"], ["more"]),
            onnx.helper.make_node("Concat", ["none", "more"], ["after"], axis=0),
            onnx.helper.make_node("Pad", ["two", "after"], ["logits"]),
        ]
    )
    graph.graph.output[0].type.tensor_type.ClearField("shape")
    hearing = Predictor(replace(tiny.bundle("audio"), model=graph.SerializeToString()))
    assert str(hearing.predict_one((np.full(8_000, 0.3, np.float32), 16_000)).answer) == "dark"
    failed = hearing.predict_one((np.full(16_000, 0.3, np.float32), 16_000))
    assert failed.answer is None
    assert "the graph returned logits of shape (1, 3) for a batch of 1. Allowed: (1, 2)." in failed.error


def test_a_variable_length_is_checked_by_the_kind_of_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ANSWERS["label"], "raw_shapes", lambda spec: {"logits": ("C",)})
    assert str(Predictor(tiny.bundle()).predict_one(tiny.picture(0.9)).answer) == "bright"


def test_lengths_of_one_name_are_equal_and_not_0() -> None:
    lengths: dict[str, int] = {}
    assert _has_shape(np.zeros((1, 5, 4)), (1, "N", 4), lengths) and _has_shape(np.zeros((1, 5)), (1, "N"), lengths)
    assert not _has_shape(np.zeros((1, 6)), (1, "N"), lengths)
    assert not _has_shape(np.zeros((1, 0)), (1, "h"), lengths)


def test_a_graph_with_integer_outputs_is_refused() -> None:
    graph = onnx.load_from_string(tiny.model())
    next(node for node in graph.graph.node if "logits" in node.output).output[0] = "numbers"
    graph.graph.node.append(onnx.helper.make_node("Cast", ["numbers"], ["logits"], to=onnx.TensorProto.INT64))
    graph.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.INT64
    with pytest.raises(BundleError, match=r"the graph returns logits as tensor\(int64\). Allowed: tensor\(float\)"):
        Predictor(replace(tiny.bundle(), model=graph.SerializeToString()))


def test_a_graph_with_several_ood_scores_for_an_example_is_refused() -> None:
    graph = onnx.load_from_string(tiny.model())
    next(node for node in graph.graph.node if node.output[0] == "ood_score_image").output[0] = "doubt"
    graph.graph.node.append(onnx.helper.make_node("Unsqueeze", ["doubt", "t"], ["ood_score_image"]))
    graph.graph.output[2].type.tensor_type.ClearField("shape")
    with pytest.raises(BundleError, match=r"ood_score_image of shape \(1, 1\) for a batch of 1. Allowed: \(1,\)"):
        Predictor(replace(tiny.bundle(), model=graph.SerializeToString()))


def test_a_graph_that_onnxruntime_refuses_is_explained(capfd: Any) -> None:
    graph = onnx.load_from_string(tiny.model())
    graph.ir_version = 99
    with pytest.raises(BundleError, match=r"onnxruntime refuses the graph: .*Unsupported"):
        Predictor(replace(tiny.bundle(), model=graph.SerializeToString()))
    assert capfd.readouterr() == ("", "")


def test_loading_and_predicting_write_no_files(tmp_path: Path) -> None:
    """onnxruntime's telemetry writes an identifier to the home folder and a file to the temporary folder."""
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    home.mkdir()
    temporary.mkdir()
    write_bundle(tmp_path / "m.seehear", tiny.bundle())
    ask = """
import sys
from pathlib import Path
from PIL import Image
from seehear.runtime.bundle import read_bundle
from seehear.runtime.predictor import Predictor
print(Predictor(read_bundle(Path("m.seehear"))).predict_one(Image.new("L", (8, 8), 230)).answer)
unwanted = {"torch", "sklearn", "pyarrow", "pandas", "onnx", "scipy"} & set(sys.modules)
sys.exit(str(unwanted) if unwanted else 0)
"""
    environment = {
        **{"HOME": str(home), "TMPDIR": str(temporary), "XDG_CACHE_HOME": str(home / ".cache")},
        **{"PYTHONPATH": str(Path("src").resolve()), "PYTHONDONTWRITEBYTECODE": "1"},
    }
    done = subprocess.run(
        [sys.executable, "-c", ask], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "bright\n", "")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["home", "m.seehear", "tmp"]


def test_a_failed_prediction_prints_its_error() -> None:
    assert str(Prediction.failed(ExampleSource("a.png"), InputError("empty"))) == "a.png: empty."
