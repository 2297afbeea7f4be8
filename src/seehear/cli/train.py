"""`seehear train` and `seehear plan`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seehear.amounts import counted
from seehear.cli import options
from seehear.cli.display import Display
from seehear.errors import UsageError
from seehear.escaping import escaped_toml
from seehear.results.summary import summarise_metrics

if TYPE_CHECKING:
    from seehear.api import Recogniser


def train(  # noqa: PLR0913 - each flag is an argument
    data: options.Data,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="MODEL", help="Where to put it: pets.seehear.")],
    minutes: options.Minutes = None,
    steps: options.Steps = None,
    val: options.Held = None,
    recipe: options.RecipeFile = None,
    start: Annotated[
        Path | None, typer.Option("--start", metavar="MODEL", help="A model file to train further, instead of anew.")
    ] = None,
    seed: options.Seed = None,
    device: options.Device = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where a run for the same model was stopped.")] = False,
    answer: options.Answer = None,
    senses: options.Senses = None,
    wrong_at_most: options.WrongAtMost = None,
    text: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What else may be said in transcripts, a sentence a line.")
    ] = None,
    cache: Annotated[Path | None, typer.Option(metavar="DIR", help="Where to keep decoded examples.")] = None,
) -> None:
    """Learn from examples and write a model file."""
    if out.suffix != options.SUFFIX:
        raise UsageError("a model file is called something.seehear", where=f"-o {out}")
    from seehear import api

    with Display() as display:
        model = api.train(
            options.existing(data),
            out,
            resume=resume,
            listen=display,
            **options.given(
                minutes=minutes,
                steps=steps,
                val=val and options.existing(val),
                recipe=recipe and options.existing(recipe),
                start=start and options.existing(start),
                seed=seed,
                device=device,
                answer=answer,
                senses=options.names(senses),
                wrong_at_most=wrong_at_most,
                text=options.lines(text),
                cache=cache,
            ),
        )
        _conclude(display, model, out)
    if model.problems:
        raise typer.Exit(1)


def plan(  # noqa: PLR0913 - each flag is an argument
    data: options.Data,
    minutes: options.Minutes = None,
    steps: options.Steps = None,
    val: options.Held = None,
    seed: options.Seed = None,
    device: options.Device = None,
    answer: options.Answer = None,
    senses: options.Senses = None,
    wrong_at_most: options.WrongAtMost = None,
) -> None:
    """Print the recipe that train would follow.

    Edit it and give it back with --recipe."""
    import tomli_w

    from seehear import api
    from seehear.recipe import opaque

    with Display() as display:
        recipe = api.plan(
            options.existing(data),
            listen=display,
            **options.given(
                minutes=minutes,
                steps=steps,
                val=val and options.existing(val),
                seed=seed,
                device=device,
                answer=answer,
                senses=options.names(senses),
                wrong_at_most=wrong_at_most,
            ),
        )
    # What only a training finds out is empty yet, and no business of whoever edits this.
    readable = recipe.model_dump(mode="json", exclude_none=True, exclude={"answer": opaque(recipe.answer)})
    planned = {name: value for name, value in readable.items() if value != {}}
    sys.stdout.write(escaped_toml(tomli_w.dumps(planned)))
    if display.left_out:
        raise typer.Exit(1)


def _conclude(display: Display, model: Recogniser, out: Path) -> None:
    from seehear.answers import ANSWERS

    display.problems(model.problems)
    kind = ANSWERS[model.recipe.kind]
    headline = kind.headline(model.recipe.answer).metric
    for used, result in model.recipe.results.items():
        by, metrics = used.replace("+", " and "), result["metrics"]
        first = "" if metrics[headline] is None else f"{headline} {metrics[headline]:.3g}; "
        display.say(
            f"By {by}, on {counted(result['n'], 'example')} held out: {first}{summarise_metrics(metrics, kind.item)}."
        )
    display.say("")
    display.say(f"Saved {out} ({out.stat().st_size / 1e6:.1f} MB). Next:")
    seehear = options.program()
    display.say(f"  {seehear} predict {out} FILE...     ask it")
    display.say(f"  {seehear} evaluate {out} DATA       measure it on examples it has not seen")
    display.say(f"  {seehear} show {out}                what it answers, how good it was, its limits")
