"""Recognises the architecture of tensors by their names and shapes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from seehear.errors import BundleError
from seehear.starts.digest import Tensors
from seehear.starts.onnx_encoder import FILE, describe_encoder
from seehear.starts.wav2vec2 import PROJECTION, recognise_wav2vec2


def recognise_architecture(tensors: Tensors, folder: Path) -> tuple[Literal["image", "audio"], Mapping[str, Any]]:
    """The sense and the specification of the encoder; `folder` may hold settings that do not follow from the shapes.

    Raises BundleError if no encoder fits the tensors.
    """
    if FILE in tensors:
        return "image", describe_encoder(tensors[FILE].tobytes())
    if "_conv_stem.weight" in tensors:
        last = 1 + max((int(name.split(".")[1]) for name in tensors if name.startswith("_blocks.")), default=-1)
        measure = (last, *tensors["_conv_head.weight"].shape[1:2]) if "_conv_head.weight" in tensors else (last,)
        if measure == _MOBILENET:
            return "image", {"kind": "mobilenet-v2"}
        if measure in _MOBILENET_V3:
            return "image", {"kind": "mobilenet-v3", "size": _MOBILENET_V3[measure]}
        return "image", {"kind": "efficientnet-lite", "size": _choose(_LITE, measure, "bottlenecks, their last width")}
    if "layer1.0.conv1.weight" in tensors:
        return "image", _recognise_resnet(tensors)
    if "blocks.0.attn.qkv.weight" in tensors:
        return "image", _recognise_vision_transformer(tensors)
    if PROJECTION in tensors:
        return "audio", recognise_wav2vec2(tensors, folder)
    embedding = tensors.get("decoder.token_embedding.weight")
    measure = (0, 0) if embedding is None or embedding.ndim != 2 else embedding.shape
    return "audio", {"kind": "whisper", "size": _choose(_WHISPER, measure, "tokens, width")}


def _recognise_resnet(tensors: Tensors) -> Mapping[str, Any]:
    """ResNets of any depth, but no wide ResNet and no ResNeXt."""
    places = {tuple(map(int, match.groups())) for name in tensors if (match := _RESNET_BLOCK.match(name))}
    blocks = [sum(stage == number for stage, _ in places) for number in (1, 2, 3, 4)]
    bottleneck = "layer1.0.conv3.weight" in tensors
    shape = tensors["layer1.0.conv2.weight"].shape if "layer1.0.conv2.weight" in tensors else ()
    if not all(blocks) or shape != (64, 64, 3, 3):
        raise BundleError(
            f"the weights are refused: a ResNet of {blocks} blocks, whose second convolution has the shape {shape}",
            allowed="four stages, and (64, 64, 3, 3): no wide ResNet, no ResNeXt",
        )
    return {"kind": "resnet", "blocks": blocks, "bottleneck": bottleneck}


def _recognise_vision_transformer(tensors: Tensors) -> Mapping[str, Any]:
    """The layout of timm: a class token, no registers, a multilayer perceptron in each block."""
    depth = sum(name.endswith(".attn.qkv.weight") for name in tensors)
    layer_scale = "blocks.0.ls1.gamma" in tensors
    parts = [f"{layer}.{kind}" for layer in _VIT_LAYERS for kind in ("weight", "bias")]
    parts += ["ls1.gamma", "ls2.gamma"] if layer_scale else []
    names = {f"blocks.{block}.{part}" for block in range(depth) for part in parts}
    names |= {"cls_token", "pos_embed", *(f"{layer}.{kind}" for layer in _VIT_ENDS for kind in ("weight", "bias"))}
    if differing := sorted(names ^ tensors.keys()):
        how = "lacks" if differing[0] in names else "also has"
        raise BundleError(f"the weights are refused: a Vision Transformer that {how} {differing[0]}", allowed=_VIT)
    positions, width = tensors["pos_embed"].shape[1:]
    inner, patch = tensors["blocks.0.mlp.fc1.weight"].shape[0], tensors["patch_embed.proj.weight"].shape[2]
    if width % 64 or inner != 4 * width or math.isqrt(positions - 1) ** 2 != positions - 1:
        what = f"of {width} channels, {inner} within blocks and {positions} positions"
        raise BundleError(f"the weights are refused: a Vision Transformer {what}", allowed=_VIT)
    return {
        "kind": "vision-transformer",
        "width": width,
        "depth": depth,
        "patch_px": patch,
        "layer_scale": layer_scale,
    }


_VIT = "such as vit_small_patch16_224 or vit_small_patch14_dinov2, without registers, for square pictures"
_VIT_LAYERS = ("norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2")
_VIT_ENDS = ("patch_embed.proj", "norm")
_RESNET_BLOCK = re.compile(r"layer(\d)\.(\d+)\.")
_LITE: dict[tuple[int, ...], int] = {(16, 320): 0, (21, 320): 1, (21, 352): 2}
_MOBILENET = (17, 320)
_MOBILENET_V3: dict[tuple[int, ...], str] = {(11, 96): "small", (15, 160): "large"}
_WHISPER: dict[tuple[int, ...], str] = {(51864, 384): "tiny.en", (51865, 512): "base"}


def _choose(sizes: Mapping[tuple[int, ...], Any], measure: tuple[int, ...], what: str) -> Any:
    if measure not in sizes:
        raise BundleError(
            f"the weights are refused: no encoder of seehear has their size ({what}: {_format(measure)})",
            allowed=", ".join(f"{_format(each)} (size {size})" for each, size in sizes.items()),
        )
    return sizes[measure]


def _format(measure: tuple[int, ...]) -> str:
    return " x ".join(map(str, measure))
