"""Models for an AI assistant on this machine, by the Model Context Protocol. It can use them, but change nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations

import seehear
from seehear.errors import UsageError
from seehear.serve.models import ModelRegistry, ServedModel

READING = ToolAnnotations(read_only_hint=True, open_world_hint=False)
INSTRUCTIONS = (
    "Models that see and hear, trained by the user. An answer whose `accepted` is false means that the model does not "
    "know; do not present it as an answer."
)


def make_server(models: ModelRegistry, folder: Path) -> MCPServer[Any]:
    """A server of the protocol, to be run with its `run`.

    folder   only files in it and its subfolders can be asked about
    """
    server: MCPServer[Any] = MCPServer("seehear", version=seehear.__version__, instructions=INSTRUCTIONS)
    inside = folder.resolve()

    def list_models() -> list[dict[str, Any]]:
        """The models: what each is called, what it takes and what it answers with."""
        return [
            {
                "model": served.name,
                "takes": list(served.media),
                "answers_with": str(served.recogniser.recipe.answer),
                "version": served.version,
            }
            for served in models.list()
        ]

    def read_card(model: str) -> str:
        """The card of a model: what it learned from, how good it was on examples that were held out, and its limits."""
        return _find(models, model).recogniser.card()

    def predict(model: str, file: str) -> dict[str, Any]:
        """Ask a model about a picture, a recording or a video, by its path.

        The result has the answer, its confidence, whether it is accepted, and if not, the reason.
        """
        path = (inside / file).resolve()
        if not path.is_relative_to(inside):
            raise ToolError(f"{file}: outside of {inside}, the only folder that may be read")
        if not path.is_file():
            raise ToolError(f"{file}: there is no such file in {inside}")
        result: dict[str, Any] = _find(models, model).recogniser.predict(path).to_json()
        return result

    for tool in (list_models, read_card, predict):
        server.tool(annotations=READING)(tool)
    return server


def _find(models: ModelRegistry, name: str) -> ServedModel:
    try:
        return models.get(name)
    except UsageError as error:
        raise ToolError(str(error)) from None
