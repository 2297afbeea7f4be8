"""`seehear train` and `seehear plan`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seehear.amounts import format_count
from seehear.cli import options
from seehear.cli.display import Display
from seehear.errors import UsageError
from seehear.escaping import escape_toml
from seehear.files import MODEL_SUFFIX
from seehear.results.summary import summarise_metrics

if TYPE_CHECKING:
    from seehear.api import Recogniser


def train(  # noqa: PLR0913 - each flag is an argument
    data: options.Data,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="MODEL", help="The model file to write, such as pets.seehear.")
    ],
    minutes: options.Minutes = None,
    steps: options.Steps = None,
    val: options.Validation = None,
    unlabelled: options.Unlabelled = None,
    recipe: options.RecipeFile = None,
    start: options.Start = None,
    seed: options.Seed = None,
    device: options.Device = None,
    resume: options.Resume = False,
    answer: options.Answer = None,
    senses: options.Senses = None,
    wrong_at_most: options.WrongAtMost = None,
    text: options.Text = None,
    coverage: options.Promised = None,
    each_class: options.EachClass = False,
    each_group: options.EachGroup = None,
    fair: options.Fair = None,
    robust: options.Robust = False,
    tries: options.Tries = None,
    cache: options.Cache = None,
    on: options.On = None,
    workers: options.Workers = None,
    gpus_per_worker: options.GpusPerWorker = None,
) -> None:
    """Train a model on examples and write a model file."""
    if out.suffix != MODEL_SUFFIX:
        raise UsageError("the name of a model file ends in .seehear", where=f"-o {out}")
    from seehear import api
    from seehear.learn.torchrun import read_launch

    if read_launch().helps:
        api.train(data, out, **options.drop_unset(device=device))
        return
    # fmt: off
    given = options.drop_unset(
        minutes=minutes, steps=steps, seed=seed, device=device, answer=answer, wrong_at_most=wrong_at_most,
        val=val and options.require_existing(val), unlabelled=unlabelled and options.require_existing(unlabelled),
        recipe=recipe and options.require_existing(recipe), start=options.require_existing_start(start),
        senses=options.split_names(senses), text=options.read_lines(text), coverage=coverage,
        each_class=each_class or None, each_group=each_group, fair=fair, robust=robust or None, cache=cache,
        tries=tries, on=on, workers=workers, gpus_per_worker=gpus_per_worker,
    )
    # fmt: on
    with Display() as display:
        model = api.train(options.require_existing(data), out, resume=resume, listen=display, **given)
        _report(display, model, out)
    if model.problems:
        raise typer.Exit(1)


def plan(  # noqa: PLR0913 - each flag is an argument
    data: options.Data,
    minutes: options.Minutes = None,
    steps: options.Steps = None,
    val: options.Validation = None,
    seed: options.Seed = None,
    device: options.Device = None,
    answer: options.Answer = None,
    senses: options.Senses = None,
    wrong_at_most: options.WrongAtMost = None,
    start: options.Start = None,
    coverage: options.Promised = None,
    each_class: options.EachClass = False,
    each_group: options.EachGroup = None,
    fair: options.Fair = None,
    robust: options.Robust = False,
) -> None:
    """Print the recipe that train would use.

    Edit it and pass it to train with --recipe."""
    import tomli_w

    from seehear import api
    from seehear.recipe import opaque

    with Display() as display:
        recipe = api.plan(
            options.require_existing(data),
            listen=display,
            **options.drop_unset(
                minutes=minutes,
                steps=steps,
                val=val and options.require_existing(val),
                seed=seed,
                device=device,
                answer=answer,
                senses=options.split_names(senses),
                wrong_at_most=wrong_at_most,
                start=start,
                coverage=coverage,
                each_class=each_class or None,
                each_group=each_group,
                fair=fair,
                robust=robust or None,
            ),
        )
    # Nobody should edit what only training fills in. Most of those fields are empty mappings.
    readable = recipe.model_dump(
        mode="json",
        exclude_none=True,
        exclude={"answer": opaque(recipe.answer), "groups_seen": True, "cross_fitted": True, "usual": True},
    )
    planned = {name: value for name, value in readable.items() if value != {}}
    sys.stdout.write(escape_toml(tomli_w.dumps(planned)))
    if display.left_out:
        raise typer.Exit(1)


def _report(display: Display, model: Recogniser, out: Path) -> None:
    from seehear.answers import ANSWERS

    display.show_problems(model.problems)
    kind = ANSWERS[model.recipe.kind]
    headline = kind.headline(model.recipe.answer).metric
    for used, result in model.recipe.results.items():
        senses, metrics = used.replace("+", " and "), result["metrics"]
        first = "" if metrics[headline] is None else f"{headline} {metrics[headline]:.3g}; "
        noun = "cross-validated example" if model.recipe.cross_fitted else "held-out example"
        examples = format_count(result["n"], noun)
        display.say(f"With {senses}, on {examples}: {first}{summarise_metrics(metrics, kind.item)}.")
    display.say("")
    display.say(f"Saved {out} ({out.stat().st_size / 1e6:.1f} MB). Next:")
    seehear = options.program_name()
    display.say(f"  {seehear} predict {out} FILE...     predict")
    display.say(f"  {seehear} evaluate {out} DATA       evaluate it on examples that it has not seen")
    display.say(f"  {seehear} show {out}                print its model card")
