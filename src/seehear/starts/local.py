"""Weights of the user's own, in a file or folder: a start that is defined by what is in it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from seehear.errors import BundleError, UsageError
from seehear.starts.definition import Start
from seehear.starts.digest import Tensors, compute_digest, to_precision
from seehear.starts.reading import read_tensors

WEIGHTS = ("weights.safetensors", "model.safetensors", "model.bin", "pytorch_model.bin", "*.pth", "*.pt")
VOCABULARY = "tokenizer.json"
_UNKNOWN = "unknown: the weights are a file of your own"


def find_weights(path: Path, *subfolders: str) -> Path:
    """The file itself, or the first of `WEIGHTS` in a folder or its `subfolders`, which go first.

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
    """The start of a file or folder. Raises UsageError if there are no weights, BundleError if none of our encoders
    has their architecture."""
    found = find_weights(Path(path).expanduser())
    about = found.stat()
    return _define(path, found, (about.st_size, about.st_mtime_ns))


@lru_cache(maxsize=4)
def _define(name: str, path: Path, _version: tuple[int, int]) -> Start:
    try:
        tensors = to_precision(read_tensors(path.read_bytes()), "float32")
        sense, encoder = _recognise(tensors)
    except BundleError as error:
        raise error.at(name) from None
    vocabulary = path.with_name(VOCABULARY)
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
        files={VOCABULARY: hashlib.sha256(vocabulary.read_bytes()).hexdigest()} if vocabulary.is_file() else {},
    )


def _recognise(tensors: Tensors) -> tuple[Literal["image", "audio"], Mapping[str, Any]]:
    """The sense and the architecture, told by what differs between sizes."""
    if "_conv_stem.weight" in tensors:
        last = 1 + max((int(name.split(".")[1]) for name in tensors if name.startswith("_blocks.")), default=-1)
        measure = (last, *tensors["_conv_head.weight"].shape[1:2]) if "_conv_head.weight" in tensors else (last,)
        return "image", {"kind": "efficientnet-lite", "size": _choose(_LITE, measure, "bottlenecks, their last width")}
    embedding = tensors.get("decoder.token_embedding.weight")
    measure = (0, 0) if embedding is None or embedding.ndim != 2 else embedding.shape
    return "audio", {"kind": "whisper", "size": _choose(_WHISPER, measure, "tokens, width")}


_LITE: dict[tuple[int, ...], int] = {(16, 320): 0, (21, 320): 1, (21, 352): 2}
_WHISPER: dict[tuple[int, ...], str] = {(51864, 384): "tiny.en", (51865, 512): "base"}


def _choose(sizes: Mapping[tuple[int, ...], Any], measure: tuple[int, ...], what: str) -> Any:
    if measure not in sizes:
        raise BundleError(
            f"the weights are refused: no encoder of seehear has their size ({what}: {_format(measure)})",
            allowed=", ".join(f"{_format(each)} (size {size})" for each, size in sizes.items()),
        )
    return sizes[measure]


def _format(measure: tuple[int, ...]) -> str:
    return " x ".join(map(str, measure))
