"""Versions: each training is one; two are compared on the same examples, and one answers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from fastapi import Request
from starlette.responses import FileResponse, RedirectResponse, Response

from seehear.errors import WorseError
from seehear.files import MODEL_SUFFIX
from seehear.papers import render_model_card
from seehear.papers.dossier import gather, render_markdown
from seehear.projects.versions import Version
from seehear.runtime.bundle import Bundle, read_bundle
from seehear.serve.pages.chapters import render_chapter
from seehear.serve.pages.fields import read_fields
from seehear.serve.pages.hundred import Hundred, find_hundred
from seehear.serve.pages.open_projects import find_project, project_address
from seehear.serve.pages.quality import describe_quality, quality_of_figures
from seehear.serve.pages.routing import page_router

router = page_router()


@router.get("/p/{slug}/versions")
def show(request: Request, slug: str, done: int = 0) -> Response:
    project = find_project(request, slug)
    found = project.versions.list()
    return render_chapter(
        request,
        "versions.html",
        project,
        "versions",
        versions=[(version, hundred_of(version), quality_of_figures(version.figures)) for version in found],
        pair=_usual_pair(found),
        done=project.change(done),
    )


@router.get("/p/{slug}/versions/compare")
def compare(request: Request, slug: str, first: int, second: int) -> Response:
    """Both versions answer the same examples, which takes a while with many."""
    project = find_project(request, slug)
    versions = project.versions.get(first), project.versions.get(second)
    compared = project.versions.compare(first, second)
    hundreds = [find_hundred({"metrics": metrics.values}) for metrics in compared.metrics]
    metric = compared.headline.metric
    return render_chapter(
        request,
        "compare.html",
        project,
        "versions",
        versions=versions,
        compared=compared,
        hundreds=hundreds,
        qualities=[
            describe_quality(metric, metrics.values[metric], metrics.intervals[metric]) for metrics in compared.metrics
        ],
    )


@router.post("/p/{slug}/versions/promote")
async def promote(request: Request, slug: str) -> Response:
    """Form fields: version, and sure if it may be worse: otherwise the comparison is shown instead of promoting one
    that is. It answers from the next request on."""
    fields = await read_fields(request)
    number = fields.number("version") or 0
    project = find_project(request, slug)
    sure = bool(fields.last("sure"))
    try:
        change = await asyncio.to_thread(partial(project.versions.promote, number, although_worse=sure))
    except WorseError:
        served = project.versions.served_number()
        address = f"{project_address(slug)}/versions/compare?first={served}&second={number}"
        return RedirectResponse(address, 303)
    await asyncio.to_thread(request.app.state.projects.serve, project)
    return _to_versions(slug, change)


@router.post("/p/{slug}/versions/roll-back")
async def roll_back(request: Request, slug: str) -> Response:
    project = find_project(request, slug)
    done = await asyncio.to_thread(project.versions.roll_back)
    await asyncio.to_thread(request.app.state.projects.serve, project)
    return _to_versions(slug, done.change)


@router.get("/p/{slug}/model/{number}")
def card(request: Request, slug: str, number: int) -> Response:
    project = find_project(request, slug)
    version = project.versions.get(number)
    return render_chapter(
        request,
        "version.html",
        project,
        "versions",
        version=version,
        hundred=hundred_of(version),
        quality=quality_of_figures(version.figures),
        host=request.url.netloc,
    )


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
    """The report, to keep: it has styles of its own, which the policy of these pages refuses. With many examples, it
    takes a while."""
    project = find_project(request, slug)
    content = project.versions.report(number)
    return _download(content, f"{project.slug}-{number}-report.html", "text/html")


def _read(request: Request, slug: str, number: int) -> tuple[Version, Bundle]:
    project = find_project(request, slug)
    return project.versions.get(number), read_bundle(project.versions.check_file(number))


def _download(content: str | bytes, name: str, media_type: str) -> Response:
    return Response(content, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def hundred_of(version: Version) -> Hundred | None:
    return find_hundred({"metrics": version.figures})


def _usual_pair(found: Sequence[Version]) -> tuple[int, int] | None:
    """The version that answers, and the newest other one."""
    served = next((each for each in found if each.served), None)
    other = next((each for each in found if not each.served), None)
    return (served.number, other.number) if served and other else None


def _to_versions(slug: str, change: int | None) -> Response:
    return RedirectResponse(f"{project_address(slug)}/versions?done={change or 0}", 303)
