"""`seehear predict --explain`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from seehear.cli.display import Display
from seehear.errors import SeehearError, UsageError
from seehear.escaping import escape_unprintable, to_json_line

if TYPE_CHECKING:
    from seehear.api import Recogniser
    from seehear.explain.explanation import Explanation


def explain_all(
    recogniser: Recogniser,
    inputs: Iterable[str],
    flags: Mapping[str, Any],
    *,
    of: str | None,
    examples: Path | None,
    out: Path | None,
    json: bool,
) -> None:
    """Print the explanation of the answer to each input, and write the heat maps to the folder `out` if it is given.

    Exits with 1 if an input could not be explained. Raises UsageError if there are no inputs.
    """
    from seehear.inputs import gather
    from seehear.results.explanations import write_explanation
    from seehear.results.writer import OutputNames

    names = OutputNames()
    explained, failed = 0, 0
    with Display() as display:
        for each in gather(names.remember_folders(inputs), tuple(recogniser.recipe.senses), written=out):
            try:
                explanation = recogniser.explain(each, of=of, examples=examples, **flags)
            except SeehearError as error:
                display.say(str(error))
                failed += 1
                continue
            explained += 1
            print(to_json_line(explanation.to_json()) if json else "\n".join(_lines(explanation)), flush=True)
            if out is not None:
                written = write_explanation(out, explanation, names)
                display.say(f"written to {', '.join(map(str, written))}")
        if not explained and not failed:
            raise UsageError("no inputs", hint="name files, or folders that contain some")
        if explained and out is None and not json:
            display.say("--out DIR writes the heat maps as pictures")
    if failed:
        raise typer.Exit(1)


def _lines(explanation: Explanation) -> Iterator[str]:
    return map(escape_unprintable, str(explanation).split("\n"))
