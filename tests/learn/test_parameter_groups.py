"""Each module says which optimiser moves its parameters."""

from __future__ import annotations

import pytest

from learning import PAIRS, recipe_for
from seehear.learn.loop.optimizers import make_optimizers
from seehear.learn.model.network import Network


@pytest.mark.parametrize(("kind", "senses"), PAIRS, ids=str)
def test_every_trainable_parameter_is_in_one_group(kind: str, senses: tuple[str, ...]) -> None:
    network = Network(recipe_for(kind, senses))
    groups = network.parameter_groups()
    grouped = [id(weight) for group in groups for weight in group]
    assert sorted(grouped) == sorted(id(weight) for weight in network.parameters() if weight.requires_grad)
    assert all(weight.ndim > 2 for weight in groups.kernels) and all(weight.ndim == 2 for weight in groups.matrices)
    moved = {id(weight) for weight in (*groups.kernels, *groups.matrices)}
    assert not [name for name, weight in network.head.named_parameters() if weight.ndim == 2 and id(weight) in moved]
    assert not [name for name, weight in network.named_parameters() if "embedding" in name and id(weight) in moved]
    muon, adamw = make_optimizers(groups, network.recipe.training)
    assert sum(len(group["params"]) for group in (*muon.param_groups, *adamw.param_groups)) == len(grouped)
