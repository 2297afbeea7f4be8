"""The peaks of recordings, computed when they are first asked for and kept in the folder of the project."""

from __future__ import annotations

from seehear.files import write_atomically
from seehear.projects import Project
from seehear.projects.content_store import StoredFile
from seehear.senses.hearing.peaks import compute_peaks

FOLDER = "waveforms"


def find_peaks(project: Project, file: StoredFile) -> bytes:
    """One byte for each hundredth of a second. Raises InputError for a file that cannot be read."""
    kept = project.place.folder / FOLDER / file.sha256[:2] / file.sha256[2:]
    try:
        return kept.read_bytes()
    except FileNotFoundError:
        peaks = compute_peaks(project.path(file)).tobytes()
    kept.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(kept, peaks)
    return peaks
