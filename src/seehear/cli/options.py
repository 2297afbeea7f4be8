"""The flags that several commands share, and how their words become values.

No flag states a default: one that is not given is not passed on, so the Python signature decides.
"""

from __future__ import annotations

import sys
from difflib import get_close_matches
from pathlib import Path
from shutil import which
from typing import Annotated, Any

import typer

from seehear.errors import UsageError

SUFFIX = ".seehear"


def share(text: str) -> float:
    """A share of one, from "2%", "2 %" or "0.02"."""
    number, percent, rest = text.strip().partition("%")
    try:
        value = float(number) / (100 if percent else 1)
    except ValueError:
        value = float("nan")
    if rest or not 0 < value < 1:
        raise typer.BadParameter(f"{text!r} is not a share between 0% and 100%. Write 2% or 0.02.")
    return value


def given(**flags: Any) -> dict[str, Any]:
    """Only the flags that were given."""
    return {name: value for name, value in flags.items() if value is not None}


def names(text: str | None) -> list[str] | None:
    """The names in "image,audio"."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def lines(path: Path | None) -> list[str] | None:
    """The lines of a text file that are not empty. Raises UsageError where it cannot be read."""
    if path is None:
        return None
    try:
        text = existing(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot be read: {error}", where=str(path), allowed="a text file in UTF-8") from None
    return [line.strip() for line in text.splitlines() if line.strip()]


def existing(path: Path) -> Path:
    """The path, if something is there. Raises UsageError with the nearest name that is."""
    if not path.exists():
        raise UsageError(f"there is no such file or folder. {nearest(path)}".strip(), where=str(path))
    return path


def model_file(path: Path, *asked: str) -> Path:
    """The path of a model. Raises UsageError where a model is among what it is asked about, or nothing is there."""
    behind = [name for name in asked if name.endswith(SUFFIX)]
    if path.suffix != SUFFIX and behind:
        raise UsageError("not a seehear model file", where=str(path), hint=f"name the model first: {behind[0]} {path}")
    return existing(path)


def nearest(path: Path) -> str:
    """The question whether a neighbour with a similar name was meant; "" if there is none."""
    if not path.parent.is_dir():
        return nearest(path.parent) if path.parent != path else ""
    close = get_close_matches(path.name, [entry.name for entry in path.parent.iterdir()], n=1)
    return f"Did you mean {path.parent / close[0]}?" if close else ""


def program() -> str:
    """How this program was called, for the commands it suggests."""
    called = Path(sys.argv[0])
    return str(called) if called.name == "seehear" and not which("seehear") else "seehear"


Data = Annotated[
    Path,
    typer.Argument(
        metavar="DATA", help="Folder of class folders, table (csv, tsv, jsonl, parquet), or a tar or zip of one."
    ),
]
Model = Annotated[Path, typer.Argument(metavar="MODEL", help="A model file, such as pets.seehear.")]
Senses = Annotated[str | None, typer.Option(metavar="NAMES", help="Use only these: image, audio or image,audio.")]
Answer = Annotated[str | None, typer.Option(metavar="COLUMN", help="The column or kind of answer: label, score:age.")]
WrongAtMost = Annotated[
    float | None,
    typer.Option(
        parser=share,
        metavar="SHARE",
        help="Accept only what this few are wrong of, such as 2%. Unless given, the fewest that can be promised.",
    ),
]
Hotwords = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Words and phrases to expect in transcripts, one a line.")
]
Tiles = Annotated[
    bool, typer.Option("--tiles", help="Look piece by piece at pictures larger than those learned from: boxes, masks.")
]
Minutes = Annotated[float | None, typer.Option(help="Time to learn in. Chosen from the data unless given.")]
Steps = Annotated[int | None, typer.Option(help="Learn for so many steps instead: repeats a run exactly.")]
Held = Annotated[
    Path | None, typer.Option("--val", metavar="DATA", help="Examples to hold out. Unless given, some of DATA.")
]
RecipeFile = Annotated[
    Path | None, typer.Option("--recipe", metavar="TOML", help="A recipe that `plan` printed, or a model to repeat.")
]
Seed = Annotated[int | None, typer.Option(help="Number that chance starts from.")]
Device = Annotated[str | None, typer.Option(metavar="NAME", help="cpu or cuda. The best there is, unless given.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
