"""`seehear demo`: makes data, trains, evaluates and predicts, without a download."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seehear.cli import options
from seehear.cli.display import Display
from seehear.errors import UsageError
from seehear.results.summary import summarise_metrics

if TYPE_CHECKING:
    from seehear.api import Recogniser

MINUTES = 1.5

INTRODUCTION = """\
Handwritten and spoken digits. The handwriting is real (scikit-learn's 1,797 scans, made faint and noisy), the voices
are synthetic (espeak-ng, in noise as loud as the voice). The test set has voices and writers that are not in the
training set. Everything is made on this machine; nothing is downloaded.
"""


def demo(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the data and the model.")] = Path(
        "demo"
    ),
    minutes: Annotated[float, typer.Option(help="Training time.")] = MINUTES,
    seed: options.Seed = None,
) -> None:
    """Train a model on handwritten and spoken digits."""
    from seehear import api
    from seehear.demo.digits import make_digits
    from seehear.planning.options import TrainOptions

    _check_folder(out)
    TrainOptions(minutes, seed=seed)  # raises before anything is made
    with Display() as display:
        for line in INTRODUCTION.split("\n"):
            display.say(line)
        seeds = options.drop_unset(seed=seed)
        digits = make_digits(out, **seeds, listen=display)
        model = api.train(digits.train, out / "digits.seehear", minutes=minutes, listen=display, **seeds)
    typer.echo("\nOn voices and handwriting that are not in the training set:")
    for title, senses in (("both senses", ["image", "audio"]), ("image only", ["image"]), ("audio only", ["audio"])):
        evaluation = model.evaluate(digits.test, senses=senses)
        typer.echo(f"  {title:<18} {summarise_metrics(evaluation.metrics, evaluation.item)}")
    typer.echo('\nShare of inputs other than digits that get the answer "I don\'t know":')
    for folder in digits.not_digits:
        typer.echo(f"  {folder.name:<18} {100 * _measure_rejected(model, folder):3.0f} %")
    typer.echo(_suggest_commands(out))


def _check_folder(out: Path) -> None:
    """Raises UsageError unless the folder is new, empty, or made by an earlier demo."""
    if out.exists() and any(out.iterdir()) and not (out / "not-digits").is_dir():
        raise UsageError("the folder contains other files", where=str(out), hint="choose another folder with --out")


def _measure_rejected(model: Recogniser, folder: Path) -> float:
    """The share of a folder's examples that get no accepted answer."""
    from seehear.inputs import gather

    examples = list(gather([folder], tuple(model.recipe.senses)))
    return len([p for p in model.predict(examples) if not p.accepted]) / len(examples)


def _suggest_commands(out: Path) -> str:
    model, program = out / "digits.seehear", options.program_name()
    return f"""
Data and model are in {out}/. Try:
  {program} predict {model} {out}/test/0001.png {out}/test/0001.wav
  {program} predict {model} {out}/test/0001.wav
  {program} predict {model} {out}/not-digits
  {program} evaluate {model} {out}/test.csv --senses image --report {out}/report
  {program} show {model}"""
