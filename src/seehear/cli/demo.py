"""`seehear demo`: a whole story on data that needs no download."""

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

BEFORE = """\
Digits that are seen and heard. The handwriting is real (scikit-learn's 1,797 scans, made faint and grainy here); the
voices are synthetic (espeak-ng, in as much noise as voice). The test has other voices than the training, and other
people's hands. Everything is made on this machine; nothing is downloaded.
"""


def demo(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where to put data and model.")] = Path("demo"),
    minutes: Annotated[float, typer.Option(help="Time to learn in.")] = MINUTES,
    seed: options.Seed = None,
) -> None:
    """Watch it learn digits, seen and heard."""
    from seehear import api
    from seehear.demo.digits import make_digits
    from seehear.planning.options import TrainOptions

    _check_ours(out)
    TrainOptions(minutes, seed=seed)  # refused before anything is made
    with Display() as display:
        for line in BEFORE.split("\n"):
            display.say(line)
        chance = options.given(seed=seed)
        digits = make_digits(out, **chance, listen=display)
        model = api.train(digits.train, out / "digits.seehear", minutes=minutes, listen=display, **chance)
    typer.echo("\nOn voices and hands that it did not learn from:")
    for by, senses in (("both senses", ["image", "audio"]), ("sight alone", ["image"]), ("hearing alone", ["audio"])):
        measured = model.evaluate(digits.test, senses=senses)
        typer.echo(f"  {by:<18} {summarise_metrics(measured.metrics, measured.item)}")
    typer.echo('\nOn what is no digit at all, the share to which it says "I don\'t know":')
    for folder in digits.unfamiliar:
        typer.echo(f"  {folder.name:<18} {_refused(model, folder):4.0%}")
    typer.echo(_next(out))


def _check_ours(out: Path) -> None:
    """Raises UsageError unless the folder is new, empty, or from an earlier demo."""
    if out.exists() and any(out.iterdir()) and not (out / "unfamiliar").is_dir():
        raise UsageError("there is something else in it", where=str(out), hint="choose another folder with --out")


def _refused(model: Recogniser, folder: Path) -> float:
    """The share of a folder's examples that it would not answer."""
    from seehear.inputs import gather

    examples = list(gather([folder], tuple(model.recipe.senses)))
    return len([p for p in model.predict(examples) if not p.accepted]) / len(examples)


def _next(out: Path) -> str:
    model, program = out / "digits.seehear", options.program()
    return f"""
Everything lies in {out}/. Try:
  {program} predict {model} {out}/test/0001.png {out}/test/0001.wav
  {program} predict {model} {out}/test/0001.wav
  {program} predict {model} {out}/unfamiliar
  {program} evaluate {model} {out}/test.csv --senses image --report {out}/report
  {program} show {model}"""
