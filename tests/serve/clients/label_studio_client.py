"""Checks pre-annotations from a running server, whose address is the first argument, with `label-studio-sdk`: the
labeling config, the regions and the decoder of brushes are Label Studio's own. Prints "done" at the end."""

from __future__ import annotations

import base64
import sys
from io import BytesIO
from typing import Any

import numpy as np
import requests
from label_studio_sdk.converter.brush import decode_rle
from label_studio_sdk.label_interface import LabelInterface
from label_studio_sdk.label_interface.objects import PredictionValue
from PIL import Image
from wave_files import encode_loud

ADDRESS = f"{sys.argv[1]}/label-studio"
RECTANGLES = """<View><Image name="img" value="$image"/><RectangleLabels name="box" toName="img">
    <Label value="square"/></RectangleLabels></View>"""
BRUSH = """<View><Image name="img" value="$image"/><BrushLabels name="paint" toName="img">
    <Label value="white"/></BrushLabels></View>"""
POLYGONS = BRUSH.replace("BrushLabels", "PolygonLabels")
CHOICES = """<View><Audio name="heard" value="$audio"/><Choices name="loudness" toName="heard">
    <Choice value="dark"/><Choice value="bright"/></Choices></View>"""
WORDS = '<View><Audio name="heard" value="$audio"/><TextArea name="said" toName="heard"/></View>'


def data_uri(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def picture() -> str:
    """A white square of 8 px at (16, 32) in a picture of 64 px."""
    file, pixels = BytesIO(), np.zeros((64, 64), np.uint8)
    pixels[32:40, 16:24] = 255
    Image.fromarray(pixels).save(file, "PNG")
    return data_uri(file.getvalue(), "image/png")


def ask(model: str, config: str, data: dict[str, str]) -> list[dict[str, Any]]:
    """The regions of one task, after Label Studio has accepted them."""
    interface = LabelInterface(config)
    interface.validate()
    assert requests.get(f"{ADDRESS}/{model}/health", timeout=60).json()["status"] == "UP"
    setup = requests.post(f"{ADDRESS}/{model}/setup", json={"project": "1.7", "schema": config}, timeout=60)
    tasks = [{"id": 1, "data": data}]
    body = {"tasks": tasks, "label_config": config, "project": "1.7", "params": {"context": None}}
    answered = requests.post(f"{ADDRESS}/{model}/predict", json=body, timeout=60)
    assert answered.status_code == 200, answered.text
    (result,) = answered.json()["results"]
    assert result["model_version"] == setup.json()["model_version"]
    problems = interface.validate_prediction(result, return_errors=True)
    assert not problems, problems
    regions: list[dict[str, Any]] = PredictionValue(**result).model_dump()["result"]
    assert regions
    return regions


(box,) = ask("squares", RECTANGLES, {"image": picture()})
assert [round(box["value"][name], 1) for name in ("x", "y", "width", "height")] == [25, 50, 12.5, 12.5], box
assert ask("loud", CHOICES, {"audio": data_uri(encode_loud(), "audio/wav")})[0]["value"] == {"choices": ["bright"]}
assert ask("notes", WORDS, {"audio": data_uri(encode_loud(), "audio/wav")})[0]["value"] == {"text": ["a b"]}
(brush,) = ask("masks", BRUSH, {"image": picture()})
painted = decode_rle(brush["value"]["rle"]).reshape(64, 64, 4)[..., 3] > 0
assert 32 <= painted.sum() <= 256, painted.sum()
assert painted[36, 20]
for polygon in ask("masks", POLYGONS, {"image": picture()}):
    assert len(polygon["value"]["points"]) >= 3
refused = requests.post(f"{ADDRESS}/squares/setup", json={"schema": BRUSH}, timeout=60)
assert refused.status_code == 400
assert "no control takes an answer of the kind boxes" in refused.json()["error"]
print("done")
