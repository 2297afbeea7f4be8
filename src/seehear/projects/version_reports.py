"""How good a version is on the examples that it did not learn from: measured on request, and kept beside its file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seehear.events import Listener, ignore_events
from seehear.files import write_atomically
from seehear.folders import temporary_folder
from seehear.projects.checking import read_state
from seehear.projects.unlearned import open_unlearned

if TYPE_CHECKING:
    from seehear.projects.project import Project

PAGE, FIGURES = "index.html", "figures.json"
SUFFIX = ".report"
PICTURES = ("answers.png", "reliability.png", "risk-coverage.png", "mistakes.jpg", "stress.png", "corruptions.jpg")


@dataclass(frozen=True)
class VersionReport:
    """A report that was measured.

    folder    has the page, which needs no other file, and its pictures
    as_of     the newest change of the examples when it was measured
    figures   as `seehear evaluate --json` prints them
    pictures  the names of those that there are, of PICTURES
    """

    folder: Path
    as_of: int
    figures: Mapping[str, Any]
    pictures: tuple[str, ...]

    @property
    def page(self) -> Path:
        return self.folder / PAGE


def measure_version(
    project: Project, number: int, *, stress: bool = False, listen: Listener = ignore_events
) -> VersionReport:
    """See `Versions.measure`."""
    from seehear.evaluation import evaluate_table
    from seehear.runtime.bundle import read_bundle
    from seehear.runtime.options import PredictOptions
    from seehear.runtime.predictor import Predictor

    predictor = Predictor(read_bundle(project.versions.check_file(number)))
    as_of = read_state(project)
    with open_unlearned(project, (number,)) as unlearned, temporary_folder() as made:
        found = evaluate_table(predictor, unlearned.table, PredictOptions(), report=made, stress=stress, listen=listen)
        folder = _find_folder(project, number)
        _keep(folder, made, {"as_of": as_of, "evaluation": found.to_json()})
    return _read(folder)


def read_report(project: Project, number: int) -> VersionReport | None:
    """The report that was measured last; None while there is none."""
    folder = _find_folder(project, number)
    return _read(folder) if (folder / FIGURES).is_file() else None


def _read(folder: Path) -> VersionReport:
    kept = json.loads((folder / FIGURES).read_bytes())
    pictures = tuple(name for name in PICTURES if (folder / name).is_file())
    return VersionReport(folder, kept["as_of"], kept["evaluation"], pictures)


def _find_folder(project: Project, number: int) -> Path:
    return project.versions.get(number).path.with_suffix(SUFFIX)


def _keep(folder: Path, made: Path, figures: Mapping[str, Any]) -> None:
    """The figures go first and come last: without them there is no report."""
    folder.mkdir(exist_ok=True)
    (folder / FIGURES).unlink(missing_ok=True)
    for name in (PAGE, *PICTURES):
        if (made / name).is_file():
            write_atomically(folder / name, (made / name).read_bytes())
        else:
            (folder / name).unlink(missing_ok=True)
    write_atomically(folder / FIGURES, json.dumps(figures).encode())
