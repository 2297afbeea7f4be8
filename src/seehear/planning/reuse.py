"""Recipes based on another one: followed again, or continued from a trained model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel

from seehear.answers import ANSWERS
from seehear.errors import DataError, UsageError
from seehear.files import MODEL_SUFFIX
from seehear.planning.columns import require_column
from seehear.planning.inspection import find_unreadable_answers
from seehear.planning.options import TrainOptions
from seehear.planning.plan import choose_held_out_share, choose_minutes
from seehear.recipe import Recipe, opaque
from seehear.runtime.bundle import read_bundle
from seehear.table import Table


def load_recipe(recipe: str | Path | Recipe) -> Recipe:
    """The recipe itself, that of a model file, or one in TOML. Raises UsageError or DataError if it cannot be read."""
    if isinstance(recipe, Recipe):
        return recipe
    if Path(recipe).suffix == MODEL_SUFFIX:
        return read_bundle(Path(recipe)).recipe
    try:
        return Recipe.from_toml(Path(recipe).read_text(encoding="utf-8"))
    except DataError as error:
        raise error.at(str(recipe)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot be read: {error}", where=str(recipe), hint="make one with `seehear plan`") from None


def follow_recipe(recipe: Recipe, table: Table, options: TrainOptions) -> Recipe:
    """The recipe with the user's options. Raises UsageError if it does not fit the table.

    Given minutes replace the recipe's steps, and its precision is chosen again.
    """
    _check_fits(recipe, table, "the recipe")
    changes: dict[str, Any] = {} if options.minutes is None else {"steps": None, "precision": "auto"}
    given = {name: getattr(options, name) for name in ("minutes", "steps", "seed", "fair", "robust")}
    require_column(table, options.fair or recipe.training.fair or None)
    changes |= {name: value for name, value in given.items() if value is not None}
    answer = recipe.answer
    if missing := opaque(answer) - answer.model_fields_set:
        planned = _plan_answer(table)
        answer = type(answer)(**{**answer.model_dump(), **{name: getattr(planned, name) for name in missing}})
    return recipe.model_copy(
        update={
            "training": recipe.training.model_copy(update=changes),
            "answer": answer,
            "wrong_at_most": options.wrong_at_most or recipe.wrong_at_most,
            "promise": options.promise or recipe.promise,
            "added": {},
            "comparison": None,
            "unlabelled": None,
            "fairness": None,
            "robustness": None,
            "tries": None,
            "provenance": None,
        }
    )


def continue_recipe(model: Recipe, table: Table, options: TrainOptions) -> Recipe:
    """The recipe to train a model further on a table: the model's network, and its answer if that covers the table.

    If the table has other answers, such as new classes, the answer is planned from the table. Time budget and held-out
    share are those for a new training. Raises UsageError if the model does not fit the table.
    """
    _check_fits(model, table, "the model to start from")
    wrong_at_most = options.wrong_at_most or model.wrong_at_most
    training = model.training.model_copy(
        update={
            "minutes": options.minutes or choose_minutes(len(table)),
            "steps": options.steps,
            "seed": options.seed or 0,
            "precision": "auto",
            "held_out": choose_held_out_share(table.answers(), ANSWERS[model.kind], wrong_at_most, options.promise),
            "fair": require_column(table, options.fair),
            "robust": bool(options.robust),
            "folds": 0,  # the model has seen examples that nobody knows, which may be among these
        }
    )
    return Recipe(
        senses=model.senses,
        kind=model.kind,
        answer=_continue_answer(model, table),
        width=model.width,
        starts=model.starts,
        training=training,
        wrong_at_most=wrong_at_most,
        promise=options.promise,
    )


def same_answer(one: Recipe, other: Recipe) -> bool:
    """Whether the head of one recipe can be reused for the other."""
    hidden = opaque(one.answer)
    return one.kind == other.kind and one.answer.model_dump(exclude=hidden) == other.answer.model_dump(exclude=hidden)


def _continue_answer(model: Recipe, table: Table) -> BaseModel:
    """The model's answer, or one planned from the table if some of its cells are not answers of the model's kind."""
    if not table.in_files and not find_unreadable_answers(table, model):
        return model.answer
    planned = _plan_answer(table)
    if table.in_files and same_answer(model, model.model_copy(update={"answer": planned})):
        return model.answer
    return planned


def _plan_answer(table: Table) -> BaseModel:
    kind = ANSWERS[table.kind or ""]
    planned: BaseModel = kind.plan(table.answers(), table.answer_column or kind.name, table.auxiliary())
    return planned


def _check_fits(recipe: Recipe, table: Table, what: str) -> None:
    if recipe.kind != table.kind or not set(recipe.senses) <= set(table.senses):
        raise UsageError(
            f"{what} answers {recipe.kind} from {' + '.join(recipe.senses)}",
            where=str(table.root),
            allowed=f"{table.kind} from {' + '.join(table.senses)}, as in the table",
            hint="make a recipe for the table with `seehear plan`",
        )
    kind = ANSWERS[recipe.kind]
    if kind.auxiliary and kind.auxiliary.target("", recipe.answer) and table.auxiliary() is None:
        raise UsageError(
            f"{what} is trained with a column such as {kind.auxiliary.columns[0]!r}, which the table lacks",
            where=str(table.root),
            hint="add it, or make a recipe for this table with `seehear plan`",
        )
