"""The flags that several commands share, and their conversion to Python values.

Flags have no defaults here: a flag that is not given is not passed on, so the Python signature decides.
"""

from __future__ import annotations

import sys
from difflib import get_close_matches
from pathlib import Path
from shutil import which
from typing import Annotated, Any

import typer

from seehear.errors import UsageError
from seehear.files import MODEL_SUFFIX


def parse_share(text: str) -> float:
    """A share of one from "2%", "2 %" or "0.02"."""
    number, percent, rest = text.strip().partition("%")
    try:
        value = float(number) / (100 if percent else 1)
    except ValueError:
        value = float("nan")
    if rest or not 0 < value < 1:
        raise typer.BadParameter(f"{text!r} is not a share between 0% and 100%. Write 2% or 0.02.")
    return value


def parse_tolerance(text: str) -> float:
    """As `parse_share`, or 0."""
    return 0.0 if text.strip().removesuffix("%").strip() == "0" else parse_share(text)


def drop_unset(**flags: Any) -> dict[str, Any]:
    """Only the flags that were given."""
    return {name: value for name, value in flags.items() if value is not None}


def split_names(text: str | None) -> list[str] | None:
    """Split "image,audio" at the commas."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def read_lines(path: Path | None) -> list[str] | None:
    """The lines of a text file that are not empty. Raises UsageError if it cannot be read."""
    if path is None:
        return None
    try:
        text = require_existing(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot be read: {error}", where=str(path), allowed="a text file in UTF-8") from None
    return [line.strip() for line in text.splitlines() if line.strip()]


def require_existing(path: Path) -> Path:
    """The path. Raises UsageError, with the most similar name, if nothing exists there."""
    if not path.exists():
        raise UsageError(f"there is no such file or folder. {suggest_neighbour(path)}".strip(), where=str(path))
    return path


def require_model(path: Path, *inputs: str) -> Path:
    """The path of a model. Raises UsageError if it does not exist, or if model and inputs are in the wrong order."""
    from seehear.starts.catalogue import STARTS

    models = [name for name in inputs if name.endswith(MODEL_SUFFIX)]
    if path.suffix != MODEL_SUFFIX and models:
        raise UsageError("not a seehear model file", where=str(path), hint=f"name the model first: {models[0]} {path}")
    return path if str(path) in STARTS else require_existing(path)


def require_existing_start(start: str | None) -> str | None:
    """The value of --start. Raises UsageError if it names a file or a folder that does not exist."""
    if start is not None and (start.endswith(MODEL_SUFFIX) or Path(start).parent != Path()):
        require_existing(Path(start))
    return start


def suggest_neighbour(path: Path) -> str:
    """The question "Did you mean ...?" with a file of a similar name; "" if there is none."""
    if not path.parent.is_dir():
        return suggest_neighbour(path.parent) if path.parent != path else ""
    close = get_close_matches(path.name, [entry.name for entry in path.parent.iterdir()], n=1)
    return f"Did you mean {path.parent / close[0]}?" if close else ""


def program_name() -> str:
    """How this program was called, for the commands that it suggests."""
    called = Path(sys.argv[0])
    return str(called) if called.name == "seehear" and not which("seehear") else "seehear"


Data = Annotated[
    Path,
    typer.Argument(
        metavar="DATA",
        help="A folder with a subfolder for each class, a table (csv, tsv, jsonl, parquet, ...), or a tar or zip of "
        "either.",
    ),
]
Model = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL",
        help="A model file, such as pets.seehear; or whisper-base or whisper-tiny.en, to transcribe without training.",
    ),
]
Senses = Annotated[
    str | None, typer.Option(metavar="NAMES", help="Use only these senses: image, audio, lips, or image,audio.")
]
Answer = Annotated[
    str | None,
    typer.Option(
        metavar="KIND:COLUMN",
        help="The kind of answer, its column, or both, such as score:age. Kinds: label (classification), score "
        "(regression), text (speech-to-text), boxes (detection), mask (segmentation). Found in the data unless given.",
    ),
]
WrongAtMost = Annotated[
    float | None,
    typer.Option(
        parser=parse_share,
        metavar="SHARE",
        help="Accept answers only as long as at most this share of them is wrong, such as 2%; the model says \"I don't "
        'know" to the rest. Unless given, the lowest share that the held-out examples support.',
    ),
]
Tolerate = Annotated[
    float | None,
    typer.Option(
        parser=parse_tolerance,
        metavar="SHARE",
        help="Exit with 1 if the second model is shown, with 95 % confidence, to lose more than this. 1% is one point "
        "of accuracy, or of the metric that is quoted; of a mean error in units, 1% of the first one's.",
    ),
]
Coverage = Annotated[
    float | None,
    typer.Option(
        parser=parse_share,
        metavar="SHARE",
        help="Also give prediction sets: classes, an interval, margins, words or pixels that contain this share of the "
        "truths, such as 90%. Refused if too few examples were held out to promise it.",
    ),
]
Promised = Annotated[
    float | None,
    typer.Option(
        "--coverage",
        parser=parse_share,
        metavar="SHARE",
        help="Let the model give prediction sets with every answer, which contain this share of the truths, such as "
        "90%. Refused before training if too few examples are held out to promise it.",
    ),
]
EachClass = Annotated[
    bool, typer.Option("--each-class", help="Let the coverage hold for each class, not only for all together.")
]
EachGroup = Annotated[
    str | None,
    typer.Option(
        "--each-group",
        metavar="COLUMN",
        help="Let the coverage hold in each group of this column of the training data, such as site or device. "
        "You need not know the group of a new example.",
    ),
]
Hotwords = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Words and phrases to expect in transcripts, one per line.")
]
Tiles = Annotated[
    bool,
    typer.Option(
        "--tiles", help="Cut pictures larger than the training pictures into overlapping tiles (boxes and mask only)."
    ),
]
Language = Annotated[
    str | None,
    typer.Option(metavar="CODE", help="The spoken language, such as de, for whisper-base. Detected unless given."),
]
Translate = Annotated[bool, typer.Option("--translate", help="Translate into English (whisper-base only).")]
Live = Annotated[
    bool,
    typer.Option(
        "--live", help="Answer while the sound arrives. INPUT is - (raw 16-bit PCM at 16 kHz) or a long recording."
    ),
]
Explain = Annotated[
    bool,
    typer.Option(
        "--explain",
        help="Also say why: on which parts of the input, senses and training examples the answer is based. With "
        "--out, heat maps as pictures.",
    ),
]
Of = Annotated[
    str | None,
    typer.Option(metavar="NAME", help='With --explain: what to explain, such as a class, "word 2" or "box 1".'),
]
Examples = Annotated[
    Path | None,
    typer.Option(metavar="DATA", help="With --explain: a folder of examples, of which the most similar are named."),
]
Minutes = Annotated[float | None, typer.Option(help="Training time. Chosen from the data unless given.")]
Steps = Annotated[
    int | None, typer.Option(help="Train for this many steps instead of minutes, which makes a run reproducible.")
]
Validation = Annotated[
    Path | None,
    typer.Option("--val", metavar="DATA", help="Held-out examples. Unless given, a part of DATA is held out."),
]
Unlabelled = Annotated[
    Path | None,
    typer.Option(
        metavar="DATA",
        help="More examples, without labels. The model learns from them if that lowers the loss on held-out examples.",
    ),
]
RecipeFile = Annotated[
    Path | None,
    typer.Option("--recipe", metavar="FILE", help="A recipe printed by `plan`, or a model file whose recipe to use."),
]
Fair = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="A column, such as site or speaker, whose groups weigh the same in training, however small they are.",
    ),
]
Robust = Annotated[
    bool,
    typer.Option(
        "--robust",
        help="Also train on inputs distorted as other cameras, microphones, rooms and light would. The card says what "
        "that cost on inputs as they are.",
    ),
]
Tries = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Try N recipes, which differ in size, augmentation and learning rate, and keep the one that is best on "
        "held-out examples. The results are on others. All share the minutes; unless given, each takes as long as a "
        "usual training.",
    ),
]
Start = Annotated[
    str | None,
    typer.Option(
        metavar="START",
        help="What training starts from: auto, none, a pretrained encoder (see `seehear starts`), a file or folder of "
        "its weights, an ONNX encoder of pictures, or a model file to train further. Unless given, auto.",
    ),
]
Resume = Annotated[bool, typer.Option("--resume", help="Continue an interrupted run for the same model file.")]
Text = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="More text for the language model of transcripts, one sentence per line."),
]
Cache = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Folder for decoded examples and checkpoints. Unless given, MODEL.run."),
]
Seed = Annotated[int | None, typer.Option(help="Random seed.")]
Device = Annotated[str | None, typer.Option(metavar="NAME", help="cpu or cuda. The fastest available unless given.")]
Inputs = Annotated[
    list[str],
    typer.Argument(metavar="INPUT", help="Files, folders or tables; - reads their names from stdin."),
]
AnswersFolder = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Also write the answers there as files: tables, subtitles, drawings."),
]
Every = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", help="For videos, use only one frame per this many seconds."),
]
Parts = Annotated[
    str | None,
    typer.Option(metavar="FORMAT", help="With --on: the format of the answers, jsonl or parquet. Unless given, jsonl."),
]
ResumeAnswers = Annotated[
    bool, typer.Option("--resume", help="With --on: continue an interrupted run that writes to the same folder.")
]
On = Annotated[
    str | None,
    typer.Option(
        metavar="RAY",
        help="ray, to use several processes of this machine, or ray://HOST:PORT, for a Ray cluster.",
    ),
]
Workers = Annotated[
    int | None, typer.Option(metavar="N", help="With --on: the number of processes. Unless given, one for each core.")
]
GpusPerWorker = Annotated[
    float | None,
    typer.Option(metavar="N", help="With --on: GPUs for each process, such as 1 or 0.5."),
]
Log = Annotated[
    Path | None,
    typer.Option(
        "--log",
        metavar="FILE",
        help="Write each answer to this log before giving it, with the hash of the input; transcripts as a hash only. "
        "Each entry holds the hash of the previous one; see `seehear log verify`.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
