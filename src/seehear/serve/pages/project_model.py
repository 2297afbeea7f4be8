"""Model: what a version can and cannot do, how good it is, and its file and papers to take away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, RedirectResponse, Response

from seehear.amounts import format_count
from seehear.errors import SeehearError
from seehear.files import MODEL_SUFFIX
from seehear.papers import render_model_card
from seehear.papers.dossier import gather, render_markdown
from seehear.papers.facts import Fact, class_names, describe_start, list_acceptance, list_data, list_inputs
from seehear.projects import Project
from seehear.projects.checking import read_state
from seehear.projects.training_data import ID
from seehear.projects.version_reports import VersionReport
from seehear.projects.versions import Version
from seehear.recipe import Recipe
from seehear.runtime.bundle import Bundle, read_bundle
from seehear.serve.open_projects import OpenProjects
from seehear.serve.pages.background import BackgroundJob, BackgroundJobs
from seehear.serve.pages.chapters import render_chapter
from seehear.serve.pages.fields import read_fields
from seehear.serve.pages.hundred import Hundred, find_hundred
from seehear.serve.pages.open_projects import find_project, project_address
from seehear.serve.pages.quality import Quality, describe_quality, quality_of_figures
from seehear.serve.pages.rendering import render
from seehear.serve.pages.routing import page_router

router = page_router()
ReportJobs = BackgroundJobs[VersionReport]  # by project and version
FEW = 10  # examples of a kind, from which it cannot learn it well
MOST_NAMED = 12  # kinds in a sentence
MOST_GROUPS = 20  # of one column
WRONG = "wrong"  # the share of wrong answers


class GroupRow(NamedTuple):
    """How good it is for one group; `small`: too few examples to tell."""

    name: str
    n: int
    quality: Quality | None
    small: bool


class Measured(NamedTuple):
    """What a report says, for the page. `outdated`: the examples were changed since."""

    report: VersionReport
    hundred: Hundred | None
    groups: Mapping[str, Sequence[GroupRow]]
    calibrated: bool | None
    per_second: float | None
    outdated: bool


@router.get("/p/{slug}/model")
def show_served(request: Request, slug: str) -> Response:
    """The version that answers, or else the newest."""
    project = find_project(request, slug)
    versions = project.versions.list()
    version = next((each for each in versions if each.served), versions[0] if versions else None)
    if version is None:
        return render_chapter(request, "no_model.html", project, "model")
    return _show(request, project, version)


@router.get("/p/{slug}/model/{number}")
def show(request: Request, slug: str, number: int) -> Response:
    project = find_project(request, slug)
    return _show(request, project, project.versions.get(number))


@router.post("/p/{slug}/model/{number}/measure")
async def measure(request: Request, slug: str, number: int) -> Response:
    """Form field: stress, to measure it on darker, noisier and blurred examples as well."""
    fields = await read_fields(request)
    project = find_project(request, slug)
    await asyncio.to_thread(project.versions.get, number)
    jobs: ReportJobs = request.app.state.report_jobs
    jobs.start((slug, number), partial(_measure, project, number, bool(fields.last("stress"))))
    return RedirectResponse(f"{project_address(slug)}/model/{number}#measured", 303)


@router.get("/p/{slug}/model/{number}/measured")
def show_measured(request: Request, slug: str, number: int) -> Response:
    """The part of the page that a script asks for again while it is measured."""
    project = find_project(request, slug)
    version = project.versions.get(number)
    values = _describe_measured(request, project, version)
    return render(request, "measured.html", address=project_address(slug), version=version, **values)


@router.get("/p/{slug}/model/{number}/file")
def file(request: Request, slug: str, number: int) -> Response:
    """The model file, to keep or to give to somebody. Raises BundleError if it is damaged."""
    project = find_project(request, slug)
    path = project.versions.check_file(number)
    return FileResponse(path, filename=f"{project.slug}-{number}{MODEL_SUFFIX}", media_type="application/octet-stream")


@router.get("/p/{slug}/model/{number}/card")
def hub_card(request: Request, slug: str, number: int) -> Response:
    """The model card in the format of the Hugging Face hub. Raises BundleError if the model file is damaged."""
    version, bundle = _read(request, slug, number)
    text = render_model_card(f"{slug}-{number}", bundle, version.sha256)
    return _download(text, "README.md", "text/markdown")


@router.get("/p/{slug}/model/{number}/dossier")
def dossier(request: Request, slug: str, number: int) -> Response:
    """What an auditor asks, to be filled in. Raises BundleError if the model file is damaged."""
    version, bundle = _read(request, slug, number)
    text = render_markdown(gather(f"{slug}-{number}", bundle, version.sha256, None, ()))
    return _download(text, f"{slug}-{number}-dossier.md", "text/markdown")


@router.get("/p/{slug}/model/{number}/report")
def report(request: Request, slug: str, number: int) -> Response:
    """The report that was measured, to keep: it has styles of its own, which the policy of these pages refuses."""
    found = _find_report(request, slug, number)
    return FileResponse(found.page, filename=f"{slug}-{number}-report.html", media_type="text/html")


@router.get("/p/{slug}/model/{number}/report/{as_of}/{name}")
def report_picture(request: Request, slug: str, number: int, as_of: int, name: str) -> Response:
    """`as_of` only makes the address of each picture its own."""
    found = _find_report(request, slug, number)
    if name not in found.pictures:
        raise HTTPException(404, f"the report has no picture {name!r}")
    return FileResponse(found.folder / name, headers={"Cache-Control": "private, no-cache"})


def _measure(project: Project, number: int, stress: bool, listen: Any) -> VersionReport:
    return project.versions.measure(number, stress=stress, listen=listen)


def _find_report(request: Request, slug: str, number: int) -> VersionReport:
    found = find_project(request, slug).versions.measured(number)
    if found is None:
        raise HTTPException(404, f"version {number} has no report yet; measure it first")
    return found


def _show(request: Request, project: Project, version: Version) -> Response:
    recipe = None if version.problem else _find_recipe(request, project, version)
    return render_chapter(
        request,
        "version.html",
        project,
        "model",
        version=version,
        hundred=find_hundred({"metrics": version.figures}),
        quality=quality_of_figures(version.figures),
        host=request.url.netloc,
        size_mb=0.0 if version.problem else version.path.stat().st_size / 1e6,
        knows=() if recipe is None else class_names(recipe),
        rests_on=[] if recipe is None else list(_list_foundations(recipe)),
        limits=[] if recipe is None else list(_list_limits(recipe, version)),
        facts=[] if recipe is None else [*list_inputs(recipe), *list_data(recipe), *list_acceptance(recipe)],
        **_describe_measured(request, project, version),
    )


def _find_recipe(request: Request, project: Project, version: Version) -> Recipe | None:
    """That of the model in memory if it answers, or else from its file; None if that is damaged."""
    projects: OpenProjects = request.app.state.projects
    for served in request.app.state.models.list():
        if projects.version_of(served) == (project.slug, version.number):
            recipe: Recipe = served.recogniser.recipe
            return recipe
    try:
        return read_bundle(version.path).recipe
    except SeehearError:
        return None


def _list_foundations(recipe: Recipe) -> Iterator[Fact]:
    """What it learned from, and what it could do before."""
    for sense in recipe.senses:
        yield Fact(f"Before it learned ({sense})", describe_start(recipe, sense))
    if recipe.groups_seen:
        yield Fact("Measured on", recipe.groups_seen)
    if recipe.comparison is not None:
        found = recipe.comparison
        own, other = (describe_quality(found.metric, each) for each in (found.own_value, found.other_value))
        yield Fact(
            f"Compared with {found.other}", f"{own}, the other {other}; {format_count(found.examples, 'example')}"
        )


def _list_limits(recipe: Recipe, version: Version) -> Iterator[str]:
    """What it cannot do."""
    if names := class_names(recipe):
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        yield (
            f"It knows only {', '.join(names[:MOST_NAMED])}{more}. It should say “I don’t know” to anything else, but "
            "sometimes will not."
        )
        counts = dict(zip(names, getattr(recipe.answer, "counts", ()), strict=False))
        few = [f"{name} ({count:,})" for name, count in counts.items() if 0 < count < FEW]
        if few:
            yield f"It has seen few examples of {', '.join(few)}, so it is weaker there than the figures say."
    yield "What it says holds for what is like its examples: the same kind of camera, microphone, light and place."
    if (most := version.figures["wrong_at_most"]) is not None:
        yield f"Of 100 answers, up to {100 * most:.0f} may be wrong. Where that matters, let a person decide."
    else:
        yield "Where a wrong answer matters, let a person decide."


def _describe_measured(request: Request, project: Project, version: Version) -> Mapping[str, Any]:
    """What the templates show: `measured`, and `report_job` if one runs or has failed."""
    jobs: ReportJobs = request.app.state.report_jobs
    job: BackgroundJob[VersionReport] | None = jobs.find((project.slug, version.number))
    if job is not None and job.finished and not job.error:
        job = None
    found = project.versions.measured(version.number)
    return {"measured": None if found is None else _describe(project, found), "report_job": job}


def _describe(project: Project, report: VersionReport) -> Measured:
    figures = report.figures
    metrics = figures["metrics"]
    calibration, speed = figures.get("calibration"), figures.get("speed")
    return Measured(
        report=report,
        hundred=find_hundred(figures),
        groups={name: _list_groups(each) for name, each in figures["groups"].items() if each and name != ID},
        calibrated=None if calibration is None or not metrics else calibration["consistent"],
        per_second=None if speed is None else speed["examples_per_s"],
        outdated=read_state(project) != report.as_of,
    )


def _list_groups(groups: Mapping[str, Any]) -> Sequence[GroupRow]:
    """The worst first."""
    rows = []
    for name, each in groups.items():
        wrong = describe_quality(WRONG, each["metrics"][WRONG], each["intervals"][WRONG])
        rows.append(GroupRow(name, each["n"], wrong, each["small"]))
    worst = sorted(rows, key=lambda row: -(groups[row.name]["metrics"][WRONG] or 0.0))
    return worst[:MOST_GROUPS]


def _read(request: Request, slug: str, number: int) -> tuple[Version, Bundle]:
    project = find_project(request, slug)
    return project.versions.get(number), read_bundle(project.versions.check_file(number))


def _download(content: str, name: str, media_type: str) -> Response:
    return Response(content, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})
