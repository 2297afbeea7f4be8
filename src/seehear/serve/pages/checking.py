"""What a check of the examples found: the gravest on Train, before anything is learned, and all of it on a page."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from seehear.amounts import format_count
from seehear.check import Concern, Finding
from seehear.errors import ConflictError
from seehear.projects import Example, Project
from seehear.projects.checking import ProjectCheck, list_corrections, read_state
from seehear.serve.pages.background import BackgroundJob, BackgroundJobs
from seehear.serve.pages.chapters import render_chapter
from seehear.serve.pages.check_words import CONTRADICTIONS, Words, describe_concern, describe_finding
from seehear.serve.pages.fields import read_fields
from seehear.serve.pages.open_projects import find_project, project_address
from seehear.serve.pages.rendering import render
from seehear.serve.pages.routing import page_router

router = page_router()
CheckJobs = BackgroundJobs[ProjectCheck]  # by project and the newest change of its examples
AT_ONCE, AT_ONCE_S = 500, 0.15  # examples and time: a check of so many that takes no longer is shown with the page
GRAVEST, OF_EACH = 3, 3  # findings on Train, and concerns of each
MOST_LISTED = 30  # concerns of one finding on its page
BESIDE = 2  # examples that one is shown with


class ShownConcern(NamedTuple):
    """Why one example, or a row that became none, is named; and the examples that it is compared with."""

    where: str
    reason: str
    example: Example | None
    beside: Sequence[Example]


class ShownFinding(NamedTuple):
    """
    place       in the report, from 0
    severity    problem or warning
    concerns    the first ones; `more` are left out
    correction  what a press does, "" if only a person can put it right
    """

    place: int
    severity: str
    words: Words
    concerns: Sequence[ShownConcern]
    more: int
    correction: str


class ShownCheck(NamedTuple):
    """What the template shows. `findings` are the first ones; `more` are left out."""

    checked: ProjectCheck
    findings: Sequence[ShownFinding]
    more: int


@router.get("/p/{slug}/check")
def show(request: Request, slug: str, done: int = 0) -> Response:
    project = find_project(request, slug)
    values = describe_check(request, project, MOST_LISTED)
    return render_chapter(request, "check.html", project, "train", **values, done=project.change(done))


@router.get("/p/{slug}/check/gravest")
def show_gravest(request: Request, slug: str) -> Response:
    """The part of Train that a script asks for again while the check runs."""
    project = find_project(request, slug)
    values = describe_check(request, project, OF_EACH, GRAVEST)
    return render(request, "check_gravest.html", address=project_address(slug), **values)


@router.post("/p/{slug}/check/correct")
async def correct(request: Request, slug: str) -> Response:
    """Form fields: as_of and finding, of the check that was seen, and page: where to go on.

    Raises ConflictError if the examples were changed since.
    """
    fields = await read_fields(request)
    project = find_project(request, slug)
    job = _jobs(request).find((slug, fields.number("as_of")))
    place = fields.number("finding")
    checked = None if job is None else job.result
    if checked is None or place is None or place >= len(checked.report.findings):
        raise ConflictError("the examples were checked again since", hint="go back, and look at what is found now")
    change = await asyncio.to_thread(project.correct, checked, checked.report.findings[place])
    page = "train" if fields.last("page") == "train" else "check"
    return RedirectResponse(f"{project_address(slug)}/{page}?done={change or 0}", 303)


def describe_check(request: Request, project: Project, listed: int, most: int | None = None) -> Mapping[str, Any]:
    """What the templates show: `check`, or the `check_job` while it runs or if it failed.

    listed   concerns of each finding
    most     findings
    """
    job = _start(request, project)
    if job.total <= AT_ONCE:
        job.wait(AT_ONCE_S)
    shown = None if job.result is None else _show(project, job.result, listed, most)
    return {"check": shown, "check_job": job}


def _jobs(request: Request) -> CheckJobs:
    jobs: CheckJobs = request.app.state.check_jobs
    return jobs


def _start(request: Request, project: Project) -> BackgroundJob[ProjectCheck]:
    """The check of the examples as they are."""
    key = project.slug, read_state(project)
    return _jobs(request).find(key) or _jobs(request).start(key, project.check)


def _show(project: Project, checked: ProjectCheck, listed: int, most: int | None) -> ShownCheck:
    urgent = [(place, each) for place, each in enumerate(checked.report.findings) if each.severity != "note"]
    chosen = [(place, each, each.concerns[:listed]) for place, each in urgent[:most]]
    rows = {
        row
        for _, _, concerns in chosen
        for each in concerns
        for row in (each.row, *each.beside[:BESIDE])
        if row is not None
    }
    examples = project.examples_of([checked.examples[row] for row in sorted(rows)])
    known = dict(zip(sorted(rows), examples, strict=True))
    shown = [_show_finding(checked, *each, known) for each in chosen]
    return ShownCheck(checked, shown, len(urgent) - len(shown))


def _show_finding(
    checked: ProjectCheck, place: int, finding: Finding, concerns: Sequence[Concern], known: Mapping[int, Example]
) -> ShownFinding:
    shown = [
        ShownConcern(
            each.where,
            describe_concern(finding, each),
            None if each.row is None else known[each.row],
            [known[row] for row in each.beside[:BESIDE]],
        )
        for each in concerns
    ]
    more = len(finding.concerns) - len(shown)
    wanted = list_corrections(checked, finding)
    if finding.kind == CONTRADICTIONS and None in wanted.values():
        wanted = {}  # removing both is no way out for somebody who can tell which is right
    correction = _describe_correction(wanted)
    return ShownFinding(place, finding.severity, describe_finding(finding), shown, more, correction)


def _describe_correction(wanted: Mapping[int, str | None]) -> str:
    removed = sum(answer is None for answer in wanted.values())
    if not wanted:
        return ""
    if removed == len(wanted):
        return f"Remove {format_count(removed, 'example')}"
    return (
        f"Put {format_count(len(wanted), 'example')} right"
        if removed
        else f"Correct {format_count(len(wanted), 'answer')}"
    )
