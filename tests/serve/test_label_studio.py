"""Label Studio's protocol: tasks are answered with regions for the controls of the labeling config."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

import squares
from labelling import CHOICES, ask, data_uri, error_of
from seehear.api import Recogniser
from seehear.errors import UsageError
from seehear.serve.label_studio.labeling_config import read_config
from seehear.serve.models import ModelRegistry
from serving import client, picture_file, registry, sound_file

RECTANGLES = """<View><Image name="img" value="$image"/><RectangleLabels name="box" toName="img">
    <Label value="square" background="red"/></RectangleLabels></View>"""
WORDS = '<View><Audio name="heard" value="$audio"/><TextArea name="said" toName="heard"/></View>'


@pytest.fixture(scope="module")
def served() -> Iterator[TestClient]:
    models = registry(bright=("image",), notes=("audio",))
    models.promote_loaded("squares", "squares.seehear", Recogniser(squares.bundle()))
    with client(models) as opened:
        yield opened


def test_health_and_setup(served: TestClient) -> None:
    assert served.get("/label-studio/bright/health").json()["status"] == "UP"
    ready = served.post(
        "/label-studio/bright/setup", json={"project": "1.7", "schema": CHOICES, "hostname": "http://x"}
    )
    assert ready.json()["model_version"].startswith("bright-")
    assert served.get("/label-studio/owls/health").status_code == 404
    assert "several models are served" in served.get("/label-studio/health").json()["error"]
    with client() as alone:
        assert alone.get("/label-studio").json() == alone.get("/label-studio/health").json()
        again = alone.post("/label-studio/setup", json={"schema": CHOICES}).json()
        assert alone.get("/label-studio/versions").json() == {"versions": [again["model_version"]]}
    assert again == ready.json(), "the version of a model is the same in another server"


def test_choices(served: TestClient) -> None:
    answered = ask(served, CHOICES, {"image": data_uri(picture_file(0.9))}, {"image": data_uri(picture_file(0.1))})
    assert answered.status_code == 200, answered.text
    first, second = answered.json()["results"]
    (region,) = first["result"]
    assert (region["from_name"], region["to_name"], region["type"]) == ("light", "img", "choices")
    assert (region["original_width"], region["original_height"]) == (8, 8)
    assert [each["result"][0]["value"] for each in (first, second)] == [{"choices": ["bright"]}, {"choices": ["dark"]}]
    assert first["score"] > 0.9
    assert first["model_version"] == answered.json()["model_version"]


def test_what_it_does_not_know_is_not_proposed(served: TestClient) -> None:
    unsure = ask(served, CHOICES, {"image": data_uri(picture_file(0.51))}).json()["results"][0]
    assert unsure["result"] == []
    assert 0 < unsure["score"] < 0.9, "so that unsure tasks can be labelled first"


def test_rectangles_are_in_percent(served: TestClient) -> None:
    file = BytesIO()
    squares.picture([(16, 32)]).save(file, "PNG")
    (result,) = ask(served, RECTANGLES, {"image": data_uri(file.getvalue())}, model="squares").json()["results"]
    (region,) = result["result"]
    value = region["value"]
    assert value["rectanglelabels"] == ["square"]
    got = [value[name] for name in ("x", "y", "width", "height", "rotation")]
    assert got == pytest.approx([25, 50, 12.5, 12.5, 0])
    assert region["score"] > 0.5


def test_words(served: TestClient) -> None:
    heard = {"audio": data_uri(sound_file(), "audio/wav")}
    (result,) = ask(served, WORDS, heard, model="notes").json()["results"]
    assert [each["value"] for each in result["result"]] == [{"text": ["a b"]}]
    assert "original_width" not in result["result"][0]


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("no XML", "the labeling config: not XML"),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]><View/>", "it declares a document type"),
        (RECTANGLES, "no control takes an answer of the kind label. Allowed: choices"),
        (CHOICES.replace("$image", "https://x"), "no tag shows a file for image. Allowed: picture"),
        (CHOICES.replace('<Choice value="dark"/>', ""), "light has nothing for dark. Allowed: bright. Next: add them"),
        (CHOICES.replace('toName="img"', 'toName="other"'), "no control takes"),
        ("<View>" * 5000 + "</View>" * 5000, "no tag shows a file"),
    ],
)
def test_configs_that_do_not_fit(served: TestClient, config: str, words: str, caplog: pytest.LogCaptureFixture) -> None:
    for refused in (
        served.post("/label-studio/bright/setup", json={"schema": config}),
        ask(served, config, {"image": data_uri(picture_file())}),
    ):
        assert refused.status_code == 400
        assert words in refused.json()["error"]
    assert f"Refused Label Studio's request: {refused.json()['error']}" in caplog.text


def test_aliases_and_choices_of_each_task() -> None:
    config = read_config(
        """<View><Image name="img" value="$image"/><Choices name="a" toName="img"><Choice value="Owl" alias="owl"/>
        </Choices><Choices name="b" toName="img" value="$options"/></View>"""
    )
    assert config.controls["a"].values == ["owl"]
    assert config.controls["b"].values == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (None, "task 1: it names no file"),
        (7, "task 1: it names no file"),
        ("data:image/png,plain", "task 1: its data are not base64"),
        ("data:image/png;base64,%%%", "task 1: its data are not base64"),
        (
            "http://169.254.169.254/latest/meta-data",
            "this server opens no addresses. Next: start it with --label-studio",
        ),
        ("file:///etc/passwd", "this server opens no addresses"),
        ("/data/local-files/?d=../secret.png", "this server opens no addresses"),
        ("/data/upload/1/a.png", "this server opens no addresses"),
        ("birds/1.png", "this server opens no addresses"),
        ("http://[", "it is not an address"),
    ],
)
def test_tasks_open_nothing_by_themselves(served: TestClient, given: Any, words: str) -> None:
    assert words in error_of(served, given)


def test_a_task_that_cannot_be_opened_leaves_the_others(served: TestClient) -> None:
    answered = ask(
        served, CHOICES, {"image": data_uri(picture_file())}, {"image": "http://evil.example/"},
        {"image": data_uri(b"no picture")},
    )  # fmt: skip
    assert answered.status_code == 200
    right, foreign, damaged = answered.json()["results"]
    assert right["result"]
    assert "error" not in right
    assert "result" not in foreign
    assert "this server opens no addresses" in foreign["error"]
    assert "picture" in damaged["error"]


def test_files_below_a_folder(tmp_path: Path) -> None:
    folder, outside = tmp_path / "files", tmp_path / "secret.png"
    (folder / "birds").mkdir(parents=True)
    (folder / "birds" / "one owl.png").write_bytes(picture_file())
    outside.write_bytes(picture_file())
    (folder / "link.png").symlink_to(outside)
    with client(label_studio_files=folder) as served:
        right = ask(
            served, CHOICES, {"image": "/data/local-files/?d=birds/one%20owl.png"}, {"image": "birds/one owl.png"},
            {"image": "https://label.example/data/local-files/?d=birds/one%20owl.png"},
        )  # fmt: skip
        assert [bool(each["result"]) for each in right.json()["results"]] == [True] * 3
        for path in ("../secret.png", str(outside), "link.png", "birds", "none.png", "\0.png", "x" * 5000):
            assert "there is no such file below the folder" in error_of(served, f"/data/local-files/?d={path}"), path
        assert "this server opens no addresses" in error_of(served, "/data/upload/1/a.png")


def test_wrong_requests(served: TestClient) -> None:
    for body in ({}, {"tasks": [], "label_config": CHOICES}, {"tasks": [{"id": 1}], "label_config": CHOICES}):
        refused = served.post("/label-studio/bright/predict", json=body)
        assert (refused.status_code, "error" in refused.json()) == (400, True)
    with pytest.raises(UsageError, match="the address 'ftp://x'"), client(label_studio="ftp://x"):
        pass
    with pytest.raises(UsageError, match="there is no such folder"), client(label_studio_files=Path("none")):
        pass


def test_events_change_nothing(served: TestClient) -> None:
    assert served.post("/label-studio/bright/webhook", json={"action": "ANNOTATION_CREATED"}).json() == {}
    refused = served.post("/label-studio/bright/webhook", json={"action": "START_TRAINING", "project": {"id": 1}})
    assert refused.status_code == 400
    assert "training is not started from Label Studio" in refused.json()["error"]


def test_basic_authentication_shows_the_token() -> None:
    token = "a-token-of-some-length"
    with client(token=token) as served:
        for password, status in ((token, 200), ("another-token-of-length", 401), ("", 401)):
            shown = base64.b64encode(f"label-studio:{password}".encode()).decode()
            asked = served.get("/label-studio/health", headers={"authorization": f"Basic {shown}"})
            assert asked.status_code == status
        assert served.get("/label-studio/health", headers={b"authorization": "Basic é".encode()}).status_code == 401


def test_more_tasks_than_may_wait_are_answered() -> None:
    with client(waiting=2) as served:
        answered = ask(served, CHOICES, *({"image": data_uri(picture_file())},) * 20)
    assert len(answered.json()["results"]) == 20
    assert np.all([each["result"] for each in answered.json()["results"]])


def test_promoted_models_have_their_own_version() -> None:
    models: ModelRegistry = registry()
    with client(models) as served:
        first = served.post("/label-studio/setup", json={}).json()["model_version"]
        models.promote_loaded("bright", "squares.seehear", Recogniser(squares.bundle()))
        assert served.post("/label-studio/setup", json={}).json()["model_version"] != first
