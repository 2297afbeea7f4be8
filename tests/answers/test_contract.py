"""The contract: the same tests for every kind of answer and every sense."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from learning import ANSWER_CELLS, PAIRS, SETS_OF_SENSES, SPECS, dataset_of, recipe_for
from seehear.answers import ANSWERS, TileOutput
from seehear.errors import UsageError
from seehear.geometry import Grid, Tile, Warp
from seehear.learn.data.cache import DatasetCache
from seehear.learn.data.time_stretch import sample_time_stretch
from seehear.learn.model.network import Network
from seehear.senses import SENSES

EVERY_SET = pytest.mark.parametrize("senses", SETS_OF_SENSES, ids="+".join)
EVERY_ANSWER = pytest.mark.parametrize("kind", sorted(ANSWERS))
EVERY_SENSE = pytest.mark.parametrize("sense", sorted(SENSES))
EVERY_PAIR = pytest.mark.parametrize(("kind", "senses"), PAIRS, ids=str)


def outputs(network: Network, dataset: DatasetCache, rows: list[int]) -> dict[str, Tensor]:
    batch = dataset.batch(rows)
    with torch.no_grad():
        raw: dict[str, Tensor] = network.eval()(batch.inputs, batch.present)
    return raw


@EVERY_ANSWER
def test_a_sample_column_for_every_answer(kind: str) -> None:
    assert kind in ANSWER_CELLS


@EVERY_ANSWER
def test_a_truth_has_a_target_and_json_and_can_be_moved(kind: str) -> None:
    cells = ANSWER_CELLS[kind]
    spec = ANSWERS[kind].plan(cells, kind)
    for cell in cells:
        truth = ANSWERS[kind].read(cell, spec)
        assert all(np.isfinite(array).all() for array in ANSWERS[kind].target(truth, spec, None).values())
        assert truth.transform(Warp((2.0, 2.0), (1.0, 0.0))).transform(Warp((0.5, 0.5), (-0.5, 0.0))) == truth
        assert kind in "".join(truth.to_json())
        assert all(extension.isalnum() and isinstance(content, bytes) for extension, content in truth.files().items())
        assert truth.to_marked_text() == str(truth)  # a truth has nothing unsure
        if (auxiliary := ANSWERS[kind].auxiliary) is not None:
            assert auxiliary.target(cell, spec) == {}, "planned without an auxiliary column"
        told = json.loads(json.dumps(truth.to_json()))
        assert all(np.isfinite(number) for number in ANSWERS[kind].read_numbers(told).values())
        named, rates = ANSWERS[kind].read_classes(told, spec), ANSWERS[kind].rates
        assert named is None or (rates is not None and {*named} <= {*rates.names(spec)})
        strange: list[Any] = [None, "x", [], {}, {kind: None}]
        for odd in strange:
            assert not ANSWERS[kind].read_numbers(odd) and not ANSWERS[kind].read_classes(odd, spec)
    assert type(spec).model_validate_json(spec.model_dump_json()) == spec


@pytest.mark.parametrize("kind", sorted(kind for kind in ANSWERS if ANSWERS[kind].spatial))
def test_spatial_answers_can_be_tracked_through_a_video(kind: str) -> None:
    spec = ANSWERS[kind].plan(ANSWER_CELLS[kind], kind)
    shown = [None if i == 3 else ANSWERS[kind].read(cell, spec) for i, cell in enumerate(ANSWER_CELLS[kind])]
    tracker = ANSWERS[kind].require_spatial("a video").tracker()
    assert str(tracker), "before the first frame"
    came = 0

    def coming() -> Iterator[tuple[float, Any]]:
        nonlocal came
        for came, answer in enumerate(shown, 1):
            yield came / 25, answer

    for told, (answer, before) in enumerate(zip(tracker.track(coming()), shown, strict=True), 1):
        assert told <= came <= told + 1
        assert (answer is None) == (before is None)
        if answer is not None:
            assert type(answer) is type(before)
            rows = list(tracker.rows(answer))
            assert all(len(row) == len(tracker.columns) for row in rows)
            assert json.loads(json.dumps(rows)) == [list(row) for row in rows]
    assert came == len(shown)
    assert json.loads(json.dumps(tracker.to_json())) == tracker.to_json() != {}
    assert str(tracker)


@EVERY_PAIR
def test_every_parameter_gets_a_gradient(
    kind: str, senses: tuple[str, ...], make_dataset: Callable[..., DatasetCache]
) -> None:
    dataset = make_dataset(kind, senses)
    network = Network(dataset.recipe).train()
    batch = dataset.batch(range(8))
    for sense in network.encoders:
        network.fit_statistics(sense, network.select_inputs(sense, batch.inputs))
    with torch.no_grad():  # layers that start at zero pass nothing on until they have moved
        for weight in network.parameters():
            weight.add_(0.01 * torch.randn_like(weight))
    raw = network(batch.inputs, batch.present)
    network.loss(raw, batch.target).mean().backward()
    still = [
        name
        for name, weight in network.named_parameters()
        if weight.requires_grad and (weight.grad is None or not weight.grad.abs().sum() > 0)
    ]
    assert still == []


@EVERY_PAIR
def test_the_head_outputs_the_arrays_that_the_answer_reads(
    kind: str, senses: tuple[str, ...], make_dataset: Callable[..., DatasetCache]
) -> None:
    dataset = make_dataset(kind, senses)
    network, batch = Network(dataset.recipe), dataset.batch(range(3))
    given = network.apply_head(network.encode(batch.inputs), batch.present)
    wanted = ANSWERS[kind].raw_shapes(dataset.recipe.answer)
    assert wanted.keys() == given.keys()
    for name, shape in wanted.items():
        assert all(
            isinstance(length, str) or n == length for n, length in zip(given[name].shape, (3, *shape), strict=True)
        )


@EVERY_PAIR
def test_a_single_tile_gives_the_same_answer_as_the_whole_picture(
    kind: str, senses: tuple[str, ...], make_dataset: Callable[..., DatasetCache]
) -> None:
    """For spatial answers; the others refuse tiles."""
    recipe = recipe_for(kind, senses)
    if (spatial := ANSWERS[kind].spatial) is None:
        with pytest.raises(UsageError, match="which does not say what is where"):
            ANSWERS[kind].require_spatial("tiles")
        return
    dataset = make_dataset(kind, senses)
    raw = {name: array[0].numpy() for name, array in outputs(Network(dataset.recipe), dataset, [0]).items()}
    raw = {name: raw[name] for name in ANSWERS[kind].raw_shapes(recipe.answer)}
    geometry = dataset.geometry(0)
    assert geometry is not None
    alone = spatial.merge_tiles(iter([TileOutput(raw, Tile.all_of(geometry.original), geometry)]), recipe.answer, {})
    assert alone == ANSWERS[kind].to_answer(raw, recipe.answer, {}, geometry)
    assert spatial.largest_object_px(recipe.answer) >= 0


@EVERY_SENSE
def test_tiles_partition_a_signal(sense: str) -> None:
    """A small signal is one tile."""
    spec, shape = SPECS[sense], (40, 40) if SENSES[sense].pitch_s is None else (40,)
    grid = Grid(shape, 1.0, "")
    tiles = SENSES[sense].cut_tiles(grid, spec, 4.0)
    covered = np.zeros(shape, int)
    for tile in tiles:
        assert tile.full_shape == shape
        covered[tile.core] += 1
    assert (covered == 1).all()
    least = Grid((8,) * len(shape), 1.0, "")
    assert list(SENSES[sense].cut_tiles(least, spec, 4.0)) == [Tile.all_of(least)]


@EVERY_SET
def test_a_batch_of_one_equals_a_batch_of_many(
    senses: tuple[str, ...], make_dataset: Callable[..., DatasetCache]
) -> None:
    dataset = make_dataset("label", senses)
    network = Network(dataset.recipe)
    for sense in network.encoders:
        network.fit_statistics(sense, dataset.inputs(sense, range(16)))
    together = outputs(network, dataset, list(range(6)))
    for row in range(6):
        for name, alone in outputs(network, dataset, [row]).items():
            apart = float((alone[0] - together[name][row]).abs().max())
            assert apart < 1e-4, f"{name} of example {row} differs by {apart:.2g} when padded"


@pytest.mark.parametrize("senses", [senses for senses in SETS_OF_SENSES if len(senses) > 1], ids="+".join)
@pytest.mark.parametrize("withheld", [0, 1])
def test_a_withheld_sense_changes_nothing(
    senses: tuple[str, ...], withheld: int, make_dataset: Callable[..., DatasetCache]
) -> None:
    dataset = make_dataset("label", senses)
    network = Network(dataset.recipe).eval()
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
        batch, other = dataset.batch([0, 1]), dataset.batch([2, 3])
        without = torch.tensor([[number != withheld for number in range(2)]] * 2)
        changed = network.select_inputs(senses[withheld], other.inputs)
        ours = network(batch.inputs, without)["logits"]
        theirs = network(batch.inputs | changed, without)["logits"]
    assert torch.allclose(ours, theirs, atol=1e-5)


@EVERY_SET
@pytest.mark.parametrize("robust", [False, True])
def test_augmentation_keeps_shapes_and_is_finite(
    senses: tuple[str, ...], robust: bool, make_dataset: Callable[..., DatasetCache]
) -> None:
    dataset = make_dataset("label", senses)
    batch = dataset.batch(range(8))
    network = Network(dataset.recipe)
    for name, spec in dataset.recipe.senses.items():
        augment: Any = SENSES[name].build_augmentation(
            spec.model_copy(update={"augmentation_strength": 1.0, **_mirrored(spec)}), robust=robust
        )
        changed, warps = augment(
            network.select_inputs(name, batch.inputs), sample_time_stretch(8, {name: augment.spec}, torch.device("cpu"))
        )
        assert warps is None, "a label says nothing of places"
        assert torch.isfinite(network.train().encoders[name](**changed).x).all()
        mixed, share = augment.mix(changed, torch.randperm(8), torch.tensor(0.6))
        assert set(mixed) == set(network.select_inputs(name, batch.inputs))
        assert 0 <= float(share) <= 1
        assert all(torch.isfinite(tensor.float()).all() for tensor in mixed.values())
        assert not torch.equal(changed[name].float()[:, :4], batch.inputs[name].float()[:, :4])


def _mirrored(spec: Any) -> dict[str, bool]:
    return {"mirror": True} if "mirror" in type(spec).model_fields else {}


@pytest.fixture
def make_dataset(tmp_path: Any) -> Callable[..., DatasetCache]:
    def make(kind: str, senses: tuple[str, ...]) -> DatasetCache:
        torch.manual_seed(0)
        return dataset_of(recipe_for(kind, senses), tmp_path)

    return make
