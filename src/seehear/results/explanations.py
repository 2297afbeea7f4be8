"""Writes explanations to a folder: the numbers as JSON, and a picture for each heat map."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

from seehear.explain.explanation import Explanation
from seehear.files import write_atomically
from seehear.results.writer import OutputNames, first_path, reserve_path


def write_explanation(folder: Path, explanation: Explanation, names: OutputNames) -> list[Path]:
    """Write NAME.why.json and NAME.why-SENSE.png, named after the input; returns their paths.

    Raises UsageError if one would replace a file beside its input.
    """
    source = first_path(explanation.prediction.source)
    name = names.assign(source)
    contents = {"why.json": json.dumps(explanation.to_json(), ensure_ascii=False).encode()}
    for what, picture in explanation.pictures().items():
        file = BytesIO()
        picture.save(file, "PNG")
        contents[f"why-{what}.png"] = file.getvalue()
    written = []
    for extension, content in contents.items():
        target = reserve_path(folder, name, extension, source)
        write_atomically(target, content)
        written.append(target)
    return written
