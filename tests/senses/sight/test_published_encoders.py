"""Encoders of published layouts give the same numbers as a plain implementation, and can be exported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from learning import EXAMPLES, dataset_of, recipe_for
from seehear.errors import UsageError
from seehear.geometry import Cells
from seehear.layers.parameter_groups import PRETRAINED_RATE
from seehear.learn.export import export_graphs, trace_graphs
from seehear.learn.model.network import Network
from seehear.senses.model_sizing import SizingInputs
from seehear.senses.sight import SIGHT
from seehear.senses.sight.architectures import ResNet, VisionTransformer
from seehear.senses.sight.bottleneck_architectures import MobileNetV2, MobileNetV3
from seehear.senses.sight.plan import SightSpec, plan_sight
from seehear.senses.sight.vision_transformer import interpolate_positions
from seehear.starts.names import to_our_names
from start_files import Arrays, make_mobilenet_v2, make_mobilenet_v3, make_resnet, make_vision_transformer

PICTURES = torch.randint(0, 256, (2, 64, 96, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
NORM = ("running_mean", "running_var", "weight", "bias")
IMAGENET = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])


def _build(spec: SightSpec) -> Any:
    return SIGHT.build_encoder(spec)


def _encode(spec: SightSpec, tensors: Arrays, pictures: Tensor) -> Cells:
    encoder = _build(spec)
    encoder.load_pretrained(to_our_names(tensors))
    with torch.no_grad():
        cells: Cells = encoder.eval()(pictures)
    return cells


def _resnet(tensors: Arrays, pictures: Tensor, bottleneck: bool) -> list[Tensor]:
    """The maps of the stem and of each stage, one layer after another."""
    weights = {name: torch.from_numpy(array) for name, array in tensors.items()}

    def layer(x: Tensor, convolution: str, norm: str, stride: int, padding: int) -> Tensor:
        x = F.conv2d(x, weights[f"{convolution}.weight"], stride=stride, padding=padding)
        mean, variance, gain, bias = (weights[f"{norm}.{part}"] for part in NORM)
        return F.batch_norm(x, mean, variance, gain, bias, eps=1e-5)

    x = (pictures.permute(0, 3, 1, 2) / 255 - IMAGENET[0, :, None, None]) / IMAGENET[1, :, None, None]
    maps = [F.relu(layer(x, "conv1", "bn1", 2, 3))]
    x = F.max_pool2d(maps[0], 3, 2, 1)
    for stage in (1, 2, 3, 4):
        block = 0
        while f"layer{stage}.{block}.conv1.weight" in weights:
            name, stride = f"layer{stage}.{block}.", 2 if stage > 1 and block == 0 else 1
            y = F.relu(layer(x, f"{name}conv1", f"{name}bn1", *((1, 0) if bottleneck else (stride, 1))))
            y = layer(y, f"{name}conv2", f"{name}bn2", stride if bottleneck else 1, 1)
            if bottleneck:
                y = layer(F.relu(y), f"{name}conv3", f"{name}bn3", 1, 0)
            if f"{name}downsample.0.weight" in weights:
                x = layer(x, f"{name}downsample.0", f"{name}downsample.1", stride, 0)
            x, block = F.relu(x + y), block + 1
        maps.append(x)
    return maps


@pytest.mark.parametrize("bottleneck", [False, True])
def test_a_resnet_computes_what_torchvisions_does(bottleneck: bool) -> None:
    blocks = (1, 2, 1, 1) if bottleneck else (2, 1, 1, 1)
    tensors = make_resnet(blocks, bottleneck)
    encoder = ResNet(blocks=blocks, bottleneck=bottleneck)
    spec = SightSpec(height=64, width=96, channels=3, encoder=encoder, output_stride_px=8)
    cells = _encode(spec, tensors, PICTURES)
    for level, expected in zip((*cells.finer, cells), _resnet(tensors, PICTURES, bottleneck)[2:], strict=True):
        assert level.grid.shape == tuple(expected.shape[2:])
        ours = level.x.transpose(1, 2).reshape(expected.shape)
        torch.testing.assert_close(ours, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))


def test_a_resnet_gives_the_finest_cells_that_an_answer_needs() -> None:
    spec = SightSpec(height=64, width=96, channels=3, encoder=ResNet(blocks=(1, 1, 1, 1)), output_stride_px=2)
    encoder = _build(spec)
    assert encoder.pitches_px == (2, 4, 8, 16, 32)
    with torch.no_grad():
        cells = encoder.eval()(PICTURES)
    assert [level.grid.shape for level in (*cells.finer, cells)] == [(32, 48), (16, 24), (8, 12), (4, 6), (2, 3)]
    assert [level.x.shape[2] for level in (*cells.finer, cells)] == list(encoder.widths) == [64, 64, 128, 256, 512]


def _mobilenet(tensors: Arrays, pictures: Tensor) -> list[Tensor]:
    """The map of the last block of each pitch from 4 px on, and of the head."""
    weights = {name: torch.from_numpy(array) for name, array in tensors.items()}

    def layer(x: Tensor, convolution: str, norm: str, stride: int = 1) -> Tensor:
        kernel = weights[f"{convolution}.weight"]
        x = F.conv2d(x, kernel, stride=stride, padding=kernel.shape[2] // 2, groups=x.shape[1] // kernel.shape[1])
        mean, variance, gain, bias = (weights[f"{norm}.{part}"] for part in NORM)
        return F.batch_norm(x, mean, variance, gain, bias, eps=1e-5)

    x = (pictures.permute(0, 3, 1, 2) / 255 - IMAGENET[0, :, None, None]) / IMAGENET[1, :, None, None]
    x, maps = F.relu6(layer(x, "features.0.0", "features.0.1", 2)), []
    for number in range(1, 18):
        name, stride, y = f"features.{number}.conv.", 2 if number in (2, 4, 7, 14) else 1, x
        maps += [x] if number in (4, 7, 14) else []
        first = int(number > 1)
        if number > 1:
            y = F.relu6(layer(y, f"{name}0.0", f"{name}0.1"))
        y = F.relu6(layer(y, f"{name}{first}.0", f"{name}{first}.1", stride))
        y = layer(y, f"{name}{first + 1}", f"{name}{first + 2}")
        x = x + y if number in (3, 5, 6, 8, 9, 10, 12, 13, 15, 16) else y
    return [*maps, F.relu6(layer(x, "features.18.0", "features.18.1"))]


def test_a_mobilenet_computes_what_torchvisions_does() -> None:
    tensors = make_mobilenet_v2()
    spec = SightSpec(height=64, width=96, channels=3, encoder=MobileNetV2(), output_stride_px=4)
    cells = _encode(spec, tensors, PICTURES)
    for level, expected in zip((*cells.finer, cells), _mobilenet(tensors, PICTURES), strict=True):
        assert level.grid.shape == tuple(expected.shape[2:])
        ours = level.x.transpose(1, 2).reshape(expected.shape)
        torch.testing.assert_close(ours, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))


def _mobilenet_v3(tensors: Arrays, pictures: Tensor, strided: set[int], rectified: int) -> Tensor:
    """The map of the head. `strided` blocks halve the map, those up to `rectified` have ReLU instead of hardswish."""
    weights = {name: torch.from_numpy(array) for name, array in tensors.items()}

    def layer(x: Tensor, name: str, stride: int = 1) -> Tensor:
        kernel = weights[f"{name}.0.weight"]
        x = F.conv2d(x, kernel, stride=stride, padding=kernel.shape[2] // 2, groups=x.shape[1] // kernel.shape[1])
        mean, variance, gain, bias = (weights[f"{name}.1.{part}"] for part in NORM)
        return F.batch_norm(x, mean, variance, gain, bias, eps=1e-3)

    x = (pictures.permute(0, 3, 1, 2) / 255 - IMAGENET[0, :, None, None]) / IMAGENET[1, :, None, None]
    x, number = F.hardswish(layer(x, "features.0", 2)), 1
    while f"features.{number}.block.0.0.weight" in weights:
        name, y, place = f"features.{number}.block.", x, 0
        activate = F.relu if number <= rectified else F.hardswish
        if weights[f"{name}0.0.weight"].shape[1] != 1:
            y, place = activate(layer(y, f"{name}0")), 1
        y = activate(layer(y, f"{name}{place}", 2 if number in strided else 1))
        place += 1
        if f"{name}{place}.fc1.weight" in weights:
            scale = F.adaptive_avg_pool2d(y, 1)
            for fc, activation in (("fc1", F.relu), ("fc2", F.hardsigmoid)):
                kernel, bias = (weights[f"{name}{place}.{fc}.{part}"] for part in ("weight", "bias"))
                scale = activation(F.conv2d(scale, kernel, bias))
            y = y * scale
            place += 1
        y = layer(y, f"{name}{place}")
        x, number = (x + y if y.shape == x.shape else y), number + 1
    return F.hardswish(layer(x, f"features.{number}"))


@pytest.mark.parametrize(
    ("size", "strided", "rectified", "parameters"),
    [("small", {1, 2, 4, 9}, 3, 927_008), ("large", {2, 4, 7, 13}, 6, 2_971_952)],
)
def test_a_mobilenet_v3_computes_what_torchvisions_does(
    size: Any, strided: set[int], rectified: int, parameters: int
) -> None:
    """It has as many parameters as torchvision's has without its classifier."""
    tensors = make_mobilenet_v3(size)
    spec = SightSpec(height=64, width=96, channels=3, encoder=MobileNetV3(size=size))
    assert sum(weight.numel() for weight in _build(spec).parameters()) == parameters
    cells = _encode(spec, tensors, PICTURES)
    expected = _mobilenet_v3(tensors, PICTURES, strided, rectified)
    assert cells.grid.shape == tuple(expected.shape[2:]) == (2, 3)
    ours = cells.x.transpose(1, 2).reshape(expected.shape)
    torch.testing.assert_close(ours, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))


def test_a_mobilenet_v3_gives_the_finest_cells_that_an_answer_needs() -> None:
    sizes: dict[Any, tuple[int, ...]] = {"small": (16, 24, 48, 576), "large": (24, 40, 112, 960)}
    for size, widths in sizes.items():
        spec = SightSpec(height=64, width=96, channels=3, encoder=MobileNetV3(size=size), output_stride_px=4)
        with torch.no_grad():
            cells = _build(spec).eval()(PICTURES)
        assert [level.grid.shape for level in (*cells.finer, cells)] == [(16, 24), (8, 12), (4, 6), (2, 3)]
        assert tuple(level.x.shape[2] for level in (*cells.finer, cells)) == widths


def test_costs_match_the_published_ones() -> None:
    """GFLOP of a forward pass over 224 px."""
    for encoder, gigaflop in (
        (MobileNetV2(), 0.6),
        (MobileNetV3(size="small"), 0.11),
        (MobileNetV3(size="large"), 0.44),
        (ResNet(blocks=(2, 2, 2, 2)), 3.6),
        (ResNet(blocks=(3, 4, 6, 3), bottleneck=True), 8.2),
        (VisionTransformer(width=384, depth=12, patch_px=16), 9.2),
    ):
        spec = SightSpec(height=224, width=224, channels=3, encoder=encoder)
        assert spec.step_gigaflop() / 3 == pytest.approx(gigaflop, rel=0.12)


def _transformer(tensors: Arrays, pictures: Tensor, layer_scale: bool) -> Tensor:
    """The outputs for the class token and each patch, (B, 1 + N, D), on the grid of its training."""
    weights = {name: torch.from_numpy(array) for name, array in tensors.items()}
    centre, spread = IMAGENET if layer_scale else torch.tensor([[0.5] * 3, [0.5] * 3])
    x = (pictures.permute(0, 3, 1, 2) / 255 - centre[:, None, None]) / spread[:, None, None]

    def of(layer: str) -> tuple[Tensor, Tensor]:
        return weights[f"{layer}.weight"], weights[f"{layer}.bias"]

    x = F.conv2d(x, *of("patch_embed.proj"), stride=4).flatten(2).transpose(1, 2)
    width = x.shape[2]
    x = torch.cat([weights["cls_token"].expand(len(x), 1, width), x], 1) + weights["pos_embed"]
    for n in range(2):
        block = f"blocks.{n}."
        attention = torch.nn.MultiheadAttention(width, width // 64, batch_first=True)
        names = {"in_proj_weight": "qkv.weight", "in_proj_bias": "qkv.bias"}
        names |= {"out_proj.weight": "proj.weight", "out_proj.bias": "proj.bias"}
        attention.load_state_dict({ours: weights[f"{block}attn.{name}"] for ours, name in names.items()})
        y = F.layer_norm(x, (width,), *of(f"{block}norm1"), eps=1e-6)
        x = x + weights.get(f"{block}ls1.gamma", 1) * attention(y, y, y)[0]
        y = F.gelu(F.linear(F.layer_norm(x, (width,), *of(f"{block}norm2"), eps=1e-6), *of(f"{block}mlp.fc1")))
        x = x + weights.get(f"{block}ls2.gamma", 1) * F.linear(y, *of(f"{block}mlp.fc2"))
    return F.layer_norm(x, (width,), *of("norm"), eps=1e-6)


@pytest.mark.parametrize("layer_scale", [False, True])
def test_a_vision_transformer_computes_what_timms_does(layer_scale: bool) -> None:
    tensors = make_vision_transformer(width=128, side=4, layer_scale=layer_scale)
    architecture = VisionTransformer(width=128, depth=2, patch_px=4, layer_scale=layer_scale)
    pictures = PICTURES[:, :16, :16]
    cells = _encode(SightSpec(height=16, width=16, channels=3, encoder=architecture), tensors, pictures)
    with torch.no_grad():
        expected = _transformer(tensors, pictures, layer_scale)
    assert cells.grid.shape == (4, 4)
    torch.testing.assert_close(cells.x[:, :, :128], expected[:, 1:], rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(cells.x[:, 3, 128:], expected[:, 0], rtol=1e-3, atol=1e-3)


def test_positions_are_interpolated_to_the_grid_of_the_pictures() -> None:
    row = np.arange(6, dtype=np.float32)
    positions = np.concatenate([[-1], np.tile(row, 6)])[None, :, None]  # column by column, the same in each row
    assert (interpolate_positions(positions, (6, 6)) == positions).all()
    wider = interpolate_positions(positions, (3, 12))[0, :, 0]
    assert wider[0] == -1
    columns = wider[1:].reshape(3, 12)
    np.testing.assert_allclose(columns, np.tile(columns[0], (3, 1)), atol=1e-5)
    np.testing.assert_allclose(columns[0, 2:10], (np.arange(12)[2:10] - 0.5) / 2, atol=0.1)


@pytest.mark.slow
@pytest.mark.parametrize(
    "encoder",
    [
        MobileNetV3(size="small"),
        ResNet(blocks=(1, 1, 1, 1)),
        VisionTransformer(width=64, depth=1, patch_px=8, layer_scale=True),
    ],
)
def test_an_exported_network_gives_the_same_outputs(encoder, tmp_path: Path) -> None:
    plain = recipe_for("label", ("image",))
    spec = plain.senses["image"].model_copy(update={"encoder": encoder, "height": 32, "width": 32})
    recipe = plain.model_copy(update={"senses": {"image": spec}})
    dataset, rows = dataset_of(recipe, tmp_path), np.arange(EXAMPLES)
    network = Network(recipe)
    graphs = export_graphs(trace_graphs(Network(recipe), dataset, rows), network, dataset, rows)  # compares outputs
    assert b"BatchNormalization" not in graphs.network


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "encoder", [ResNet(blocks=(1, 1, 1, 1)), VisionTransformer(width=64, depth=1, patch_px=8, layer_scale=True)]
)
def test_grey_pictures_are_accepted_and_mirroring_is_averaged(encoder, channels: int) -> None:
    spec = SightSpec(height=64, width=96, channels=channels, encoder=encoder, mirror=True)
    built = _build(spec).eval()
    pictures = PICTURES[..., :channels]
    with torch.no_grad():
        cells, mirrored = built(pictures), built(pictures.flip(2))
    assert cells.x.shape[2] == built.widths[-1]
    there, back = (each.x.unflatten(1, each.grid.shape) for each in (cells, mirrored))
    torch.testing.assert_close(there, back.flip(2), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    "encoder", [ResNet(blocks=(2, 1, 1, 1)), VisionTransformer(width=64, depth=3, patch_px=8, layer_scale=True)]
)
def test_every_parameter_has_a_rate(encoder) -> None:
    built = _build(SightSpec(height=64, width=96, channels=3, encoder=encoder))
    groups = built.parameter_groups()
    assert sorted(id(weight) for weight, _ in groups.pretrained) == sorted(map(id, built.parameters()))
    rates = [rate for _, rate in groups.pretrained]
    assert max(rates) == PRETRAINED_RATE
    assert not groups.kernels and not groups.matrices and not groups.other
    assert len(set(rates)) > 3


def test_a_vision_transformer_is_refused_for_answers_with_positions() -> None:
    facts = [{"height": 224, "width": 224, "channels": 3, "thumbnail": np.zeros((8, 8), np.float32)}]
    architecture = {"kind": "vision-transformer", "width": 64, "depth": 1, "patch_px": 14}
    inputs = SizingInputs(facts, [""], examples=100, gigaflop=1e6, pretrained=architecture)
    spec = plan_sight(inputs)
    assert spec.height % 14 == spec.width % 14 == 0
    with pytest.raises(UsageError, match=r"too coarse for answers with positions: 14 px. Allowed: .* cells of 4 px"):
        plan_sight(replace(inputs, output_stride_px=4))
