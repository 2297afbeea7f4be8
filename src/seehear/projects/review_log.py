"""Writes what people say about answers to the audit log that has the answers."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from seehear.audit.entries import sha256_of_json
from seehear.projects.kept_answers import KeptAnswer

if TYPE_CHECKING:
    from seehear.projects.project import Project

REVIEW = "review"  # the event


def log_review(project: Project, kept: KeptAnswer, state: str, cell: str | None, *, change: int, blind: bool) -> None:
    """Write one review to the project's audit log, if it has one. Raises SeehearError if it cannot be written.

    The entry is found with its answer by their model, inputs and answer_sha256. A correction made of the words of the
    input is not written down, only its SHA-256.

    state   accepted, corrected, none, skipped or dismissed
    cell    the right answer; None if there is none, or somebody is still to give it
    change  in the history of the project, which has who takes it back, too
    """
    log = project.audit_log
    if log is None:
        return
    span = {} if kept.span_s is None else {"span_s": list(kept.span_s)}
    log.append(
        REVIEW,
        {
            "model": None if kept.version is None else project.versions.get(kept.version).sha256,
            "inputs": list(dict.fromkeys(file.sha256 for file in kept.inputs.values())),
            **span,
            "answer_sha256": sha256_of_json(kept.answer["answer"]),
            "review": state,
            **_describe_correction(project, cell),
            "blind": blind,
            "reviewer": project.who,
            "change": change,
        },
    )


def _describe_correction(project: Project, cell: str | None) -> dict[str, Any]:
    if cell is None:
        return {"correction_sha256": None}
    column = project.answer_column()
    words = column is None or column.kind.decoding is not None
    shown = {} if words else {"correction": cell}
    return {**shown, "correction_sha256": hashlib.sha256(cell.encode()).hexdigest()}
