"""Defines a start from weights of the user's own, in a file or folder."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from seehear.errors import BundleError, UsageError
from seehear.starts.architectures import recognise_architecture
from seehear.starts.definition import TOKENIZER, Start
from seehear.starts.digest import compute_digest, to_precision
from seehear.starts.hub import download
from seehear.starts.onnx_encoder import is_onnx
from seehear.starts.reading import read_tensors
from seehear.starts.wav2vec2 import SETTINGS

WEIGHTS = ("weights.safetensors", "model.safetensors", "model.bin", "pytorch_model.bin", "*.pth", "*.pt", "*.onnx")
WEIGHTS_SUFFIXES = {Path(name).suffix for name in WEIGHTS}
_UNKNOWN = "unknown: the weights are a file of your own"


def find_weights(path: Path, *subfolders: str) -> Path:
    """The file itself, or the first of `WEIGHTS` in the `subfolders` and then the folder.

    Raises UsageError if there is none.
    """
    if path.is_file():
        return path
    if not path.exists():
        raise UsageError("there is no such file or folder", where=str(path))
    for folder in (*(path / name for name in subfolders), path):
        for name in WEIGHTS:
            if found := sorted(folder.glob(name)):
                return found[0]
    raise UsageError("holds no weights", where=str(path), allowed=", ".join(WEIGHTS))


def define_local(path: str) -> Start:
    """The start of a file or folder. Raises UsageError if it has no weights, BundleError if they fit no encoder."""
    found = find_weights(Path(path).expanduser())
    return _define(path, found, tuple(map(_describe_version, (found, *(found.with_name(name) for name in SETTINGS)))))


def define_hub(source: str) -> Start:
    """The start of hf:OWNER/NAME@COMMIT. Raises as `define_local` does, and as `hub.download`."""
    return replace(define_local(str(_download(source))), name=source)


@lru_cache(maxsize=4)
def _download(source: str) -> Path:
    return download(source, WEIGHTS, (TOKENIZER, *SETTINGS))


def _describe_version(path: Path) -> tuple[int, int]:
    """Changes whenever the file does."""
    if not path.is_file():
        return 0, 0
    about = path.stat()
    return about.st_size, about.st_mtime_ns


@lru_cache(maxsize=4)
def _define(name: str, path: Path, _versions: tuple[tuple[int, int], ...]) -> Start:
    try:
        tensors = to_precision(read_tensors(_read(path)), "float32")
        sense, encoder = recognise_architecture(tensors, path.parent)
    except BundleError as error:
        raise error.at(name) from None
    except (LookupError, ValueError) as error:  # a shape with fewer axes than any encoder has
        raise BundleError(f"the weights are refused: shapes that no encoder has ({error})", where=name) from None
    vocabulary = path.with_name(TOKENIZER)
    return Start(
        name=name,
        sense=sense,
        encoder=encoder,
        licence=_UNKNOWN,
        notice="",
        trained_on=_UNKNOWN,
        limits=_UNKNOWN,
        compared="with nothing",
        precision="float32",
        size=sum(array.nbytes for array in tensors.values()),
        digest=compute_digest(tensors),
        path=path,
        files={TOKENIZER: hashlib.sha256(vocabulary.read_bytes()).hexdigest()} if vocabulary.is_file() else {},
    )


def _read(path: Path) -> bytes:
    content = path.read_bytes()
    if not content:
        raise BundleError("the file is empty")
    if path.suffix == ".onnx" and not is_onnx(content):
        raise BundleError("this is not an ONNX file", hint="export it again, or download it again")
    return content
