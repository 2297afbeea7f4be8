"""Puts the server together: what is served, what answers, and what every request passes first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

import seehear
from seehear.audit import AuditLog
from seehear.serve import health, inference_protocol, predict, resumable_uploads, sign_in
from seehear.serve.access import AccessPolicy
from seehear.serve.answering import Answerer
from seehear.serve.keeping import Keeper, KeepingAfterwards
from seehear.serve.label_studio import backend
from seehear.serve.label_studio.task_files import open_task_files
from seehear.serve.methods import HeadRequests, answer_other_method
from seehear.serve.metrics import Metrics, RequestMetrics
from seehear.serve.middleware import BodyLimits, Guard, SecurityHeaders
from seehear.serve.models import ModelRegistry
from seehear.serve.open_projects import OpenProjects
from seehear.serve.openai_audio import realtime, transcriptions
from seehear.serve.pages import add_pages, close_pages
from seehear.serve.refusals import add_error_handlers
from seehear.serve.settings import ServeSettings
from seehear.serve.shedding import Shedding


def create_app(settings: ServeSettings, models: ModelRegistry | None = None) -> FastAPI:
    """The ASGI application. Its threads end with its lifespan.

    models   what is served; unless given, the models of the settings, loaded now

    `app.state` has what handlers use: settings, models (a ModelRegistry), answerer (an Answerer), metrics, access (an
    AccessPolicy); and shedding, for the protocol below it. `request.state` has `person`, the name of who asks, and
    `csp_nonce`, for inline styles.
    Raises SeehearError for a model that is refused.
    """
    models = _log(models or ModelRegistry(settings.models, settings.aliases), settings)
    answerer = Answerer(settings.waiting, settings.workers)
    metrics = Metrics(models, answerer)
    answerer.listeners.append(metrics.count)
    access = AccessPolicy(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(app.state.projects.start)
        app.state.keeper.start()
        yield
        answerer.close()
        await asyncio.to_thread(app.state.keeper.close)
        close_pages(app)
        app.state.projects.close()
        models.close_log()

    app = FastAPI(
        title="seehear",
        version=seehear.__version__,
        description="Models that see and hear, on this machine.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    app.state.settings, app.state.models, app.state.answerer = settings, models, answerer
    app.state.metrics, app.state.access = metrics, access
    app.state.shedding = Shedding(answerer, metrics.count_shed)
    app.state.live_sessions = set()
    app.state.resumable_uploads = resumable_uploads.ResumableUploads()
    app.state.task_files = open_task_files(settings)
    add_error_handlers(app)
    app.add_exception_handler(405, answer_other_method)
    for each in (health, predict, sign_in, transcriptions, realtime, inference_protocol, backend, resumable_uploads):
        app.include_router(each.router)
    app.state.projects = OpenProjects(settings.projects, models)
    app.state.keeper = keeper = Keeper(app.state.projects, metrics.count_kept)
    answerer.listeners.append(keeper.note_answer)
    add_pages(app)
    # The last that is added is the first that a request passes.
    app.add_middleware(KeepingAfterwards, keeper=keeper)
    app.add_middleware(BodyLimits, settings=settings)
    app.add_middleware(Guard, policy=access)
    app.add_middleware(RequestMetrics, metrics=metrics)
    app.add_middleware(HeadRequests)
    app.add_middleware(SecurityHeaders)
    return app


def _log(models: ModelRegistry, settings: ServeSettings) -> ModelRegistry:
    """The models, whose answers are written to the log of the settings, if there is one."""
    if settings.log is not None:
        models.log_to(AuditLog(settings.log))
    return models
