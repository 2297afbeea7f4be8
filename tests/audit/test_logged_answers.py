"""Answers in the audit log: each one that is given, and nothing of what the input shows or says."""

from __future__ import annotations

import hashlib
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import scribe
import squares
import tiny
from made_projects import add_version, make_project
from seehear.api import Recogniser, load
from seehear.audit import AuditLog, verify
from seehear.audit.entries import sha256_of_json
from seehear.cli import run
from seehear.errors import SeehearError
from seehear.runtime.bundle import write_bundle
from seehear.runtime.prediction import Prediction
from serving import client, picture_file, registry


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_bundle(Path("dark.seehear"), tiny.bundle())
    Path("things").mkdir()
    for name, brightness in (("anna", 0.9), ("ben", 0.5)):
        Path(f"things/{name}.png").write_bytes(picture_file(brightness))
    Path("things/carl.png").write_bytes(b"no picture")
    return tmp_path


def read_log(path: Path = Path("answers.jsonl")) -> list[dict[str, Any]]:
    found = verify(path)
    assert not found.problem
    return [json.loads(line) for line in path.read_text().splitlines()]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def logging(bundle: Any, path: Path) -> Recogniser:
    recogniser = Recogniser(bundle)
    recogniser.log_to(path)
    return recogniser


def test_predict_writes_each_answer_with_its_input_and_model(here, capsys):
    assert run(["predict", "dark.seehear", "things", "--json", "--log", "answers.jsonl"]) == 1
    printed = capsys.readouterr()
    answers = [json.loads(line) for line in printed.out.splitlines()]
    entries = read_log()
    assert [each["event"] for each in entries] == ["answer"] * 3
    for entry, answer in zip(entries, answers, strict=True):
        assert entry["model"] == sha256(Path("dark.seehear").read_bytes())
        assert entry["inputs"] == [sha256(Path(answer["input"]).read_bytes())]
        assert (entry["confidence"], entry["accepted"]) == (answer["confidence"], answer["accepted"])
        assert entry["reason"] == answer["reason"]
    assert [each.get("answer") for each in entries] == ["bright", "bright", None]
    assert entries[0]["answer_sha256"] == sha256_of_json(answers[0]["answer"])
    assert entries[2]["answer_sha256"] is None
    assert f"up to entry 3 with the hash {entries[-1]['hash']}" in printed.err
    assert not any(name in Path("answers.jsonl").read_text() for name in ("anna", "carl", "things"))


def test_log_verify_tells_what_is_wrong_by_its_exit_code(here, capsys):
    run(["predict", "dark.seehear", "things", "--log", "answers.jsonl"])
    capsys.readouterr()
    assert run(["log", "verify", "answers.jsonl", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["intact"], found["entries"], found["log"]) == (True, 3, "answers.jsonl")
    assert run(["log", "verify", "answers.jsonl", "--head", found["head"]]) == 0
    path = Path("answers.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2]))
    assert run(["log", "verify", "answers.jsonl"]) == 0
    assert run(["log", "verify", "answers.jsonl", "--head", found["head"]]) == 1
    path.write_bytes(b"".join(lines).replace(b'"answer":"bright"', b'"answer":"dark"', 1))
    capsys.readouterr()
    assert run(["log", "verify", "answers.jsonl"]) == 1
    assert "answers.jsonl: broken: answers.jsonl, line 1: it was changed after" in capsys.readouterr().out


def test_every_way_to_ask_is_logged(here):
    model = logging(tiny.bundle("image", "audio"), here / "answers.jsonl")
    picture, samples = picture_file(0.9), np.full(8000, 0.9, np.float32)
    array = tiny.picture(0.9)
    assert model.predict({"image": picture, "audio": (samples, 16_000)}).accepted
    model.predict(BytesIO(picture))
    list(model.predict([picture, array, Image.fromarray(array[:, :, 0])]))
    list(model.predict(here / "things"))
    list(model.predict_progressively(picture))
    inputs = [each["inputs"] for each in read_log()]
    file, pixels = sha256(picture), sha256(array.tobytes())
    assert inputs[:5] == [[file, sha256(samples.tobytes())], [file], [file], [pixels], [pixels]]
    assert len(inputs) == 9
    assert inputs[8] == [file]


def test_an_answer_made_of_the_words_of_the_input_is_logged_by_its_hash(here):
    answer = logging(scribe.bundle(), here / "answers.jsonl").predict((np.full(16_000, 0.5, np.float32), 16_000))
    (entry,) = read_log()
    assert "answer" not in entry
    assert entry["answer_sha256"] == sha256_of_json(answer.to_json()["answer"])


def test_live_sound_is_logged_when_a_segment_is_final(here):
    tone = 0.3 * np.sign(np.sin(2 * np.pi * 440 * np.arange(12_800) / 16_000)).astype(np.float32)
    sound = np.concatenate([np.zeros(16_000, np.float32), tone, np.zeros(32_000, np.float32)])
    sound += 0.001 * np.random.default_rng(0).standard_normal(len(sound)).astype(np.float32)
    model = logging(tiny.bundle("audio"), here / "answers.jsonl")
    finals = [each for each in model.live(np.array_split(sound, 30)) if each.final]
    entries = read_log()
    assert len(entries) == len(finals) == 1
    assert entries[0]["span_s"] == [finals[0].start_s, finals[0].end_s]


def test_each_frame_of_a_video_is_logged_with_its_time(here):
    pytest.importorskip("av")
    from seehear.senses.video import VideoWriter

    with VideoWriter(here / "film.mp4") as writer:
        for n in range(4):
            writer.add(Image.fromarray(np.full((32, 32, 3), 40 * n, np.uint8)), n / 4)
    frames = list(logging(squares.bundle(), here / "answers.jsonl").watch(here / "film.mp4"))
    entries = read_log()
    assert [each["time_s"] for each in entries] == [round(frame.time_s or 0.0, 3) for frame in frames]
    assert {each["inputs"][0] for each in entries} == {sha256((here / "film.mp4").read_bytes())}


def test_no_answer_is_given_that_cannot_be_logged(here, monkeypatch):
    model = logging(tiny.bundle(), here / "answers.jsonl")

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("seehear.audit.segments.os.write", refuse)
    with pytest.raises(SeehearError, match=r"answers.jsonl: the audit log cannot be written: No space left"):
        model.predict(picture_file())
    with pytest.raises(SeehearError, match="No space left"):
        next(iter(model.predict([picture_file()])))


def test_a_server_logs_answers_and_reviews(tmp_path):
    path, picture = tmp_path / "answers.jsonl", picture_file(0.9)
    with make_project(tmp_path / "home") as project:
        add_version(project, 1)
        project.versions.promote(1)
        project.review.keep(30)
        version = project.versions.get(1)
    with client(registry(), projects=tmp_path / "home", log=path) as served:
        for model in ("bright", "boards"):
            answered = served.post("/predict", files={"file": ("anna.png", picture)}, data={"model": model})
            assert answered.status_code == 200
        served.app.state.keeper.wait(10)  # type: ignore[attr-defined]
        opened = served.app.state.projects.get("boards", "Ada")  # type: ignore[attr-defined]
        kept = opened.review.queue()[0]
        opened.review.correct(kept.id, "dark")
    bright, boards, review = read_log(path)
    assert bright["inputs"] == boards["inputs"] == review["inputs"] == [sha256(picture)]
    assert boards["model"] == review["model"] == version.sha256
    assert boards["answer_sha256"] == review["answer_sha256"]
    assert (review["event"], review["review"], review["correction"]) == ("review", "corrected", "dark")
    assert review["reviewer"] == "Ada"
    assert "anna" not in path.read_text()


def test_a_review_that_cannot_be_logged_is_not_done(tmp_path, monkeypatch):
    with make_project(tmp_path / "home") as project:
        project.review.keep(30)
        prediction: Prediction = Recogniser(tiny.bundle()).predict(picture_file())
        (tmp_path / "a.png").write_bytes(picture_file())
        read = {"image": tmp_path / "a.png"}
        number = project.review.record(prediction, read, version=None, source="api")
        project.audit_log = AuditLog(tmp_path / "answers.jsonl")
        monkeypatch.setattr(AuditLog, "append", lambda *_: (_ for _ in ()).throw(SeehearError("the disk is full")))
        with pytest.raises(SeehearError, match="full"):
            project.review.dismiss(number or 0)
        assert project.review.get(number or 0).state == "waiting"


def test_a_loaded_model_has_the_hash_of_its_file(here):
    model = load("dark.seehear")
    model.log_to("answers.jsonl")
    model.predict(picture_file())
    assert read_log()[0]["model"] == sha256(Path("dark.seehear").read_bytes())
