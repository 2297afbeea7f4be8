"""The layout of wav2vec 2.0 and HuBERT in a folder of Hugging Face's transformers: tensors and settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.errors import BundleError
from seehear.starts.digest import Tensors
from seehear.strict_json import from_json

PREFIXES = ("", "wav2vec2.", "hubert.")  # of the encoder's tensors in a model with a head
PROJECTION = "feature_projection.projection.weight"
CONFIG, PREPROCESSOR = "config.json", "preprocessor_config.json"
SETTINGS = (CONFIG, PREPROCESSOR)  # files beside the weights
MOST_BYTES = 1_000_000  # of such a file

_PARTS = ("feature_extractor.", "feature_projection.", "encoder.")
_POSITIONS = "encoder.pos_conv_embed.conv"
_LAYER = (
    *("attention.q_proj", "attention.k_proj", "attention.v_proj", "attention.out_proj", "layer_norm"),
    *("feed_forward.intermediate_dense", "feed_forward.output_dense", "final_layer_norm"),
)
_PUBLISHED: dict[str, Any] = {  # settings that seehear does not vary
    "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
    "conv_stride": [5, 2, 2, 2, 2, 2, 2],
    "feat_extract_activation": "gelu",
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-5,
}
_SUCH_AS = "such as facebook/wav2vec2-base or facebook/hubert-base-ls960"


def from_hugging_face_wav2vec2(tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The encoder's tensors, without the prefix. The positions' kernel is the product of its gain and its direction."""
    prefix = next(each for each in PREFIXES if f"{each}{PROJECTION}" in tensors)
    found = {name.removeprefix(prefix): array for name, array in tensors.items() if name.startswith(prefix)}
    found = {name: array for name, array in found.items() if name.startswith(_PARTS)}
    for gain, direction in (
        ("weight_g", "weight_v"),
        ("parametrizations.weight.original0", "parametrizations.weight.original1"),
    ):
        if f"{_POSITIONS}.{gain}" in found and f"{_POSITIONS}.{direction}" in found:
            vectors = np.asarray(found.pop(f"{_POSITIONS}.{direction}"), np.float32)  # (D, D / groups, kernel)
            lengths = np.sqrt(np.square(vectors).sum(axis=(0, 1), keepdims=True))
            found[f"{_POSITIONS}.weight"] = vectors * found.pop(f"{_POSITIONS}.{gain}") / lengths
    return found


def recognise_wav2vec2(tensors: Tensors, folder: Path) -> Mapping[str, Any]:
    """The specification of the encoder, from its tensors and from CONFIG, which gives the number of heads.

    Raises BundleError if CONFIG is missing or does not belong to the tensors, or the architecture is another one.
    """
    config = _read_settings(folder, CONFIG)
    if config is None:
        raise BundleError(
            f"the weights are refused: wav2vec 2.0 needs its {CONFIG}", hint="copy it into the folder of the weights"
        )
    for name, published in _PUBLISHED.items():
        if (value := config.get(name, published)) != published:
            raise BundleError(f"the weights are refused: {name} in {CONFIG} is {value}", allowed=str(published))
    width, depth = tensors[PROJECTION].shape[0], sum(name.endswith(".q_proj.weight") for name in tensors)
    group_norm = "feature_extractor.conv_layers.1.layer_norm.weight" not in tensors
    convolution_bias = "feature_extractor.conv_layers.0.conv.bias" in tensors
    _check_names(tensors, depth, group_norm, convolution_bias)
    _, per_group, kernel = tensors[f"{_POSITIONS}.weight"].shape
    if width % per_group:
        raise BundleError(f"the weights are refused: {width} channels in groups of {per_group}", allowed=_SUCH_AS)
    heads = config.get("num_attention_heads", 12)
    if not isinstance(heads, int) or not 1 <= heads <= width or width % heads:
        what = f"the weights are refused: num_attention_heads in {CONFIG} is {heads!r}, with {width} channels"
        raise BundleError(what, allowed=f"a divisor of {width}")
    preprocessor = _read_settings(folder, PREPROCESSOR) or {}
    if (rate_hz := preprocessor.get("sampling_rate", 16_000)) != 16_000:
        raise BundleError(f"the weights are refused: sampling_rate in {PREPROCESSOR} is {rate_hz}", allowed="16000")
    return {
        "kind": "wav2vec2",
        "channels": tensors[PROJECTION].shape[1],
        "width": width,
        "heads": heads,
        "inner": tensors["encoder.layers.0.feed_forward.intermediate_dense.weight"].shape[0],
        "position_kernel": kernel,
        "position_groups": width // per_group,
        "group_norm": group_norm,
        "pre_norm": config.get("do_stable_layer_norm", False) is True,
        "convolution_bias": convolution_bias,
        "scale_input": preprocessor.get("do_normalize", True) is True,
        "published_layers": depth,
    }


def _check_names(tensors: Tensors, depth: int, group_norm: bool, convolution_bias: bool) -> None:
    """WavLM, data2vec and adapters have other tensors."""
    layers = ["feature_projection.layer_norm", "feature_projection.projection", "encoder.layer_norm", _POSITIONS]
    layers += [f"encoder.layers.{number}.{part}" for number in range(depth) for part in _LAYER]
    convolutions = [f"feature_extractor.conv_layers.{i}" for i in range(len(_PUBLISHED["conv_kernel"]))]
    layers += [f"{each}.layer_norm" for each in (convolutions[:1] if group_norm else convolutions)]
    layers += [f"{each}.conv" for each in convolutions] if convolution_bias else []
    names = {f"{layer}.{kind}" for layer in layers for kind in ("weight", "bias")}
    names |= {f"{each}.conv.weight" for each in convolutions}
    if differing := sorted(names ^ tensors.keys()):
        how = "lacks" if differing[0] in names else "also has"
        raise BundleError(f"the weights are refused: a wav2vec 2.0 that {how} {differing[0]}", allowed=_SUCH_AS)


def _read_settings(folder: Path, name: str) -> dict[str, Any] | None:
    """None if there is no such file."""
    path = folder / name
    if not path.is_file():
        return None
    if path.stat().st_size > MOST_BYTES:
        raise BundleError(f"the weights are refused: {name} has more than {MOST_BYTES:,} bytes")
    try:
        settings = from_json(path.read_bytes())
    except ValueError as error:
        raise BundleError(f"the weights are refused: {name} is no JSON ({error})") from None
    if not isinstance(settings, dict):
        raise BundleError(f"the weights are refused: {name} holds no settings by name")
    return settings
