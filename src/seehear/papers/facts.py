"""Facts about a model from its file and from an evaluation, one line each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from seehear.amounts import format_count, format_duration, format_exact_percent, pluralise
from seehear.answers import ANSWERS
from seehear.measure.evaluate import Evaluation
from seehear.measure.formatting import format_number, format_percent
from seehear.recipe import Recipe
from seehear.starts import STARTS

NOT_MEASURED = "not measured"
NOT_RECORDED = "not recorded in the model file"
JOULES_PER_WH = 3600
MOST_CLASSES = 200  # classes that are listed with their numbers of examples


class Fact(NamedTuple):
    """A name and a value; NOT_MEASURED or the like if it is not known."""

    name: str
    value: str


class ResultTable(NamedTuple):
    """Metrics of one set of examples: rows of a name, a value and its 95 % interval."""

    title: str
    rows: Sequence[tuple[str, str, str]]


def list_inputs(recipe: Recipe) -> list[Fact]:
    """The inputs and outputs of the model."""
    senses = [Fact(f"Input, {name}", str(spec)) for name, spec in recipe.senses.items()]
    return [*senses, Fact("Answer", str(recipe.answer))]


def list_data(recipe: Recipe) -> list[Fact]:
    """The training data, as far as the model file describes it."""
    sizes = {used: result["n"] for used, result in recipe.results.items()}
    tested = ", ".join(f"{n:,} ({used.replace('+', ' and ')})" for used, n in sizes.items())
    origin = recipe.provenance
    return [
        Fact("Examples, with those that were held out", NOT_RECORDED if origin is None else f"{origin.examples:,}"),
        Fact("SHA-256 of their files and answers", NOT_RECORDED if origin is None else origin.data_sha256),
        Fact("Training examples by class", _describe_classes(recipe.answer) or NOT_RECORDED),
        Fact("Share of the examples that was held out", format_exact_percent(recipe.training.held_out)),
        Fact("Examples that the results were measured on, by sense", tested or NOT_MEASURED),
        Fact("Of these, training examples, answered by networks trained without them", f"{recipe.cross_fitted:,}"),
        Fact("People or places that these come from", recipe.groups_seen or NOT_RECORDED),
        *_describe_statistics(recipe),
        *([Fact("Examples without labels", f"{recipe.unlabelled.examples:,}")] if recipe.unlabelled else []),
        *(Fact(f"Class added later: {name}", format_count(count, "example")) for name, count in recipe.added.items()),
    ]


def list_training(recipe: Recipe) -> list[Fact]:
    """How it was trained."""
    training = recipe.training
    steps = NOT_RECORDED if training.steps is None else format_count(training.steps, "step")
    return [
        Fact("Budget", format_duration(60 * training.minutes)),
        Fact("Length", steps),
        Fact("Batch", format_count(training.batch, "example")),
        Fact("Learning rate", f"{training.learning_rate:.3g}"),
        Fact("Seed", str(training.seed)),
        Fact("Precision", training.precision),
        Fact("Parts for cross-fitting", str(training.folds)),
        *(Fact(f"Pretrained encoder, {sense}", describe_start(recipe, sense)) for sense in recipe.senses),
    ]


def list_effort(recipe: Recipe) -> list[Fact]:
    """The computing time and energy of the training. Energy is only given if it was measured."""
    origin = recipe.provenance
    processor_s = None if origin is None else origin.processor_s
    energy_j = None if origin is None else origin.energy_j
    energy = NOT_MEASURED if energy_j is None else f"{energy_j / JOULES_PER_WH:.3g} Wh, by its counters"
    return [
        Fact("Processor time of the training", NOT_MEASURED if processor_s is None else f"{processor_s:,.0f} seconds"),
        Fact("Energy of the processor meanwhile, with all that ran on it", energy),
    ]


def list_acceptance(recipe: Recipe) -> list[Fact]:
    """When the model says that it does not know."""
    facts = []
    for used, selective in recipe.selective.items():
        things, name = pluralise(ANSWERS[recipe.kind].item or "answer"), used.replace("+", " and ")
        metrics = recipe.results.get(used, {}).get("metrics", {})
        accepted = format_percent(metrics["coverage"]) if "coverage" in metrics else NOT_MEASURED
        most = format_exact_percent(selective.wrong_at_most)
        facts.append(Fact(f"Of accepted {things} from {name}, wrong at most", most))
        facts.append(Fact(f"Held-out {things} from {name} that it accepts", accepted))
    for sense in recipe.senses:
        threshold = recipe.ood_threshold.get(sense)
        said = NOT_MEASURED if threshold is None else f"a score above {threshold:.3g}"
        facts.append(Fact(f"Unlike the training data ({sense}) from", said))
    return facts


def list_results(recipe: Recipe) -> list[ResultTable]:
    """All metrics in the model file, for each set of senses."""
    return [
        ResultTable(
            f"From {used.replace('+', ' and ')}, {format_count(result['n'], 'held-out example')}",
            [
                (name, format_number(value), _interval(result["intervals"].get(name)))
                for name, value in result["metrics"].items()
                if value is not None
            ],
        )
        for used, result in recipe.results.items()
    ]


def list_evaluation(evaluation: Evaluation) -> list[ResultTable]:
    """The metrics on other data, and by group."""
    tables = [ResultTable(format_count(evaluation.n, "example"), list(evaluation.rows()))]
    for column, grouping in evaluation.groups.items():
        rows = [
            (f"{name} ({group.n:,}): {metric}", *group.format(metric))
            for name, group in grouping.listed().items()
            for metric in (grouping.headline, "wrong")
        ]
        tables.append(ResultTable(f"By {column}", rows))
    return tables


def describe_start(recipe: Recipe, sense: str) -> str:
    """The pretrained encoder of a sense, with its licence and training data."""
    name = recipe.starts.get(sense)
    if name is None:
        return "none: it began from random weights"
    start = STARTS.get(name)
    if start is None:
        return f"{name}; its training data, licence and limits are unknown"
    return f"{name}, licence {start.licence}, trained on {start.trained_on}. Limits: {start.limits}"


def class_names(recipe: Recipe) -> tuple[str, ...]:
    """The classes; () for answers without any."""
    names: tuple[str, ...] = getattr(recipe.answer, "classes", ())
    return names


def _describe_classes(answer: Any) -> str:
    counts = dict(zip(getattr(answer, "classes", ()), getattr(answer, "counts", ()), strict=False))
    if len(counts) > MOST_CLASSES:
        return f"{len(counts):,} classes with {min(counts.values()):,} to {max(counts.values()):,} each"
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _describe_statistics(recipe: Recipe) -> Iterator[Fact]:
    for sense, ranges in recipe.input_statistics.items():
        listed = ", ".join(f"{name} {low:.3g} to {high:.3g}" for name, (low, high) in ranges.items())
        yield Fact(f"96 of 100 training examples have ({sense})", listed)


def _interval(interval: Any) -> str:
    return f"{interval[0]:.3g} to {interval[1]:.3g}" if interval and None not in interval else "–"
