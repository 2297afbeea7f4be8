"""`seehear predict --on`: what a cluster answers, as files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from seehear.cli import options
from seehear.cli.display import Display
from seehear.errors import UsageError


def predict_on(
    on: str,
    model: Path,
    inputs: Sequence[str],
    flags: Mapping[str, Any],
    *,
    out: Path | None,
    settings: Mapping[str, Any],
) -> None:
    """Predict on a cluster.

    flags     of PredictOptions
    settings  workers, parts and resume, as far as they are given
    """
    from seehear.cluster.prediction import PredictionRequest, predict_on_ray
    from seehear.runtime.options import PredictOptions

    if out is None:
        raise UsageError("--on without --out", hint="name a folder for the answers: --out DIR")
    if "-" in inputs:
        raise UsageError("names from stdin with --on", hint="put them into a table, and name that")
    with Display() as display:
        model = options.require_model(model, *inputs).absolute()
        request = PredictionRequest(model, tuple(inputs), out.absolute(), PredictOptions(**flags), **settings)
        answered = predict_on_ray(request, on, display)
        unreadable = f"; {answered.unreadable:,} could not be read" if answered.unreadable else ""
        display.say(f"{answered.examples:,} inputs{unreadable}; written to {out}")
    if answered.unreadable:
        raise typer.Exit(1)
