"""Writes small weights files in each format of a start."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]
_CODES = {"float32": 0, "int8": 1, "int16": 2, "int32": 3, "float16": 4}


def write_ctranslate2(tensors: Mapping[str, NDArray[Any]], version: int = 6, kind: str = "WhisperSpec") -> bytes:
    parts = [struct.pack("<I", version), _name(kind), struct.pack("<II", 3, len(tensors))]
    for name, array in tensors.items():
        head = struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape)
        parts += [_name(name), head, struct.pack("<BI", _CODES[array.dtype.name], array.nbytes), array.tobytes()]
    aliases = [("decoder/projection/weight", "decoder/embeddings/weight")]
    parts += [struct.pack("<I", len(aliases)), *(_name(end) for alias in aliases for end in alias)]
    return b"".join(parts)


def _name(text: str) -> bytes:
    raw = text.encode() + b"\0"
    return struct.pack("<H", len(raw)) + raw


def make_whisper(width: int = 4, layers: int = 2, seed: int = 0) -> Arrays:
    """Tensors under OpenAI's names, with numbers that are exact in float16."""
    shapes: dict[str, tuple[int, ...]] = {
        "encoder.conv1.weight": (width, 80, 3),
        "encoder.conv1.bias": (width,),
        "encoder.conv2.weight": (width, width, 3),
        "encoder.conv2.bias": (width,),
        "encoder.positional_embedding": (6, width),
        "decoder.positional_embedding": (5, width),
        "decoder.token_embedding.weight": (7, width),
        **_linear("encoder.ln_post", width),
        **_linear("decoder.ln", width),
    }
    for block in (f"{half}.blocks.{n}." for half in ("encoder", "decoder") for n in range(layers)):
        for attention in ("attn", "cross_attn") if block.startswith("decoder") else ("attn",):
            for part in ("query", "key", "value", "out"):
                shapes |= _linear(f"{block}{attention}.{part}", width, width)
            del shapes[f"{block}{attention}.key.bias"]
            shapes |= _linear(f"{block}{attention}_ln", width)
        shapes |= _linear(f"{block}mlp.0", 4 * width, width) | _linear(f"{block}mlp.2", width, 4 * width)
        shapes |= _linear(f"{block}mlp_ln", width)
    random = np.random.default_rng(seed)
    return {name: random.integers(-64, 64, shape).astype(np.float16) / np.float16(64) for name, shape in shapes.items()}


def _linear(name: str, *shape: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}


def to_ctranslate2(whisper: Arrays) -> Arrays:
    """The same numbers under the names, and in the matrices, that CTranslate2 keeps."""
    found: Arrays = {
        "encoder/num_heads": np.array(2, np.int16),
        "decoder/alignment_heads": np.array([1, 0], np.int16),
        "decoder/embeddings/weight": whisper["decoder.token_embedding.weight"],
    }
    for half, last in (("encoder", "ln_post"), ("decoder", "ln")):
        found[f"{half}/position_encodings/encodings"] = whisper[f"{half}.positional_embedding"]
        found |= _norm(f"{half}/layer_norm", f"{half}.{last}", whisper)
        for n in range(sum(name.startswith(f"{half}.blocks.") and name.endswith("mlp_ln.bias") for name in whisper)):
            ours, theirs = f"{half}.blocks.{n}.", f"{half}/layer_{n}/"
            found |= _joined(f"{theirs}self_attention/linear_0", ours + "attn.", ("query", "key", "value"), whisper)
            found |= _joined(f"{theirs}self_attention/linear_1", ours + "attn.", ("out",), whisper)
            found |= _norm(f"{theirs}self_attention/layer_norm", f"{ours}attn_ln", whisper)
            if half == "decoder":
                found |= _joined(f"{theirs}attention/linear_0", ours + "cross_attn.", ("query",), whisper)
                found |= _joined(f"{theirs}attention/linear_1", ours + "cross_attn.", ("key", "value"), whisper)
                found |= _joined(f"{theirs}attention/linear_2", ours + "cross_attn.", ("out",), whisper)
                found |= _norm(f"{theirs}attention/layer_norm", f"{ours}cross_attn_ln", whisper)
            found |= _joined(f"{theirs}ffn/linear_0", ours + "mlp.", ("0",), whisper)
            found |= _joined(f"{theirs}ffn/linear_1", ours + "mlp.", ("2",), whisper)
            found |= _norm(f"{theirs}ffn/layer_norm", f"{ours}mlp_ln", whisper)
    for conv in ("conv1", "conv2"):
        found |= _joined(f"encoder/{conv}", "encoder.", (conv,), whisper)
    return found


def _joined(theirs: str, ours: str, parts: tuple[str, ...], whisper: Arrays) -> Arrays:
    weights = [whisper[f"{ours}{part}.weight"] for part in parts]
    biases = [whisper.get(f"{ours}{part}.bias", np.zeros(len(weights[0]), np.float16)) for part in parts]
    return {f"{theirs}/weight": np.concatenate(weights), f"{theirs}/bias": np.concatenate(biases)}


def _norm(theirs: str, ours: str, whisper: Arrays) -> Arrays:
    return {f"{theirs}/gamma": whisper[f"{ours}.weight"], f"{theirs}/beta": whisper[f"{ours}.bias"]}


def to_hugging_face(whisper: Arrays) -> Arrays:
    """The same numbers under the names of transformers, in which the output shares the embedding's."""
    found: Arrays = {"proj_out.weight": whisper["decoder.token_embedding.weight"]}
    for name, array in whisper.items():
        for ours, theirs in _HUGGING_FACE.items():
            name = name.replace(ours, theirs)
        found[f"model.{name}"] = array
    return found


_HUGGING_FACE = {
    "blocks": "layers",
    "positional_embedding": "embed_positions.weight",
    "token_embedding": "embed_tokens",
    "cross_attn_ln": "encoder_attn_layer_norm",
    ".attn_ln": ".self_attn_layer_norm",
    "cross_attn.": "encoder_attn.",
    ".attn.": ".self_attn.",
    ".query.": ".q_proj.",
    ".key.": ".k_proj.",
    ".value.": ".v_proj.",
    "attn.out.": "attn.out_proj.",
    "mlp.0.": "fc1.",
    "mlp.2.": "fc2.",
    "mlp_ln": "final_layer_norm",
    "ln_post": "layer_norm",
    "decoder.ln.": "decoder.layer_norm.",
}


def make_efficientnet(width: int = 2, blocks: int = 12, seed: int = 0) -> Arrays:
    """Tensors under the published names, with a classifier; every convolution has the same few channels."""
    names = {"_conv_stem": "_bn0", "_conv_head": "_bn1"}
    for block in (f"_blocks.{n}." for n in range(blocks)):
        names |= {} if block == "_blocks.0." else {f"{block}_expand_conv": f"{block}_bn0"}
        names |= {f"{block}_depthwise_conv": f"{block}_bn1", f"{block}_project_conv": f"{block}_bn2"}
    random = np.random.default_rng(seed)
    found: Arrays = {"_fc.weight": np.ones((3, width), np.float32), "_fc.bias": np.ones(3, np.float32)}
    for convolution, norm in names.items():
        found[f"{convolution}.weight"] = random.normal(size=(width, width, 1, 1)).astype(np.float32)
        for kind in ("weight", "bias", "running_mean", "running_var"):
            found[f"{norm}.{kind}"] = random.random(width).astype(np.float32)
        found[f"{norm}.num_batches_tracked"] = np.array(7)
    return found


def _add_convolution(found: Arrays, random: np.random.Generator, convolution: str, norm: str, *shape: int) -> None:
    """Add the weights of a convolution and of the normalisation after it."""
    spread = np.sqrt(2 / np.prod(shape[1:]))
    found[f"{convolution}.weight"] = random.normal(0, spread, shape).astype(np.float32)
    for kind in ("weight", "bias", "running_mean", "running_var"):
        found[f"{norm}.{kind}"] = random.uniform(0.5, 1, shape[0]).astype(np.float32)
    found[f"{norm}.num_batches_tracked"] = np.array(7)


def make_resnet(blocks: tuple[int, ...], bottleneck: bool, inner: tuple[int, ...] = (64, 128, 256, 512)) -> Arrays:
    """Tensors under torchvision's names, with a classifier; `inner` are the channels of its 3x3 convolutions."""
    found: Arrays = {"fc.weight": np.ones((3, 2), np.float32), "fc.bias": np.ones(3, np.float32)}
    add = partial(_add_convolution, found, np.random.default_rng(0))
    add("conv1", "bn1", 64, 3, 7, 7)
    before = 64
    for stage, (count, wide) in enumerate(zip(blocks, inner, strict=True)):
        after = 4 * wide if bottleneck else wide
        for block in (f"layer{stage + 1}.{i}." for i in range(count)):
            shapes = [(wide, before, 1), (wide, wide, 3), (after, wide, 1)] if bottleneck else []
            for i, (to, of, kernel) in enumerate(shapes or [(wide, before, 3), (wide, wide, 3)], start=1):
                add(f"{block}conv{i}", f"{block}bn{i}", to, of, kernel, kernel)
            if before != after:
                add(f"{block}downsample.0", f"{block}downsample.1", after, before, 1, 1)
            before = after
    return found


def make_vision_transformer(width: int = 64, depth: int = 2, side: int = 3, layer_scale: bool = False) -> Arrays:
    """Tensors under timm's names, with a classifier; for pictures of `side` patches of 4 px each way."""
    layers = {"norm1": (), "attn.qkv": (3 * width, width), "attn.proj": (width, width), "norm2": ()}
    layers |= {"mlp.fc1": (4 * width, width), "mlp.fc2": (width, 4 * width)}
    shapes: dict[str, tuple[int, ...]] = {"cls_token": (1, 1, width), "pos_embed": (1, 1 + side * side, width)}
    ends: dict[str, tuple[int, ...]] = {"patch_embed.proj": (width, 3, 4, 4), "norm": (), "head": (2, width)}
    ends |= {f"blocks.{n}.{layer}": shape for n in range(depth) for layer, shape in layers.items()}
    for name, shape in ends.items():
        shapes |= {f"{name}.weight": shape or (width,), f"{name}.bias": shape[:1] or (width,)}
    if layer_scale:
        shapes |= {f"blocks.{n}.ls{half}.gamma": (width,) for n in range(depth) for half in (1, 2)}
        shapes["mask_token"] = (1, width)
    random = np.random.default_rng(0)
    return {name: random.normal(0, 0.2, shape).astype(np.float32) for name, shape in shapes.items()}


def to_timm(efficientnet: Arrays) -> Arrays:
    """The same numbers under the names of timm: the first block in a stage of its own, then two in each."""
    outside = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
    separable = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
    expanding = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2"}
    expanding |= {"_project_conv": "conv_pwl", "_bn2": "bn3"}
    found: Arrays = {}
    for name, array in efficientnet.items():
        if not name.startswith("_blocks."):
            layer, kind = name.split(".")
            found[f"{outside[layer]}.{kind}"] = array
            continue
        _, number, layer, kind = name.split(".")
        stage, block = ((int(number) + 1) // 2, (int(number) + 1) % 2 if int(number) else 0)
        found[f"blocks.{stage}.{block}.{(expanding if int(number) else separable)[layer]}.{kind}"] = array
    return found


def make_wav2vec2(group_norm: bool = True, convolution_bias: bool = False, new_names: bool = False) -> Arrays:
    """Tensors under transformers' names, with an output for CTC: two layers of 32 channels, 8 of the convolutions."""
    shapes: dict[str, tuple[int, ...]] = {"wav2vec2.masked_spec_embed": (32,), **_linear("lm_head", 5, 32)}
    for i, kernel in enumerate((10, 3, 3, 3, 3, 2, 2)):
        layer = f"wav2vec2.feature_extractor.conv_layers.{i}"
        shapes[f"{layer}.conv.weight"] = (8, 8 if i else 1, kernel)
        shapes |= {f"{layer}.conv.bias": (8,)} if convolution_bias else {}
        shapes |= _linear(f"{layer}.layer_norm", 8) if i == 0 or not group_norm else {}
    shapes |= _linear("wav2vec2.feature_projection.layer_norm", 8)
    shapes |= _linear("wav2vec2.feature_projection.projection", 32, 8)
    gain, direction = "weight_g", "weight_v"
    if new_names:
        gain, direction = "parametrizations.weight.original0", "parametrizations.weight.original1"
    positions = "wav2vec2.encoder.pos_conv_embed.conv"
    shapes |= {f"{positions}.bias": (32,), f"{positions}.{gain}": (1, 1, 6), f"{positions}.{direction}": (32, 8, 6)}
    shapes |= _linear("wav2vec2.encoder.layer_norm", 32)
    for layer in (f"wav2vec2.encoder.layers.{n}" for n in range(2)):
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            shapes |= _linear(f"{layer}.attention.{part}", 32, 32)
        shapes |= _linear(f"{layer}.layer_norm", 32) | _linear(f"{layer}.final_layer_norm", 32)
        shapes |= _linear(f"{layer}.feed_forward.intermediate_dense", 48, 32)
        shapes |= _linear(f"{layer}.feed_forward.output_dense", 32, 48)
    random = np.random.default_rng(0)
    return {name: random.normal(0.1, 0.3, shape).astype(np.float32) for name, shape in shapes.items()}


def make_mobilenet_v2() -> Arrays:
    """Tensors under torchvision's names, with a classifier, of the published shapes."""
    found: Arrays = {"classifier.1.weight": np.ones((3, 1280), np.float32), "classifier.1.bias": np.ones(3, np.float32)}
    add = partial(_add_convolution, found, np.random.default_rng(0))
    add("features.0.0", "features.0.1", 32, 3, 3, 3)
    before, number = 32, 1
    for after, repeats in ((16, 1), (24, 2), (32, 3), (64, 4), (96, 3), (160, 3), (320, 1)):
        for _ in range(repeats):
            block, inner, first = f"features.{number}.conv.", 6 * before if number > 1 else before, int(number > 1)
            if number > 1:
                add(f"{block}0.0", f"{block}0.1", inner, before, 1, 1)
            add(f"{block}{first}.0", f"{block}{first}.1", inner, 1, 3, 3)
            add(f"{block}{first + 1}", f"{block}{first + 2}", after, inner, 1, 1)
            before, number = after, number + 1
    add("features.18.0", "features.18.1", 1280, 320, 1, 1)
    return found


def make_mobilenet_v3(size: str) -> Arrays:
    """Tensors under torchvision's names, with a classifier, of the published shapes."""
    found: Arrays = {"classifier.0.weight": np.ones((3, 2), np.float32), "classifier.0.bias": np.ones(3, np.float32)}
    random = np.random.default_rng(0)
    add = partial(_add_convolution, found, random)
    add("features.0.0", "features.0.1", 16, 3, 3, 3)
    before = 16
    for number, (inner, after, kernel, squeezed) in enumerate(MOBILENET_V3[size], start=1):
        block, place = f"features.{number}.block.", 0
        if inner != before:
            add(f"{block}0.0", f"{block}0.1", inner, before, 1, 1)
            place = 1
        add(f"{block}{place}.0", f"{block}{place}.1", inner, 1, kernel, kernel)
        if squeezed:
            place += 1
            for layer, shape in (("fc1", (squeezed, inner)), ("fc2", (inner, squeezed))):
                found[f"{block}{place}.{layer}.weight"] = random.normal(0, 0.1, (*shape, 1, 1)).astype(np.float32)
                found[f"{block}{place}.{layer}.bias"] = random.normal(0, 0.1, shape[:1]).astype(np.float32)
        add(f"{block}{place + 1}.0", f"{block}{place + 1}.1", after, inner, 1, 1)
        before = after
    add(f"features.{number + 1}.0", f"features.{number + 1}.1", 6 * before, before, 1, 1)
    return found


MOBILENET_V3 = {  # channels within and after a block, side of the kernel, channels of the squeeze
    "small": [
        *((16, 16, 3, 8), (72, 24, 3, 0), (88, 24, 3, 0), (96, 40, 5, 24), (240, 40, 5, 64), (240, 40, 5, 64)),
        *((120, 48, 5, 32), (144, 48, 5, 40), (288, 96, 5, 72), (576, 96, 5, 144), (576, 96, 5, 144)),
    ],
    "large": [
        *((16, 16, 3, 0), (64, 24, 3, 0), (72, 24, 3, 0), (72, 40, 5, 24), (120, 40, 5, 32), (120, 40, 5, 32)),
        *((240, 80, 3, 0), (200, 80, 3, 0), (184, 80, 3, 0), (184, 80, 3, 0), (480, 112, 3, 120), (672, 112, 3, 168)),
        *((672, 160, 5, 168), (960, 160, 5, 240), (960, 160, 5, 240)),
    ],
}
