"""Renders the model card in the format of the Hugging Face hub: a README.md with metadata for the hub.

https://github.com/huggingface/hub-docs/blob/main/modelcard.md
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from seehear.answers import ANSWERS
from seehear.papers.facts import Fact, class_names, describe_start, list_data, list_effort
from seehear.papers.sensitive_topics import find_topics
from seehear.recipe import Recipe
from seehear.runtime.bundle import Bundle

UNKNOWN_LICENCE = "unknown"  # an identifier of the hub
BLANK = "*To be filled in by people.*"
NO_TASK = "other"


def render_model_card(name: str, bundle: Bundle, sha256: str, *, licence: str = UNKNOWN_LICENCE) -> str:
    """Markdown with metadata in YAML.

    name      the name of the model
    sha256    of the model file
    licence   an identifier of the hub, such as apache-2.0
    """
    recipe = bundle.recipe
    metadata = "\n".join(f"{key}: {_to_yaml(value)}" for key, value in _describe(name, recipe, licence).items())
    sections = [f"---\n{metadata}\n---\n\n# {name}", _without_title(bundle.card), *_sections(recipe, sha256)]
    return "\n\n".join(filter(None, sections)) + "\n"


def _without_title(card: str) -> str:
    title, _, rest = card.partition("\n")
    return rest.strip() if title.startswith("# ") else card.strip()


def _describe(name: str, recipe: Recipe, licence: str) -> dict[str, Any]:
    task = dict(ANSWERS[recipe.kind].hub_tasks).get("+".join(recipe.senses), "")
    return {
        "license": licence,
        "library_name": "seehear",
        **({"pipeline_tag": task} if task else {}),
        "tags": ["seehear", "onnx", recipe.kind, *recipe.senses],
        **({"metrics": [_headline(recipe)]} if recipe.results else {}),
        **(
            {"model-index": [{"name": name, "results": list(_results(recipe, task or NO_TASK))}]}
            if recipe.results
            else {}
        ),
    }


def _results(recipe: Recipe, task: str) -> Iterator[dict[str, Any]]:
    """A result of the hub for each set of senses. Undefined metrics are left out."""
    for used, result in recipe.results.items():
        metrics = [
            {"type": metric, "value": value, "name": metric, "verified": False}
            for metric, value in result["metrics"].items()
            if value is not None
        ]
        senses = used.replace("+", " and ")
        yield {
            "task": {"type": task},
            "dataset": {
                "name": f"{result['n']} held-out examples ({senses})",
                "type": "private",
                "split": "validation",
            },
            "metrics": metrics,
        }


def _headline(recipe: Recipe) -> str:
    return ANSWERS[recipe.kind].headline(recipe.answer).metric


def _sections(recipe: Recipe, sha256: str) -> Iterator[str]:
    yield f"## Intended use\n\n{BLANK} What the model is for, who uses it, and on whom; and what it is not for."
    if warnings := [f"- {each} {each.topic.warning}" for each in find_topics(class_names(recipe))]:
        yield "\n".join(["## Attention\n", *warnings])
    groups = [f"The results were measured on {recipe.groups_seen}."] if recipe.groups_seen else []
    yield " ".join(["## Groups\n\nResults by group are not in the model file: not measured.", *groups])
    about = "Where the examples come from, and who and what they represent."
    yield f"## Training data\n\n{BLANK} {about}\n\n{_list(list_data(recipe))}"
    starts = "\n".join(f"- {sense}: {describe_start(recipe, sense)}" for sense in recipe.senses)
    yield f"## Pretrained encoders\n\n{starts}"
    yield f"## Energy\n\n{_list(list_effort(recipe))}"
    yield f"## File\n\nSHA-256 of the model file: `{sha256}`"


def _list(facts: Iterable[Fact]) -> str:
    return "\n".join(f"- {fact.name}: {fact.value}" for fact in facts)


def _to_yaml(value: Any) -> str:
    """JSON, which is also valid YAML."""
    return json.dumps(value, ensure_ascii=False)
