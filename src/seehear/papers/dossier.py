"""Writes the dossier: facts about a model in the order in which an auditor asks for them, as Markdown and HTML.

Its headings are those of Annex IV of Regulation (EU) 2024/1689. The text is in templates/dossier.jinja; markdown.jinja
and html.jinja format it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import seehear
from seehear.audit import LogCheck
from seehear.escaping import escape_markdown
from seehear.files import write_atomically
from seehear.measure.evaluate import Evaluation
from seehear.papers.facts import (
    Fact,
    class_names,
    list_acceptance,
    list_data,
    list_effort,
    list_evaluation,
    list_inputs,
    list_results,
    list_training,
)
from seehear.papers.sensitive_topics import find_topics
from seehear.results.report.embedding import make_environment
from seehear.runtime.bundle import Bundle

MARKDOWN, PAGE = "dossier.md", "dossier.html"


def write_dossier(
    folder: str | Path,
    name: str,
    bundle: Bundle,
    sha256: str,
    *,
    evaluation: Evaluation | None = None,
    logs: Sequence[LogCheck] = (),
) -> tuple[Path, Path]:
    """Write dossier.md and dossier.html into a folder, which is created if it does not exist. Returns their paths.

    name        the name of the model
    sha256      of the model file
    evaluation  of the model on data from its use
    logs        the checks of audit logs of its answers
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    facts = gather(name, bundle, sha256, evaluation, logs)
    paths = folder / MARKDOWN, folder / PAGE
    write_atomically(paths[0], render_markdown(facts).encode("utf-8", "replace"))
    write_atomically(paths[1], render_page(facts).encode("utf-8", "replace"))
    return paths


def gather(
    name: str, bundle: Bundle, sha256: str, evaluation: Evaluation | None, logs: Sequence[LogCheck]
) -> dict[str, Any]:
    """The values that the templates fill in."""
    recipe = bundle.recipe
    return {
        "name": name,
        "file": [Fact("SHA-256 of the model file", sha256)],
        "suspicions": find_topics([*class_names(recipe), name]),
        "inputs": list_inputs(recipe),
        "software": [Fact("Version of seehear that wrote this dossier", seehear.__version__)],
        "training": list_training(recipe),
        "energy": list_effort(recipe),
        "data": list_data(recipe),
        "acceptance": list_acceptance(recipe),
        "results": list_results(recipe),
        "evaluation": [] if evaluation is None else list_evaluation(evaluation),
        "logs": [fact for log in logs for fact in _describe_log(log)] or [Fact("Logs that were checked", "none")],
        "changes": [
            Fact("Classes added after training", ", ".join(recipe.added) or "none"),
            Fact("Format of the model file", str(recipe.format)),
        ],
        "card": bundle.card,
    }


def render_markdown(facts: dict[str, Any]) -> str:
    """The dossier in Markdown, to be filled in with any editor."""
    text = _render("dossier.md", facts, escaped=False)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def render_page(facts: dict[str, Any]) -> str:
    """The dossier as one HTML page that needs no other file."""
    return _render("dossier.html", facts, escaped=True)


def _render(template: str, facts: dict[str, Any], *, escaped: bool) -> str:
    environment = make_environment("seehear.papers", escaped=escaped)
    environment.filters["plain"] = lambda value: escape_markdown(str(value))
    environment.filters["quoted"] = lambda text: "\n".join(f"    {line}" for line in text.split("\n"))
    forms = {name: environment.get_template(f"{name}.jinja").module for name in ("markdown", "html")}
    return environment.get_template(template).render(**facts, **forms)


def _describe_log(log: LogCheck) -> list[Fact]:
    return [
        Fact("Log", str(log.path)),
        Fact("Entries", f"{log.entries:,}"),
        Fact("From", log.since or "none"),
        Fact("To", log.until or "none"),
        Fact("Intact", log.problem or "yes"),
        Fact("Hash of the last entry", log.head.hash),
    ]
