"""Traced graphs are kept in the cache folder, without weights, for the same network only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from learning import EXAMPLES, dataset_of, recipe_for
from seehear.events import Event, ignore_events
from seehear.learn import traced_graphs
from seehear.learn.data.cache import DatasetCache
from seehear.learn.export import Graphs, check_outputs, fill_graph, trace_module
from seehear.learn.model.network import Network
from seehear.learn.traced_graphs import trace_once
from seehear.recipe import Recipe

ROWS = np.arange(EXAMPLES)


@pytest.fixture(autouse=True)
def traced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Recipe]:
    """The recipes that were traced; tracing gives other graphs each time."""
    monkeypatch.setenv("SEEHEAR_CACHE", str(tmp_path / "cache"))
    recipes: list[Recipe] = []

    def trace(network: Network, dataset: DatasetCache, rows: Any) -> Graphs:
        recipes.append(network.recipe)
        return Graphs(b"network %d" % len(recipes), b"decoder" if len(recipes) % 2 else None)

    monkeypatch.setattr(traced_graphs, "trace_graphs", trace)
    return recipes


def trace(folder: Path, recipe: Recipe, rows: Any = ROWS) -> Graphs:
    return trace_once(Network(recipe), dataset_of(recipe, folder), rows, ignore_events).graphs


def test_the_same_network_is_traced_once(tmp_path: Path, traced: list[Recipe]) -> None:
    recipe = recipe_for("label", ("image",))
    longer = recipe.model_copy(update={"training": recipe.training.model_copy(update={"minutes": 9.0})})
    first = trace(tmp_path, recipe)
    torch.manual_seed(1)  # other weights
    assert first == trace(tmp_path, longer) == Graphs(b"network 1", b"decoder") and traced == [recipe]


@pytest.mark.parametrize("kind", ["score", "text"])
def test_another_network_is_traced_itself(kind: str, tmp_path: Path, traced: list[Recipe]) -> None:
    for each in ("label", kind):
        trace(tmp_path / each, recipe_for(each, ("audio",)))
    assert [recipe.kind for recipe in traced] == ["label", kind]


def test_other_code_and_other_exporters_trace_again(
    tmp_path: Path, traced: list[Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipe_for("label", ("image",))
    trace(tmp_path, recipe)
    monkeypatch.setattr(traced_graphs, "_describe_code", lambda: ("another",))
    trace(tmp_path, recipe)
    assert len(traced) == 2


@pytest.mark.parametrize("damage", [b"", b"{}\n", b"[1]\n", b"no header", b"{\n"])
def test_a_damaged_file_counts_as_absent(damage: bytes, tmp_path: Path, traced: list[Recipe]) -> None:
    recipe = recipe_for("label", ("image",))
    trace(tmp_path, recipe)
    (file,) = (tmp_path / "cache" / "graphs").iterdir()
    whole = file.read_bytes()
    for content in (damage, whole[:-1], whole.replace(b"network 1", b"network 7")):
        file.write_bytes(content)
        assert trace(tmp_path, recipe).network == b"network %d" % len(traced)
    assert len(traced) == 4


def test_without_a_cache_folder_it_is_traced_each_time(
    tmp_path: Path, traced: list[Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("SEEHEAR_CACHE", str(tmp_path / "file"))
    recipe = recipe_for("label", ("image",))
    assert trace(tmp_path, recipe) != trace(tmp_path, recipe) and len(traced) == 2


def test_only_the_newest_are_kept(tmp_path: Path, traced: list[Recipe], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traced_graphs, "MOST_KEPT", 2)
    recipes = [recipe_for("label", ("image",)).model_copy(update={"width": width}) for width in (16, 24, 32)]
    for number, recipe in enumerate([*recipes, recipes[2], recipes[0]]):
        trace(tmp_path / str(number), recipe)
    assert traced == [*recipes, recipes[0]]
    assert len(list((tmp_path / "cache" / "graphs").iterdir())) == 2


def test_the_time_of_tracing_is_kept(tmp_path: Path) -> None:
    recipe, events = recipe_for("label", ("image",)), list[Event]()
    dataset = dataset_of(recipe, tmp_path)
    first, second = (trace_once(Network(recipe), dataset, ROWS, events.append) for _ in range(2))
    assert first == second and first.seconds > 0
    assert len(events) == 2  # nothing is said where nothing is traced


class Served:
    outputs: tuple[str, ...] = ("y",)

    def __init__(self, module: nn.Module) -> None:
        self.module = module

    def __call__(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (self.module(*inputs),)


@pytest.mark.slow
def test_a_traced_graph_has_no_weights_and_takes_those_of_any_module_of_its_kind() -> None:
    modules = [nn.Sequential(nn.Linear(5, 300), nn.GELU(), nn.Linear(300, 4)).eval() for _ in range(2)]
    x = {"x": torch.randn(3, 5)}
    graph = trace_module(modules[0], x, ["y"], {"x": {0: "batch"}})
    assert len(graph) < 4 * 300
    for module in modules:
        check_outputs(Served(module), fill_graph(graph, module), [{"x": torch.randn(batch, 5)} for batch in (1, 8)])
