"""Renames the tensors of a published layout to our encoders' names, which are those of the first publication.

EfficientNet-Lite as in efficientnet_lite_pytorch, MobileNet with the same names, ResNet as in torchvision, Vision
Transformer as in timm, all without the classifier; Whisper as in openai/whisper; wav2vec 2.0 and HuBERT as in
transformers, without what comes after the encoder.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.errors import BundleError
from seehear.starts.wav2vec2 import PREFIXES, PROJECTION, from_hugging_face_wav2vec2

Arrays = dict[str, NDArray[Any]]


def to_our_names(tensors: Arrays) -> Arrays:
    """Recognises the layout by a name that only it has. Raises BundleError for an unknown layout."""
    for landmark, convert in _LAYOUTS.items():
        if landmark in tensors:
            return convert(tensors)
    some = ", ".join(sorted(tensors)[:3])
    raise BundleError(
        f"the weights are refused: {len(tensors)} tensors ({some}, ...) in an unknown layout",
        allowed="EfficientNet-Lite as published or in timm; MobileNetV2 and V3 of torchvision; ResNet of torchvision "
        "or timm; Vision Transformer and DINOv2 of timm; Whisper of OpenAI, Hugging Face or CTranslate2; "
        "wav2vec 2.0 and HuBERT of Hugging Face",
    )


def _from_efficientnet(tensors: Arrays) -> Arrays:
    return {name: array for name, array in tensors.items() if not name.startswith("_fc.") and not _is_count(name)}


def _from_timm_efficientnet(tensors: Arrays) -> Arrays:
    """timm numbers blocks within stages, and the convolutions and normalisations within a block."""
    places = sorted({(int(n[1]), int(n[2])) for name in tensors if (n := re.match(r"blocks\.(\d+)\.(\d+)\.", name))})
    found: Arrays = {}
    for name, array in tensors.items():
        if name.startswith("classifier.") or _is_count(name):
            continue
        block = re.fullmatch(r"blocks\.(\d+)\.(\d+)\.(.+)", name)
        if block is None:
            found[_rename(name, _TIMM_OUTSIDE)] = array
            continue
        expands = f"blocks.{block[1]}.{block[2]}.conv_pwl.weight" in tensors
        layer = _rename(block[3], _TIMM_EXPANDING if expands else _TIMM_SEPARABLE)
        found[f"_blocks.{places.index((int(block[1]), int(block[2])))}.{layer}"] = array
    return found


_TIMM_OUTSIDE = {"conv_stem": "_conv_stem", "bn1": "_bn0", "conv_head": "_conv_head", "bn2": "_bn1"}
_TIMM_SEPARABLE = {"conv_dw": "_depthwise_conv", "bn1": "_bn1", "conv_pw": "_project_conv", "bn2": "_bn2"}
_TIMM_EXPANDING = {
    "conv_pw": "_expand_conv",
    "bn1": "_bn0",
    "conv_dw": "_depthwise_conv",
    "bn2": "_bn1",
    "conv_pwl": "_project_conv",
    "bn3": "_bn2",
}


def _from_mobilenet_v2(tensors: Arrays) -> Arrays:
    return _from_mobilenet(tensors, "conv.", _name_mobilenet_v2_layers)


def _from_mobilenet_v3(tensors: Arrays) -> Arrays:
    return _from_mobilenet(tensors, "block.", _name_mobilenet_v3_layers)


def _from_mobilenet(tensors: Arrays, inner: str, name_layers: Callable[[Arrays, str], Mapping[str, str]]) -> Arrays:
    """torchvision numbers the convolutions at both ends and the blocks between them, and the layers within a block.

    inner         begins the name of a layer within a block
    name_layers   (tensors, how the names of a block begin) -> our names of its layers
    """
    last = _find_last(tensors)
    found: Arrays = {}
    for name, array in tensors.items():
        if name.startswith("classifier.") or _is_count(name):
            continue
        _, number, *layer, kind = name.split(".")
        place = ".".join(layer).removeprefix(inner)
        if number in ("0", str(last)):
            ours = (_MOBILENET_STEM if number == "0" else _MOBILENET_HEAD).get(place, place)
        else:
            own = name_layers(tensors, f"features.{number}.{inner}").get(place, place)
            ours = f"_blocks.{int(number) - 1}.{own}"
        found[f"{ours}.{kind}"] = array
    return found


def _name_mobilenet_v2_layers(tensors: Arrays, block: str) -> Mapping[str, str]:
    return _MOBILENET_EXPANDING if f"{block}3.weight" in tensors else _MOBILENET_SEPARABLE


_MOBILENET_STEM, _MOBILENET_HEAD = {"0": "_conv_stem", "1": "_bn0"}, {"0": "_conv_head", "1": "_bn1"}
_MOBILENET_SEPARABLE = {"0.0": "_depthwise_conv", "0.1": "_bn1", "1": "_project_conv", "2": "_bn2"}
_MOBILENET_EXPANDING = {
    "0.0": "_expand_conv",
    "0.1": "_bn0",
    "1.0": "_depthwise_conv",
    "1.1": "_bn1",
    "2": "_project_conv",
    "3": "_bn2",
}


def _name_mobilenet_v3_layers(tensors: Arrays, block: str) -> Mapping[str, str]:
    """The first layer is the expansion, unless there is none."""
    expands = tensors[f"{block}0.0.weight"].shape[1] != 1  # the depthwise convolution has one input channel
    squeezes = f"{block}{1 + expands}.fc1.weight" in tensors
    names = {f"{int(expands)}.0": "_depthwise_conv", f"{int(expands)}.1": "_bn1"}
    names |= {"0.0": "_expand_conv", "0.1": "_bn0"} if expands else {}
    names |= {f"{1 + expands}.fc1": "_se_reduce", f"{1 + expands}.fc2": "_se_expand"} if squeezes else {}
    end = 1 + expands + squeezes
    return names | {f"{end}.0": "_project_conv", f"{end}.1": "_bn2"}


def _find_last(tensors: Arrays) -> int:
    """The number of the last of torchvision's layers."""
    return max(int(name.split(".")[1]) for name in tensors if re.match(r"features\.\d+\.", name))


def _from_resnet(tensors: Arrays) -> Arrays:
    return {name: array for name, array in tensors.items() if not name.startswith("fc.") and not _is_count(name)}


def _from_vision_transformer(tensors: Arrays) -> Arrays:
    """`mask_token` is only used in the training of DINOv2."""
    return {name: array for name, array in tensors.items() if not name.startswith("head.") and name != "mask_token"}


def _from_openai_whisper(tensors: Arrays) -> Arrays:
    return dict(tensors)


def _from_hugging_face_whisper(tensors: Arrays) -> Arrays:
    found: Arrays = {}
    for name, array in tensors.items():
        if name == "proj_out.weight":  # tied to the token embedding
            continue
        name = name.removeprefix("model.").replace("embed_positions.weight", "positional_embedding")
        last = {"layer_norm": "ln_post" if name.startswith("encoder.") else "ln"}
        found[_rename(name, _HUGGING_FACE | last)] = array
    return found


_HUGGING_FACE = {
    "layers": "blocks",
    "embed_tokens": "token_embedding",
    "self_attn": "attn",
    "self_attn_layer_norm": "attn_ln",
    "encoder_attn": "cross_attn",
    "encoder_attn_layer_norm": "cross_attn_ln",
    "q_proj": "query",
    "k_proj": "key",
    "v_proj": "value",
    "out_proj": "out",
    "fc1": "mlp.0",
    "fc2": "mlp.2",
    "final_layer_norm": "mlp_ln",
}


def _from_ctranslate2_whisper(tensors: Arrays) -> Arrays:
    """CTranslate2 stores query, key and value of self-attention in one matrix, and key and value of cross-attention."""
    found: Arrays = {}
    for name, array in tensors.items():
        if array.ndim == 0 or name in ("decoder/alignment_heads", "decoder/alignment_layer"):
            continue  # settings, not weights
        place, _, kind = name.rpartition("/")
        layer = re.fullmatch(r"(encoder|decoder)/layer_(\d+)/(.+)", place)
        where = f"{layer[1]}.blocks.{layer[2]}." if layer else ""
        names = _CTRANSLATE2_LAYER.get(layer[3]) if layer else _CTRANSLATE2_OUTSIDE.get(place)
        if names is None or array.shape[0] % len(names):
            raise BundleError(f"the weights are refused: Whisper has no tensor {name!r} of shape {array.shape}")
        kind = {"gamma": "weight", "beta": "bias"}.get(kind, kind)
        for target, part in zip(names, np.split(array, len(names)), strict=True):
            if target.endswith(".key") and kind == "bias":  # zeros; OpenAI's model has no such bias
                if part.any():
                    raise BundleError(
                        f"the weights are refused: {name!r} gives the keys a bias, which Whisper does not have"
                    )
                continue
            found[f"{where}{target}" if kind == "encodings" else f"{where}{target}.{kind}"] = part
    return found


_CTRANSLATE2_OUTSIDE = {
    "encoder/conv1": ["encoder.conv1"],
    "encoder/conv2": ["encoder.conv2"],
    "encoder/position_encodings": ["encoder.positional_embedding"],
    "encoder/layer_norm": ["encoder.ln_post"],
    "decoder/embeddings": ["decoder.token_embedding"],
    "decoder/position_encodings": ["decoder.positional_embedding"],
    "decoder/layer_norm": ["decoder.ln"],
}
_CTRANSLATE2_LAYER = {
    "self_attention/layer_norm": ["attn_ln"],
    "self_attention/linear_0": ["attn.query", "attn.key", "attn.value"],
    "self_attention/linear_1": ["attn.out"],
    "attention/layer_norm": ["cross_attn_ln"],
    "attention/linear_0": ["cross_attn.query"],
    "attention/linear_1": ["cross_attn.key", "cross_attn.value"],
    "attention/linear_2": ["cross_attn.out"],
    "ffn/layer_norm": ["mlp_ln"],
    "ffn/linear_0": ["mlp.0"],
    "ffn/linear_1": ["mlp.2"],
}


def _rename(name: str, words: dict[str, str]) -> str:
    """Replace whole words between dots."""
    return ".".join(words.get(word, word) for word in name.split("."))


def _is_count(name: str) -> bool:
    """The number of batches that a normalisation saw in training, which has no effect."""
    return name.endswith(".num_batches_tracked")


_LAYOUTS: dict[str, Callable[[Arrays], Arrays]] = {
    "_conv_stem.weight": _from_efficientnet,
    "conv_stem.weight": _from_timm_efficientnet,
    "features.1.conv.0.0.weight": _from_mobilenet_v2,
    "features.1.block.0.0.weight": _from_mobilenet_v3,
    "layer1.0.conv1.weight": _from_resnet,
    "blocks.0.attn.qkv.weight": _from_vision_transformer,
    "encoder.positional_embedding": _from_openai_whisper,
    "model.encoder.embed_positions.weight": _from_hugging_face_whisper,
    "encoder/position_encodings/encodings": _from_ctranslate2_whisper,
    **dict.fromkeys((f"{prefix}{PROJECTION}" for prefix in PREFIXES), from_hugging_face_wav2vec2),
}
