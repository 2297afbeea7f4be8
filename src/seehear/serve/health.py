"""Whether the server is alive and ready, and its figures."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from seehear.serve.metrics import CONTENT_TYPE, Metrics
from seehear.serve.models import ModelRegistry

router = APIRouter()


@router.get("/health/live", summary="Whether the server is running")
async def live() -> dict[str, bool]:
    return {"live": True}


@router.get("/health/ready", summary="Whether requests are answered now")
async def ready(request: Request) -> dict[str, object]:
    """`models` are the names that are served."""
    models: ModelRegistry = request.app.state.models
    return {"ready": True, "models": [served.name for served in models.list()]}


@router.get("/metrics", summary="Figures for Prometheus", response_class=Response)
async def metrics(request: Request) -> Response:
    figures: Metrics = request.app.state.metrics
    return Response(figures.render(), media_type=CONTENT_TYPE)
