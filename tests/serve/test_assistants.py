"""The Model Context Protocol: an assistant asks models about files in one folder, and nothing else."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from serving import picture_file, registry


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "a.png").write_bytes(picture_file())
    (tmp_path / "secret.png").write_bytes(picture_file())
    (tmp_path / "inside" / "link.png").symlink_to(tmp_path / "secret.png")
    return tmp_path / "inside"


def connect(folder: Path) -> Any:
    """A client of a server of its own. Its library is loaded where it is needed, because that takes a second."""
    from mcp import Client

    from seehear.serve.assistants import make_server

    return Client(make_server(registry(), folder))


def call(folder: Path, tool: str, **arguments: Any) -> Any:
    async def ask() -> Any:
        async with connect(folder) as client:
            return await client.call_tool(tool, arguments)

    return asyncio.run(ask())


def test_tools_only_read(folder: Path) -> None:
    async def ask() -> Any:
        async with connect(folder) as client:
            return (await client.list_tools()).tools

    tools = asyncio.run(ask())
    assert {tool.name for tool in tools} == {"list_models", "read_card", "predict"}
    assert all(tool.annotations.read_only_hint for tool in tools)


def test_a_model_is_asked(folder: Path) -> None:
    (model,) = call(folder, "list_models").structured_content["result"]
    assert (model["model"], model["takes"]) == ("bright", ["picture", "video"])
    assert "Dark or bright?" in call(folder, "read_card", model="bright").content[0].text
    answered = call(folder, "predict", model="bright", file="a.png").structured_content
    assert answered["answer"] == {"label": "bright"}
    assert answered["accepted"] is True


@pytest.mark.parametrize(
    ("model", "file", "words"),
    [
        ("owls", "a.png", "no model is called 'owls'. Allowed: bright."),
        ("bright", "../secret.png", "outside of"),
        ("bright", "/etc/passwd", "outside of"),
        ("bright", "link.png", "outside of"),
        ("bright", "b.png", "there is no such file"),
    ],
)
def test_what_may_not_be_asked(folder: Path, model: str, file: str, words: str) -> None:
    refused = call(folder, "predict", model=model, file=file)
    assert refused.is_error
    assert words in refused.content[0].text
