"""How a batch is shared among the processes of a training."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from learning import PAIRS, dataset_of, recipe_for
from seehear.learn.distributed import ALONE, Workers, current_workers, join_workers
from seehear.learn.loop.execution import Execution
from seehear.learn.loop.step import Step, Trainer
from seehear.learn.loop.team import FEWEST, FEWEST_OF_FULL, Team, split_batch
from seehear.learn.model.network import Network
from seehear.learn.torchrun import read_launch

STEP = Step(seed=7, done=0.5, execution=Execution("float32", 1))


@pytest.mark.parametrize(("kind", "senses"), PAIRS, ids=str)
def test_each_example_is_in_one_share(kind: str, senses: tuple[str, ...], tmp_path: Path) -> None:
    batch = dataset_of(recipe_for(kind, senses), tmp_path).batch(range(7))
    shares = split_batch(batch, STEP, 3, align=False)
    assert [len(share.batch.present) for share in shares] == [3, 2, 2]
    assert sum(share.share for share in shares) == pytest.approx(1)
    for name, whole in (batch.inputs | batch.target | {"present": batch.present}).items():
        parts = [(own.inputs | own.target | {"present": own.present})[name] for own, *_ in shares]
        merged = torch.empty_like(whole)
        for rank, part in enumerate(parts):
            merged[rank::3] = part
        assert torch.equal(merged, whole), name


def test_processes_without_examples_of_their_own_do_not_count(tmp_path: Path) -> None:
    batch = dataset_of(recipe_for("label", ("image",)), tmp_path).batch(range(5))
    shares = split_batch(batch, STEP, 4, align=False)
    assert [share.share for share in shares] == [0.6, 0.4, 0, 0]
    assert all(len(share.batch.present) >= FEWEST for share in shares)


def test_each_process_has_random_numbers_of_its_own(tmp_path: Path) -> None:
    batch = dataset_of(recipe_for("label", ("image",)), tmp_path).batch(range(8))
    first, second = (split_batch(batch, STEP._replace(seed=seed), 4, align=False) for seed in (7, 8))
    seeds = [share.step.seed for share in first + second]
    assert first[0].step == STEP
    assert len(set(seeds)) == len(seeds)


def test_a_process_alone_shares_nothing(tmp_path: Path) -> None:
    recipe = recipe_for("label", ("image",))
    team = Team(Trainer(Network(recipe), recipe.training))
    team.share_steps()
    assert team.batch_size(8) == 8
    loss, finite = team.take(dataset_of(recipe, tmp_path).batch(range(8)), STEP)
    assert loss > 0
    assert finite


def test_a_full_batch_has_enough_examples_for_each_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = recipe_for("label", ("image",))
    team = Team(Trainer(Network(recipe), recipe.training))
    monkeypatch.setattr("seehear.learn.loop.team.current_workers", lambda: Workers(0, 8))
    team.share_steps()
    assert team.batch_size(8) == 8 * FEWEST_OF_FULL
    assert team.batch_size(512) == 512


def test_the_environment_says_who_leads(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    assert not read_launch().helps
    with join_workers() as workers:
        assert workers is ALONE is current_workers()
    monkeypatch.setenv("RANK", "1")
    assert not read_launch().helps  # without others, a leftover of another program
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert read_launch().helps
