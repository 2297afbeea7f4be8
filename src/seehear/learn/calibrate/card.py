"""The model card: what a model answers, how good it was on held-out examples, and its limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seehear.amounts import format_count, format_duration, format_exact_percent, pluralise
from seehear.answers import ANSWERS
from seehear.answers.selective import DEFAULT_RISK
from seehear.effects import UnlabelledUse
from seehear.errors import UsageError
from seehear.measure.formatting import format_percent
from seehear.recipe import Recipe, used_key
from seehear.runtime.coverage import Coverage
from seehear.starts import STARTS


def render_model_card(recipe: Recipe) -> str:
    """Markdown, from the recipe alone."""
    senses = " and ".join(recipe.senses)
    lines = [
        f"# Answers {recipe.kind} from {senses}",
        "",
        f"It answers with {recipe.answer}.",
        "",
        "## Results",
        "",
        *_describe_examples(recipe),
        "",
        *_table(recipe),
        "",
        *_describe_groups(recipe),
        *_describe_comparison(recipe),
        *_describe_worst_groups(recipe),
        *_describe_fairness(recipe),
        *_describe_robustness(recipe),
        *_describe_tries(recipe),
        "## Limits",
        "",
        *[f"- {_by(used)}: {describe_risk(recipe, used)}." for used in recipe.selective],
        "- That holds with a confidence of 90 %, if mistakes become steadily rarer with confidence.",
        "- Where an answer is not certain enough for that, it says that it does not know. This holds for inputs like",
        "  those of its training only.",
        *([f"- {describe_promise(recipe)}."] if recipe.promise else []),
        *[f"- {_limit(recipe, sense)}" for sense in recipe.senses],
        *[f"- {_ranges(sense, ranges)}" for sense, ranges in recipe.input_statistics.items()],
        "",
        "## Training",
        "",
        f"{recipe.training.steps:,} steps of {format_count(recipe.training.batch, 'example')} in a budget of "
        f"{format_duration(60 * recipe.training.minutes)}, seed {recipe.training.seed}, {recipe.training.precision}.",
        "",
        *([f"{describe_unlabelled(recipe.unlabelled)}.", ""] if recipe.unlabelled else []),
        *_describe_added(recipe),
        *(line for sense, name in recipe.starts.items() for line in _describe_start(recipe, sense, name)),
    ]
    return "\n".join(lines)


def _describe_comparison(recipe: Recipe) -> list[str]:
    if (found := recipe.comparison) is None:
        return []
    examples = format_count(found.examples, "held-out example")
    if found.after_steps is not None:
        return [
            f"Early in its training, after {format_count(found.after_steps, 'step')}, it was compared with "
            f"{found.other}, on the same {examples}: {found.metric} {found.own_value:.3g}, "
            f"and {found.other_value:.3g} of the other one, which was not trained further.",
            "",
        ]
    return [
        f"On the same {examples}, the {found.metric} of {found.other} is "
        f"{found.other_value:.3g}; that of this recogniser is {found.own_value:.3g}.",
        "",
    ]


def _describe_worst_groups(recipe: Recipe) -> list[str]:
    """The worst group of each column on the held-out examples, with all senses, and whether it is shown to be worse."""
    result = recipe.results.get(used_key(recipe.senses), {})
    lines = []
    for column, worst in result.get("worst_groups", {}).items():
        group = result["groups"][column][worst["group"]]
        shown = "is" if group["others"] is not None and group["others"]["worse"] else "is not"
        n = format_count(group["n"], "example") + (", which is few" if group["small"] else "")
        figure = f"{worst['metric']} {_format_figure(worst['value'], worst['interval'])}"
        lines.append(f"- {column}: {worst['group']} ({n}), {figure}; it {shown} shown to be worse than the others.")
    return ["The worst groups:", "", *lines, ""] if lines else []


def _describe_fairness(recipe: Recipe) -> list[str]:
    if (found := recipe.fairness) is None:
        return []
    if not found.groups:
        return [f"Note that {found}.", ""]
    rows = [f"| {found.column} | training examples | wrong without equal weight | with it |", "|---|---|---|---|"]
    for group in sorted(found.groups, key=lambda group: -group.without):
        shares = (format_percent(share) for share in (group.without, group.with_it))
        rows.append(f"| {group.name} | {group.examples:,} | {' | '.join(shares)} |")
    return [f"Note that {found}:", "", *rows, ""]


def _describe_robustness(recipe: Recipe) -> list[str]:
    return [] if recipe.robustness is None else [f"Note that {recipe.robustness}.", ""]


def _describe_tries(recipe: Recipe) -> list[str]:
    if (found := recipe.tries) is None:
        return []
    rows = [f"| tried | {found.metric} |", "|---|---|"]
    for number, each in enumerate(found.tried):
        value = "–" if each.value is None else f"{each.value:.3g}"
        rows.append(f"| {each}{' (kept)' if number == found.kept else ''} | {value} |")
    return [f"Note that {found}. The results above are on examples that the choice never saw.", "", *rows, ""]


def _describe_examples(recipe: Recipe) -> list[str]:
    if not recipe.cross_fitted:
        return [
            "On held-out examples, with 95 % confidence intervals. Calibration and thresholds were fitted on the same",
            "examples, so expect slightly worse results on new ones.",
        ]
    return [
        f"Cross-validated: on held-out examples and {format_count(recipe.cross_fitted, 'training example')},",
        "answered by networks that were trained without them, with 95 % confidence intervals. Calibration and",
        "thresholds were fitted on the same examples.",
    ]


def _describe_groups(recipe: Recipe) -> list[str]:
    if not recipe.groups_seen:
        return []
    return [f"{'Of these,' if recipe.cross_fitted else 'Measured on'} {recipe.groups_seen}.", ""]


def _describe_added(recipe: Recipe) -> list[str]:
    if not recipe.added:
        return []
    classes = ", ".join(f"{name} ({count:,})" for name, count in recipe.added.items())
    return [f"Classes added after training, with the number of examples: {classes}.", ""]


def _describe_start(recipe: Recipe, sense: str, name: str) -> list[str]:
    start = STARTS.get(name)
    if start is None:
        sha256 = getattr(getattr(recipe.senses[sense], "encoder", None), "sha256", "")
        file = f"{name} (SHA-256 {sha256})" if sha256 else name
        return [f"Its {sense} encoder started from {file}. Its training data, licence and limits are unknown.", ""]
    lines = [
        f"Its {sense} encoder started from {name}, trained on {start.trained_on}; licence {start.licence}.",
        f"Limits of that encoder: {start.limits}.",
        *([start.notice] if start.notice else []),
    ]
    return [" ".join(lines), ""]


def _table(recipe: Recipe) -> list[str]:
    headline = ANSWERS[recipe.kind].headline(recipe.answer).metric
    item = ANSWERS[recipe.kind].item
    accepted = f"{pluralise(item)} accepted" if item else "accepted"
    rows = [f"| senses used | examples | {headline} | {accepted} | of those wrong |", "|---|---|---|---|---|"]
    for used, result in recipe.results.items():
        figures = [_figure(result, name) for name in (headline, "coverage")]
        figures.append(_figure(result, "accepted_error") if result["metrics"]["coverage"] else "nothing accepted")
        rows.append(f"| {used.replace('+', ' + ')} | {result['n']:,} | {' | '.join(figures)} |")
    return rows


def describe_unlabelled(use: UnlabelledUse) -> str:
    """What unlabelled examples changed, in one sentence without its full stop."""
    if not use.examples:
        return "nothing was learned from unlabelled examples: there was no time, or none had a confident answer"
    examples = format_count(use.examples, "unlabelled example")
    change = f"{use.metric} {use.without:.3g} without and {use.with_them:.3g} with them"
    held_out = format_count(use.held_out, "held-out example")
    return f"{examples} {'helped' if use.helped else 'did not help and were not used'}: {change}, on {held_out}"


def describe_risk(recipe: Recipe, used: str) -> str:
    """The guarantee on answers accepted by a set of senses, and what a stricter one would take if this one is weak."""
    selective, accepted = recipe.selective[used], recipe.results[used]["metrics"]["coverage"]
    items = pluralise(ANSWERS[recipe.kind].item or "answer")
    coverage = f"{format_percent(accepted)} are accepted" if accepted else "none is accepted, as too many were wrong"
    risk = f"at most {format_exact_percent(selective.wrong_at_most)} of accepted {items} are wrong; {coverage}"
    if selective.wrong_at_most <= DEFAULT_RISK or recipe.wrong_at_most is not None:
        return risk
    if selective.few_groups:
        groups = format_count(selective.few_groups, "group")
        return (
            f"{risk}; the held-out examples come from {groups}, such as speakers: with more, fewer could be guaranteed"
        )
    if selective.more_held_out is not None:
        noun = "more example" if recipe.cross_fitted else "more held-out example"
        more = format_count(selective.more_held_out, noun)
        return f"{risk}; {more} would allow {format_exact_percent(DEFAULT_RISK)}"
    too_many = f"{risk}; too many were wrong to guarantee {format_exact_percent(DEFAULT_RISK)} and still accept most"
    return too_many if accepted else risk


def describe_promise(recipe: Recipe) -> str:
    """What training promised about prediction sets, or why it cannot, in one sentence without its full stop."""
    coverage = Coverage.promised(recipe)
    if coverage is None:
        return "Prediction sets are given on request"
    whose = " of each class" if coverage.each_class else ""
    whose = f" in each group of '{coverage.each_group}'" if coverage.each_group else whose
    try:
        coverage.thresholds(tuple(recipe.senses))
    except UsageError as error:
        return f"No answer has the prediction set that was asked for: {error}".removesuffix(".")
    share = format_exact_percent(coverage.share)
    return (
        f"Answers have prediction sets; with a confidence of 98 %, these contain at least {share} of the truths{whose}"
    )


def _by(used: str) -> str:
    return f"By {' and '.join(used.split('+'))}"


def _figure(result: dict[str, Any], name: str) -> str:
    value, interval = result["metrics"].get(name), result["intervals"].get(name)
    return _format_figure(value, interval)


def _format_figure(value: float | None, interval: Sequence[float | None] | None) -> str:
    if value is None:
        return "–"
    low, high = interval or (None, None)
    return f"{value:.3g}" if low is None or high is None else f"{value:.3g} ({low:.3g} to {high:.3g})"


def _ranges(sense: str, ranges: Mapping[str, tuple[float, float]]) -> str:
    listed = ", ".join(f"{name} {low:.3g} to {high:.3g}" for name, (low, high) in ranges.items())
    return f"About 96 of 100 training examples have these values ({sense}): {listed}. Beyond them, it was not tested."


def _limit(recipe: Recipe, sense: str) -> str:
    threshold = recipe.ood_threshold.get(sense)
    if threshold is None:
        return f"There were too few held-out examples to recognise {sense} inputs unlike the training data."
    return f"It rejects {sense} inputs with an out-of-distribution score above {threshold:.3g}."
