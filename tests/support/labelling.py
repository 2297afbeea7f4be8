"""Tasks as Label Studio sends them to the server in tests."""

from __future__ import annotations

import base64
from typing import Any

from starlette.testclient import TestClient

CHOICES = """<View><Image name="img" value="$image"/><Choices name="light" toName="img">
    <Choice value="dark"/><Choice value="bright"/></Choices></View>"""


def data_uri(content: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def tasks(*data: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"id": number, "data": each} for number, each in enumerate(data, 1)]


def error_of(served: TestClient, given: Any) -> str:
    """Why a picture is not answered."""
    (result,) = ask(served, CHOICES, {"image": given}).json()["results"]
    assert "result" not in result, "Label Studio stores nothing for it"
    return str(result["error"])


def ask(served: TestClient, config: str, *data: dict[str, Any], model: str = "bright") -> Any:
    body = {"tasks": tasks(*data), "label_config": config, "project": "1.7", "params": {"context": None}}
    return served.post(f"/label-studio/{model}/predict", json=body)
