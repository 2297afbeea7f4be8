"""The Open Inference Protocol: metadata, and inference with arrays and files, in JSON and in binary."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

import tiny
from seehear.serve import inference_protocol
from serving import client, picture_file, registry, sound_file


@pytest.fixture(scope="module")
def served() -> Iterator[TestClient]:
    with client(registry(bright=("image",), loud=("audio",), both=("image", "audio"))) as opened:
        yield opened


def infer(served: TestClient, *inputs: dict[str, Any], model: str = "bright", **members: Any) -> Any:
    return served.post(f"/v2/models/{model}/infer", json={"inputs": list(inputs), **members})


def outputs(answered: Any) -> dict[str, Any]:
    assert answered.status_code == 200, answered.text
    return {output["name"]: output["data"] for output in answered.json()["outputs"]}


def files(name: str, *contents: bytes) -> dict[str, Any]:
    data = [base64.b64encode(content).decode() for content in contents]
    return {"name": name, "datatype": "BYTES", "shape": [len(data)], "data": data}


def test_health_and_metadata(served: TestClient) -> None:
    assert served.get("/v2").json()["extensions"] == ["binary_tensor_data"]
    assert served.get("/v2/health/live").json() == {"live": True}
    assert served.get("/v2/health/ready").json()["ready"] is True
    about = served.get("/v2/models/both/versions/1").json()
    assert [each["name"] for each in about["inputs"]] == ["image", "audio"]
    assert {each["name"] for each in about["outputs"]} == {"prediction", "answer", "confidence", "accepted"}
    assert served.get("/v2/models/both/ready").json() == {"name": "both", "ready": True}
    assert served.get("/v2/models/none/ready").json()["error"].startswith("no model is called 'none'")
    assert served.get("/v2/models/both/versions/7/ready").status_code == 404


def test_files_in_base64(served: TestClient) -> None:
    answered = infer(served, files("image", picture_file(0.9), picture_file(0.1), b"damaged"), id="7")
    found = outputs(answered)
    assert (answered.json()["id"], answered.json()["model_version"]) == ("7", "1")
    assert found["answer"] == ["bright", "dark", ""]
    assert found["accepted"][2] is False
    assert json.loads(found["prediction"][0])["answer"] == {"label": "bright"}
    assert json.loads(found["prediction"][2])["error"].startswith("image 2: ")


def test_arrays_in_json(served: TestClient) -> None:
    batch = np.stack([tiny.picture(0.9), tiny.picture(0.1)])
    tensor = {"name": "image", "datatype": "UINT8", "shape": list(batch.shape), "data": batch.ravel().tolist()}
    wanted = [{"name": "answer"}]
    assert outputs(infer(served, tensor, outputs=wanted)) == {"answer": ["bright", "dark"]}
    one = tensor | {"shape": [8, 8, 1], "data": batch[1].tolist()}
    assert outputs(infer(served, one))["answer"] == ["dark"]
    sound = {
        "name": "audio",
        "datatype": "FP32",
        "shape": [8000],
        "data": [0.9] * 8000,
        "parameters": {"rate_hz": 8000},
    }
    answered = infer(served, sound, model="loud")
    assert outputs(answered)["answer"] == ["bright"]
    assert outputs(infer(served, one, files("audio", sound_file()), model="both"))["answer"] == ["dark"]


def test_binary_data(served: TestClient) -> None:
    picture, sound = picture_file(0.1), np.full(8000, 0.9, "<f4").tobytes()
    blob = struct.pack("<I", len(picture)) + picture
    header = {
        "inputs": [
            {"name": "image", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": len(blob)}},
            {"name": "audio", "datatype": "FP32", "shape": [1, 8000], "parameters": {"binary_data_size": len(sound)}},
        ],
        "outputs": [{"name": "accepted"}, {"name": "answer", "parameters": {"binary_data": True}}],
    }
    packed = json.dumps(header).encode()
    headers = {"Inference-Header-Content-Length": str(len(packed))}
    answered = served.post("/v2/models/both/infer", content=packed + blob + sound, headers=headers)
    length = int(answered.headers["inference-header-content-length"])
    accepted, answer = json.loads(answered.content[:length])["outputs"]
    assert isinstance(accepted["data"][0], bool)
    assert answer["parameters"] == {"binary_data_size": 8}
    assert answered.content[length:] == b"\x04\x00\x00\x00dark"


@pytest.mark.parametrize(
    ("tensor", "words"),
    [
        ({"name": "smell"}, "the input 'smell'. Allowed: each of image at most once"),
        ({"datatype": "FP8"}, "image: the datatype 'FP8'. Allowed: BYTES, BOOL"),
        ({"data": [1] * 63}, "image: the data do not fit"),
        ({"data": [300] * 64}, "image: the data do not fit"),
        ({"data": ["a"] * 64}, "image: the data do not fit"),
        ({"shape": [64]}, "image: an array of the shape (64,). Allowed: 3 or 4 axes."),
        ({"shape": [-1, 8, 1]}, "inputs.0.shape.0: Input should be greater than or equal to 0"),
        ({"datatype": "BYTES", "shape": [1], "data": ["#"]}, "image: not base64"),
        ({"datatype": "BYTES", "shape": [2], "data": ["AA=="]}, "image: 1 elements for the shape [2]"),
        ({"parameters": {"binary_data_size": 10}}, "binary_data_size 10. Allowed: the bytes that follow"),
        ({"shape": "x"}, "inputs.0.shape: Input should be a valid list"),
        ({"shape": [0, 8, 8, 1], "data": []}, "inputs of different numbers, or too many"),
    ],
)
def test_wrong_tensors_are_named(served: TestClient, tensor: dict[str, Any], words: str) -> None:
    right = {"name": "image", "datatype": "UINT8", "shape": [8, 8, 1], "data": [1] * 64}
    refused = infer(served, right | tensor)
    assert refused.status_code == 400
    assert words in refused.json()["error"]


def test_wrong_requests_are_named(served: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "not JSON" in served.post("/v2/models/bright/infer", content=b"{").json()["error"]
    assert "the output 'logits'" in infer(served, files("image", b""), outputs=[{"name": "logits"}]).json()["error"]
    wrong = infer(served, files("image", picture_file()), parameters={"wrong_at_most": 2})
    assert "wrong_at_most is 2" in wrong.json()["error"]
    monkeypatch.setattr(inference_protocol, "MOST_BODY_BYTES", 100)
    assert infer(served, files("image", b"x" * 200)).status_code == 413
