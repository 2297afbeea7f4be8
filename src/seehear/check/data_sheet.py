"""Renders a data sheet: what a check found about a dataset, and blanks for what only people can know.

The sections and most questions are those of Gebru et al., Datasheets for Datasets (arXiv:1803.09010).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from seehear.check.finding import Finding
from seehear.check.report import CheckReport
from seehear.escaping import escape_markdown
from seehear.table import Table

BLANK = "- [ ] **To be filled in by people:**"
PERSONAL = "personal data"  # the kind of finding
NONE_FOUND = "none found"


def render_data_sheet(name: str, table: Table, report: CheckReport, sha256: str) -> str:
    """Markdown.

    name     of the dataset
    sha256   of the files and answers, as in the model files that are trained on all of them
    """
    sections = {
        "Motivation": [*_ask("For what purpose was the dataset made, by whom, and who paid for it?")],
        "Composition": [
            *_list_contents(table, report, sha256),
            *_ask(
                "Is it a sample of something larger, and of what? Who and what is missing?",
                "What do the other columns mean, and does any of them say something sensitive about people?",
            ),
        ],
        "Errors, noise and repetitions": [
            *_list_findings([each for each in report.findings if each.kind != PERSONAL]),
            *(f"- Not looked for: {escape_markdown(each)}" for each in report.not_looked_for),
        ],
        "Collection": [
            *_ask(
                "How, when, where and with which devices were the examples collected?",
                "Who collected them, and how were these people paid?",
                "Did the people in them know and consent, and how can they withdraw?",
            )
        ],
        "Personal data": [
            *_list_findings([each for each in report.findings if each.kind == PERSONAL]),
            *_ask("Can people be identified in what is shown or said?"),
        ],
        "Preprocessing and labelling": [
            *_ask("What was done to the raw data, and is it kept?", "Who gave the answers, and how were they checked?")
        ],
        "Uses": [*_ask("For what has it been used, for what may it be used, and for what not?")],
        "Distribution": [*_ask("Who may have it, under which licence, and do others have rights to it?")],
        "Maintenance": [*_ask("Who keeps it, how are errors reported, and until when is it kept?")],
    }
    parts = ["\n".join([f"## {heading}", "", *lines]) for heading, lines in sections.items()]
    return "\n\n".join([f"# Data sheet of {escape_markdown(name)}", *parts]) + "\n"


def _ask(*questions: str) -> Iterator[str]:
    for question in questions:
        yield f"{BLANK} {question}"


def _list_contents(table: Table, report: CheckReport, sha256: str) -> Iterator[str]:
    facts = {
        "Examples": f"{report.examples:,}",
        "Rows and files that could not be used": f"{len(table.problems):,}",
        "Inputs": ", ".join(table.senses),
        "Answers": f"{table.answer_column} ({table.kind})" if table.kind else "none",
        "Examples of each class": _count_classes(report) or "not counted: the answers have no classes",
        "Examples in each part": _count_parts(table) or "it has no parts",
        "Other columns": ", ".join(table.metadata) or "none",
        "SHA-256 of the files and answers": sha256,
    }
    for name, value in facts.items():
        yield f"- {name}: **{escape_markdown(value)}**"


def _count_classes(report: CheckReport) -> str:
    counts = next((finding.figures for finding in report.findings if finding.kind == "classes"), {})
    return ", ".join(f"{name} {count:,.0f}" for name, count in counts.items())


def _count_parts(table: Table) -> str:
    if not table.parts:
        return ""
    return ", ".join(f"{part or 'undecided'} {count:,}" for part, count in Counter(row.part for row in table).items())


def _list_findings(findings: Sequence[Finding]) -> Iterator[str]:
    for finding in findings:
        yield f"- {finding.severity}: {escape_markdown(finding.sentence)}"
    if not findings:
        yield f"- {NONE_FOUND}"
