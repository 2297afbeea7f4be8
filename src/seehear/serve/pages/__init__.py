"""The pages that `seehear serve` shows in a browser: HTML made by the server, with scripts that make it faster."""

from __future__ import annotations

from fastapi import FastAPI

from seehear.serve.pages import (
    answering_examples,
    api_docs,
    arriving,
    checking,
    creating,
    demonstrating,
    drawing,
    explaining,
    finding,
    home,
    live,
    marking,
    model,
    project_model,
    project_settings,
    proposing,
    proposing_stretches,
    reviewing,
    teaching,
    training,
    trying,
    versions,
)
from seehear.serve.pages.background import BackgroundJobs
from seehear.serve.pages.previews import Previews
from seehear.serve.pages.routing import add_page_errors

PAGES = (
    *(api_docs, home, creating, demonstrating),
    *(teaching, arriving, finding, marking, proposing, proposing_stretches, drawing, answering_examples),
    *(checking, training, trying, explaining, live, reviewing, versions, model, project_model, project_settings),
)


def add_pages(app: FastAPI) -> None:
    """Add the pages to an application whose state has `models`, `answerer`, `settings`, `projects` and `keeper`."""
    app.state.previews = Previews()
    app.state.feature_jobs = BackgroundJobs()
    app.state.check_jobs = BackgroundJobs()
    app.state.why_jobs = BackgroundJobs()
    app.state.reminder_jobs = BackgroundJobs()
    app.state.report_jobs = BackgroundJobs()
    for each in PAGES:
        app.include_router(each.router)
    add_page_errors(app)


def close_pages(app: FastAPI) -> None:
    """Stop what is being done for pages."""
    state = app.state
    for jobs in (state.feature_jobs, state.check_jobs, state.why_jobs, state.reminder_jobs, state.report_jobs):
        jobs.close()
