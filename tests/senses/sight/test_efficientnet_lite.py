"""EfficientNet-Lite as a sight encoder, with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from learning import EXAMPLES, PAIRS, dataset_of, recipe_for
from seehear.answers import ANSWERS
from seehear.layers.frozen_norm import FrozenBatchNorm
from seehear.layers.parameter_groups import DECAY, PRETRAINED_DENSE_RATE, PRETRAINED_RATE
from seehear.learn.export import export_graphs, trace_graphs
from seehear.learn.loop.execution import Autotuner, Execution
from seehear.learn.loop.finite import are_finite, poison_memory
from seehear.learn.loop.fit import Clock, Run
from seehear.learn.model.network import Network
from seehear.recipe import Recipe
from seehear.senses.sight import SIGHT
from seehear.senses.sight.architectures import InputSize
from seehear.senses.sight.bottleneck_architectures import EfficientNetLite
from seehear.senses.sight.convolution import Convolution
from seehear.senses.sight.inverted_bottlenecks import BottleneckEncoder
from seehear.senses.sight.plan import SightSpec

KINDS = [kind for kind, senses in PAIRS if senses == ("image",)]


def spec_of(**changes: Any) -> SightSpec:
    values: dict[str, Any] = {"height": 32, "width": 64, "channels": 3, "encoder": EfficientNetLite(size=0)}
    return SightSpec(**(values | changes))


def encoder_of(**changes: Any) -> BottleneckEncoder:
    torch.manual_seed(0)
    encoder = SIGHT.build_encoder(spec_of(**changes))
    assert isinstance(encoder, BottleneckEncoder)
    return encoder.eval()


def pictures(channels: int = 3) -> Tensor:
    return torch.randint(0, 256, (2, 32, 64, channels), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def recipe_of(kind: str, **training: Any) -> Recipe:
    spec = spec_of(width=32, output_stride_px=ANSWERS[kind].output_stride_px, mirror=True, augmentation_strength=0.5)
    recipe = recipe_for(kind, ("image",), **training)
    return recipe.model_copy(update={"senses": {"image": spec}, "width": spec.cell_width})


@pytest.mark.parametrize(
    ("size", "blocks", "last", "numbers"), [(0, 16, 320, 3_413_024), (1, 21, 320, 4_189_344), (2, 21, 352, 4_869_168)]
)
def test_the_state_dict_has_the_published_names_and_shapes(size: Any, blocks: int, last: int, numbers: int) -> None:
    state = encoder_of(encoder=EfficientNetLite(size=size)).state_dict()
    assert state["_conv_stem.weight"].shape == (32, 3, 3, 3)
    assert state["_bn0.running_var"].shape == (32,)
    assert "_blocks.0._expand_conv.weight" not in state
    assert state["_blocks.1._expand_conv.weight"].shape[0] == state["_blocks.1._bn0.bias"].shape[0]
    assert state[f"_blocks.{blocks - 1}._project_conv.weight"].shape[0] == last
    assert state["_conv_head.weight"].shape == (1280, last, 1, 1)
    assert state["_bn1.running_mean"].shape == (1280,)
    assert not [name for name in state if f"_blocks.{blocks}." in name or "num_batches" in name]
    assert sum(tensor.numel() for tensor in state.values()) == numbers


@pytest.mark.parametrize(
    ("kernel", "stride", "side"), [(3, 2, 8), (5, 2, 8), (3, 2, 9), (5, 1, 7), (1, 1, 4), (5, 2, 1)]
)
def test_a_convolution_normalises_and_pads_as_published(kernel: int, stride: int, side: int) -> None:
    convolution, norm = Convolution(4, 6, kernel, stride, activation="relu6"), FrozenBatchNorm(6, 1e-3)
    with torch.no_grad():
        for tensor in norm.state_dict().values():
            tensor.uniform_(0.5, 2)
        x = torch.randn(2, 4, side, side)
        outputs = -(-side // stride)
        missing = max(0, (outputs - 1) * stride + kernel - side)
        padded = F.pad(x, (missing // 2, missing - missing // 2) * 2)
        plain = F.conv2d(padded, convolution.weight, stride=stride)
        wanted = F.relu6(F.batch_norm(plain, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=1e-3))
        given = convolution(x, norm)
        assert given.shape == (2, 6, outputs, outputs)
        assert torch.allclose(given, wanted, atol=1e-5)
        convolution.absorb(norm)
        assert torch.allclose(convolution(x, norm), wanted, atol=1e-5)


def test_pretrained_tensors_are_loaded_by_name() -> None:
    encoder, other = encoder_of(), encoder_of()
    tensors = {name: np.random.default_rng(0).random(t.shape, np.float32) for name, t in encoder.state_dict().items()}
    encoder.load_pretrained(tensors | {"_fc.weight": np.zeros(1, np.float32)})
    assert all(np.array_equal(tensors[name], own.numpy()) for name, own in encoder.state_dict().items())
    with pytest.raises(ValueError, match=r"EfficientNet-Lite0 needs _bn1.bias of shape \(1280,\), which is missing"):
        other.load_pretrained({name: array for name, array in tensors.items() if name != "_bn1.bias"})
    with pytest.raises(ValueError, match=r"needs _bn1.bias of shape \(1280,\), not \(3,\)"):
        other.load_pretrained(tensors | {"_bn1.bias": np.zeros(3, np.float32)})


def test_cells_are_the_ends_of_stages() -> None:
    with torch.no_grad():
        cells = encoder_of(output_stride_px=4)(pictures())
    levels = [(level.grid.shape, level.grid.pitch, level.x.shape) for level in (*cells.finer, cells)]
    assert levels == [
        ((8, 16), 4.0, (2, 128, 24)),
        ((4, 8), 8.0, (2, 32, 40)),
        ((2, 4), 16.0, (2, 8, 112)),
        ((1, 2), 32.0, (2, 2, 1280)),
    ]


def test_a_grey_picture_is_one_of_three_equal_channels() -> None:
    with torch.no_grad():
        grey = encoder_of(channels=1)(pictures(1))
        colour = encoder_of()(pictures(1).expand(-1, -1, -1, 3))
    assert torch.allclose(grey.x, colour.x, atol=1e-5)


def test_statistics_stay_fixed_while_training() -> None:
    encoder = encoder_of()
    with torch.no_grad():
        before, state = encoder(pictures()).x, {name: t.clone() for name, t in encoder.state_dict().items()}
        assert torch.equal(encoder.train()(pictures()).x, before)
    assert all(torch.equal(state[name], own) for name, own in encoder.state_dict().items())


def test_every_parameter_is_pretrained_and_lower_ones_learn_more_slowly() -> None:
    encoder = encoder_of()
    rates = {id(weight): rate for weight, rate in encoder.parameter_groups().pretrained}
    assert rates.keys() == {id(weight) for weight in encoder.parameters()}
    assert [rates[id(weight)] for weight in encoder._conv_head.parameters()] == [PRETRAINED_RATE]
    assert [rates[id(weight)] for weight in encoder._blocks[15].parameters()] == [PRETRAINED_RATE * DECAY] * 9
    assert [rates[id(weight)] for weight in encoder._conv_stem.parameters()] == [PRETRAINED_RATE * DECAY**17]
    dense = encoder_of(output_stride_px=8).parameter_groups()
    assert max(rate for _, rate in dense.pretrained) == PRETRAINED_DENSE_RATE


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_answer_learns_from_it(kind: str, tmp_path: Path) -> None:
    """A training step changes every weight, and nothing is skipped."""
    dataset = dataset_of(recipe_of(kind), tmp_path)
    torch.manual_seed(0)
    network = Network(dataset.recipe)
    clock = Clock(dataset.recipe.training, 60.0)
    run = Run.start(network, dataset, np.arange(len(dataset)), clock, tmp_path / "none")
    before = {name: weight.detach().clone() for name, weight in network.encoders.named_parameters()}
    for _ in range(2):  # heads start at zero, and pass no gradient on at first
        run.step(dataset.batch(range(8)))
    still = [name for name, weight in network.encoders.named_parameters() if torch.equal(weight, before[name])]
    assert run.progress.skipped == 0 and still == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_graph_gives_what_the_network_gives(kind: str, tmp_path: Path) -> None:
    dataset = dataset_of(recipe_of(kind), tmp_path)
    torch.manual_seed(0)
    network = Network(dataset.recipe)
    _vary(network)
    rows = np.arange(EXAMPLES)
    graphs = export_graphs(trace_graphs(Network(dataset.recipe), dataset, rows), network, dataset, rows)
    assert 0 < len(graphs.network) < 80e6


@torch.no_grad()
def _vary(network: Network) -> None:
    """Make gains, biases and statistics unlike those of a new network."""
    for tensor in network.encoders.state_dict().values():
        if tensor.ndim == 1:
            tensor.add_(0.1 * torch.rand_like(tensor))


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_training_is_finite_in_both_precisions(precision: Any, tmp_path: Path) -> None:
    dataset = dataset_of(recipe_of("label"), tmp_path)
    torch.manual_seed(0)
    network = Network(dataset.recipe)
    run = Run.start(network, dataset, np.arange(len(dataset)), Clock(dataset.recipe.training, 60.0), tmp_path / "none")
    run.autotuner = Autotuner([Execution(precision, 2)])
    with poison_memory(network, largest=1 << 16):
        for size in (8, 7, 3, 16):
            run.step(dataset.batch(range(size)))
    assert run.progress.skipped == 0
    assert are_finite(network.parameters())


def test_frozen_bottlenecks_keep_their_weights_and_cost_less() -> None:
    size = InputSize(64, 64, None)
    whole, half = EfficientNetLite(size=0), EfficientNetLite(size=0).freeze(0.5)
    assert half.frozen == 8 and half.step_gigaflop(size) < 0.8 * whole.step_gigaflop(size)
    spec = SightSpec(height=64, width=64, channels=3, encoder=half)
    encoder = BottleneckEncoder(spec, half)
    trained = {name for name, weight in encoder.named_parameters() if weight.requires_grad}
    assert "_conv_head.weight" in trained and "_blocks.8._expand_conv.weight" in trained
    assert not any(name.startswith(("_conv_stem", "_bn0", "_blocks.7.")) for name in trained)
