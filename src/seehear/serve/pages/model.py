"""The card of a model: how good it was, its limits, and how programs ask it."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from seehear.recipe import used_key
from seehear.serve.models import ServedModel
from seehear.serve.pages.hundred import find_hundred
from seehear.serve.pages.quality import quality_of_recipe
from seehear.serve.pages.rendering import render
from seehear.serve.pages.routing import page_router

router = page_router()


@router.get("/models/{name}")
def card(request: Request, name: str) -> Response:
    served: ServedModel = request.app.state.models.get(name)
    recipe = served.recogniser.recipe
    measured = recipe.results.get(used_key(recipe.senses))
    return render(
        request,
        "model.html",
        model=served,
        hundred=find_hundred(measured) if measured else None,
        quality=quality_of_recipe(recipe, measured) if measured else None,
        examples=measured["n"] if measured else 0,
        card=served.recogniser.card(),
        host=request.url.netloc,
    )
