"""`POST /predict`: the same object as `predict --json`, and errors in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from seehear.serve import uploads
from seehear.serve.models import ModelRegistry
from serving import client, picture_file, registry, sound_file


@pytest.fixture(scope="module")
def models() -> ModelRegistry:
    return registry(bright=("image",), loud=("audio",), both=("image", "audio"))


@pytest.fixture(scope="module")
def served(models: ModelRegistry) -> Iterator[TestClient]:
    with client(models) as opened:
        yield opened


def ask(served: TestClient, content: bytes | None = None, name: str = "a.png", **fields: Any) -> Any:
    files = {"file": (name, picture_file() if content is None else content)}
    return served.post("/predict", files=files, data={"model": "bright"} | fields)


def test_it_answers_as_predict_does(served: TestClient, models: ModelRegistry) -> None:
    answered = ask(served)
    expected = models.get("bright").recogniser.predict(picture_file()).to_json()
    assert answered.status_code == 200
    assert answered.json() == expected | {"input": "a.png"}
    assert answered.headers["seehear-model"] == "bright/1"


def test_the_body_may_be_the_file(served: TestClient) -> None:
    answered = served.post("/predict?model=loud&name=a.wav", content=sound_file())
    assert answered.json()["answer"] == {"label": "bright"}
    assert answered.json()["input"] == "a.wav"


def test_a_file_for_each_sense(served: TestClient) -> None:
    files = {"image": ("a.png", picture_file(0.1)), "audio": ("a.wav", sound_file())}
    answered = served.post("/predict", files=files, data={"model": "both"})
    assert answered.json()["used"] == ["image", "audio"]
    assert answered.json()["input"] == "a.png + a.wav"


def test_a_large_file_is_answered_from_disk_under_its_own_name(
    served: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "IN_MEMORY_BYTES", 10)
    assert ask(served).json()["answer"] == {"label": "bright"}
    damaged = ask(served, b"x" * 100, name="b.png")
    assert damaged.status_code == 422
    assert damaged.json()["error"].startswith("b.png: ")
    assert "seehear-upload" not in damaged.text


def test_what_cannot_be_read_is_the_object_with_its_error(served: TestClient) -> None:
    answered = ask(served, b"no picture", name="<b>.png")
    assert answered.status_code == 422
    assert answered.json()["answer"] is None
    assert answered.json()["error"].startswith("<b>.png: ")
    assert answered.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"model": "owls"}, 404, "no model is called 'owls'. Allowed: bright, loud, both."),
        ({"wrong_at_most": "2"}, 400, "more than 0 and less than 1"),
        ({"wrong_at_most": "few"}, 400, "wrong_at_most: Input should be a valid number"),
        ({"speed": "9"}, 400, "speed: Extra inputs are not permitted. Allowed: file, model, senses,"),
        ({"senses": "audio"}, 400, "senses audio. Allowed: image."),
        ({"hotwords": "one"}, 400, "hotwords for an answer of the kind"),
        ({"tiles": "true"}, 400, "tiles"),
    ],
)
def test_wrong_fields_are_named(served: TestClient, fields: dict[str, Any], status: int, words: str) -> None:
    answered = ask(served, None, **fields)
    assert answered.status_code == status
    assert words in answered.json()["error"]


def test_a_request_without_a_file_says_so(served: TestClient) -> None:
    assert "no file. Allowed: file, image" in served.post("/predict?model=bright").json()["error"]
    files = [("file", picture_file()), ("file", picture_file())]
    assert "two files as 'file'" in served.post("/predict?model=bright", files=files).json()["error"]


def test_a_model_must_be_named_if_there_are_several(served: TestClient) -> None:
    answered = served.post("/predict", files={"file": picture_file()})
    assert answered.status_code == 404
    assert "several models are served. Allowed: bright, loud, both." in answered.json()["error"]


def test_health_and_metrics(served: TestClient) -> None:
    ask(served)
    assert served.get("/health/live").json() == {"live": True}
    assert served.get("/health/ready").json() == {"ready": True, "models": ["bright", "loud", "both"]}
    figures = served.get("/metrics").text
    assert 'seehear_answers_total{model="bright",outcome="accepted"}' in figures
    assert 'seehear_requests_total{code="200",route="/predict"}' in figures
    assert 'seehear_model_loaded{model="bright",version="1"} 1.0' in figures
    assert 'seehear_confidence_drift_ratio{model="bright"}' in figures


def test_an_address_that_does_not_exist(served: TestClient) -> None:
    assert served.get("/nothing").json() == {"error": "Not Found"}
    assert served.get("/predict").status_code == 405
