"""Whether the graphs of a model file stay within limits, for the smallest and for the largest input."""

from __future__ import annotations

from collections.abc import Mapping

from seehear.errors import BundleError
from seehear.recipe import Recipe
from seehear.runtime.bundle import DECODER, MODEL, Bundle
from seehear.runtime.cost import AT_LOAD, MOST, Fed, check_cost
from seehear.runtime.graph import read_graph
from seehear.senses import SENSES, Array

ASKED = 64  # of whatever a decoder may be fed in any number: cells, texts, tokens


def check_affordable(bundle: Bundle, nothing: Mapping[str, Array]) -> None:
    """`nothing` is what the graph is fed for an example without anything.

    Raises BundleError for a graph that does not fit it, or that needs more memory or work than seehear's own.
    """
    least = {name: (array.shape, array.dtype) for name, array in nothing.items()}
    _check(MODEL, bundle.model, least, {**least, **_longest(bundle.recipe, nothing)})
    if bundle.decoder is not None:
        declared = read_graph(bundle.decoder).inputs
        few, many = (
            {name: (tuple(free if n < 0 else n for n in shape), dtype) for name, (shape, dtype) in declared.items()}
            for free in (1, ASKED)
        )
        _check(DECODER, bundle.decoder, few, many)


def _check(name: str, model: bytes, least: Fed, most: Fed) -> None:
    graph = read_graph(model)
    try:
        check_cost(graph, least, AT_LOAD)
        check_cost(graph, most, MOST)
    except BundleError as error:
        raise BundleError(f"{name} is refused: {error.what}", allowed=error.allowed) from None


def _longest(recipe: Recipe, nothing: Mapping[str, Array]) -> Fed:
    """What is fed of each sense in time for one example that goes on as long as the recipe allows."""
    longest = {}
    for name, spec in recipe.senses.items():
        if SENSES[name].pitch_s is not None:
            array = nothing[name]
            seconds: float = spec.longest_s  # type: ignore[attr-defined]  # all that are in time have it
            steps = round(seconds / SENSES[name].grid(array[0]).pitch)
            longest[name] = (1, max(steps, array.shape[1]), *array.shape[2:]), array.dtype
    return longest
