"""The card that goes with a model: what it answers, how good it was, its limits, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seehear.amounts import counted, duration
from seehear.answers import ANSWERS
from seehear.recipe import Recipe


def card(recipe: Recipe) -> str:
    """Markdown, from the recipe alone."""
    senses = " and ".join(recipe.senses)
    lines = [
        f"# Answers {recipe.kind} from {senses}",
        "",
        f"It answers with {recipe.answer}.",
        "",
        "## How good it was",
        "",
        "On examples held out of its training, with 95 % intervals. Calibration and thresholds were fitted on the same",
        "examples, so expect a little less on new ones.",
        "",
        *_table(recipe),
        "",
        *([f"The figures rest on {recipe.rests_on}.", ""] if recipe.rests_on else []),
        "## Its limits",
        "",
        f"- It accepts an answer where at most {recipe.wrong_at_most:.0%} of such answers should be wrong, and says",
        "  that it does not know otherwise. That holds for inputs like those it was taught, not for others.",
        *[f"- {_limit(recipe, sense)}" for sense in recipe.senses],
        *[f"- {_learned_from(sense, ranges)}" for sense, ranges in recipe.usual.items()],
        "",
        "## How it was made",
        "",
        f"{recipe.training.steps:,} steps of {counted(recipe.training.batch, 'example')} in a budget of "
        f"{duration(60 * recipe.training.minutes)}, seed {recipe.training.seed}, in {recipe.training.precision}.",
        "",
    ]
    return "\n".join(lines)


def _table(recipe: Recipe) -> list[str]:
    headline = ANSWERS[recipe.kind].headline(recipe.answer).metric
    rows = [f"| senses used | examples | {headline} | answers itself | of those wrong |", "|---|---|---|---|---|"]
    for used, result in recipe.results.items():
        figures = [_figure(result, name) for name in (headline, "coverage", "accepted_error")]
        rows.append(f"| {used.replace('+', ' + ')} | {result['n']:,} | {' | '.join(figures)} |")
    return rows


def _figure(result: dict[str, Any], name: str) -> str:
    value, interval = result["metrics"].get(name), result["intervals"].get(name)
    if value is None:
        return "–"
    return (
        f"{value:.3g} ({interval[0]:.3g} to {interval[1]:.3g})" if interval and None not in interval else f"{value:.3g}"
    )


def _learned_from(sense: str, ranges: Mapping[str, tuple[float, float]]) -> str:
    told = ", ".join(f"{name} {low:.3g} to {high:.3g}" for name, (low, high) in ranges.items())
    return (
        f"About 96 of 100 examples that it learned from have, as {sense}, {told}. How good it is beyond is not known."
    )


def _limit(recipe: Recipe, sense: str) -> str:
    limit = recipe.unfamiliar_above.get(sense)
    return (
        f"What it is given as {sense} is refused as unlike all it was taught where its distance is above {limit:.3g}."
        if limit is not None
        else f"There were too few held-out examples to tell an unfamiliar {sense}."
    )
