"""The card that goes with a model: what it answers, how good it was, its limits, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seehear.amounts import counted, duration, plural
from seehear.answers import ANSWERS
from seehear.answers.selective import USUAL
from seehear.measure.formatting import format_percent
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
        *([f"The figures rest on {recipe.groups_seen}.", ""] if recipe.groups_seen else []),
        "## Its limits",
        "",
        *[f"- {_by(used)}: {promise(recipe, used)}." for used in recipe.selective],
        "- Where it is not sure enough for that, it says that it does not know. All this holds for inputs like those",
        "  it was taught, not for others.",
        *[f"- {_limit(recipe, sense)}" for sense in recipe.senses],
        *[f"- {_learned_from(sense, ranges)}" for sense, ranges in recipe.input_statistics.items()],
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
    item = ANSWERS[recipe.kind].item
    accepted = f"{plural(item)} accepted" if item else "answers itself"
    rows = [f"| senses used | examples | {headline} | {accepted} | of those wrong |", "|---|---|---|---|---|"]
    for used, result in recipe.results.items():
        figures = [_figure(result, name) for name in (headline, "coverage")]
        figures.append(_figure(result, "accepted_error") if result["metrics"]["coverage"] else "nothing is accepted")
        rows.append(f"| {used.replace('+', ' + ')} | {result['n']:,} | {' | '.join(figures)} |")
    return rows


def promise(recipe: Recipe, used: str) -> str:
    """What is promised of what is accepted by a set of senses, and what it would take to promise what is usual."""
    selective, accepted = recipe.selective[used], recipe.results[used]["metrics"]["coverage"]
    things = plural(ANSWERS[recipe.kind].item or "answer")
    share = f"it accepts {format_percent(accepted)}" if accepted else "too many held-out ones are wrong to accept any"
    said = f"at most {_of_100(selective.wrong_at_most)} wrong of 100 accepted {things}: {share}"
    if selective.wrong_at_most <= USUAL or recipe.wrong_at_most is not None:
        return said
    if selective.few_groups:
        groups = counted(selective.few_groups, "group")
        return f"{said}; those held out are of {groups}, such as speakers: more groups would allow to promise fewer"
    if selective.more_held_out is not None:
        return f"{said}; {counted(selective.more_held_out, 'more held-out example')} would allow {_of_100(USUAL)}"
    return f"{said}; too many held-out ones are wrong to promise {_of_100(USUAL)} and still accept most"


def _of_100(share: float) -> str:
    return f"{100 * share:.3g}"


def _by(used: str) -> str:
    return f"By {' and '.join(used.split('+'))}"


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
    limit = recipe.ood_threshold.get(sense)
    return (
        f"What it is given as {sense} is refused as unlike all it was taught where its distance is above {limit:.3g}."
        if limit is not None
        else f"There were too few held-out examples to tell an unfamiliar {sense}."
    )
