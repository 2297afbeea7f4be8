"""Weights of the user's own: any published layout of an architecture that our encoders have."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from installed import TOKENIZER
from seehear.errors import BundleError, SeehearError, UsageError
from seehear.starts import architectures, find_place, find_start, is_available, load_file, load_tensors
from start_files import (
    Arrays,
    make_efficientnet,
    make_mobilenet_v2,
    make_mobilenet_v3,
    make_resnet,
    make_vision_transformer,
    make_wav2vec2,
    make_whisper,
    to_hugging_face,
    to_timm,
)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Arrays:
    """Of a size that counts as tiny.en, whose own embedding is 40 MB."""
    monkeypatch.setitem(architectures._WHISPER, make_whisper()["decoder.token_embedding.weight"].shape, "tiny.en")
    return make_whisper()


def _like_lite(blocks: int, width: int) -> Arrays:
    return {**make_efficientnet(blocks=blocks), "_conv_head.weight": np.ones((2, width, 1, 1), np.float32)}


@pytest.mark.parametrize(("blocks", "width", "size"), [(16, 320, 0), (21, 320, 1), (21, 352, 2)])
@pytest.mark.parametrize("in_layout", [dict, to_timm], ids=["published", "timm"])
def test_a_file_of_efficientnet_is_a_start(tmp_path: Path, in_layout, blocks: int, width: int, size: int) -> None:
    path = tmp_path / "mine.safetensors"
    path.write_bytes(safetensors.numpy.save(in_layout(_like_lite(blocks, width))))
    start = find_start(str(path))
    assert (start.name, start.sense) == (str(path), "image")
    assert start.encoder == {"kind": "efficientnet-lite", "size": size}
    assert is_available(start)
    assert find_place(start) == f"in {path}"
    assert load_tensors(start)["_conv_head.weight"].shape == (2, width, 1, 1)


@pytest.mark.parametrize("bottleneck", [False, True])
def test_a_file_of_a_resnet_is_a_start(tmp_path: Path, bottleneck: bool) -> None:
    path = tmp_path / "mine.safetensors"
    tensors = make_resnet((1, 2, 1, 1), bottleneck, inner=(64, 8, 4, 4))
    path.write_bytes(safetensors.numpy.save(tensors))
    start = find_start(str(path))
    assert start.encoder == {"kind": "resnet", "blocks": [1, 2, 1, 1], "bottleneck": bottleneck}
    assert "fc.weight" not in load_tensors(start)
    wide = {**tensors, "layer1.0.conv2.weight": np.ones((128, 64, 3, 3), np.float32)}
    path.write_bytes(safetensors.numpy.save(wide))
    with pytest.raises(BundleError, match=r"the shape \(128, 64, 3, 3\). Allowed: four stages"):
        find_start(str(path))


def test_a_file_of_mobilenet_v2_is_a_start(tmp_path: Path) -> None:
    path, tensors = tmp_path / "mine.safetensors", make_mobilenet_v2()
    path.write_bytes(safetensors.numpy.save(tensors))
    start = find_start(str(path))
    assert (start.sense, start.encoder) == ("image", {"kind": "mobilenet-v2"})
    loaded = load_tensors(start)
    assert len(loaded) == sum(not name.endswith("tracked") and "classifier" not in name for name in tensors)
    assert {"_conv_stem.weight", "_blocks.0._project_conv.weight", "_blocks.16._bn2.bias", "_bn1.bias"} <= {*loaded}


@pytest.mark.parametrize("size", ["small", "large"])
def test_a_file_of_mobilenet_v3_is_a_start(tmp_path: Path, size: str) -> None:
    path, tensors = tmp_path / "mine.safetensors", make_mobilenet_v3(size)
    path.write_bytes(safetensors.numpy.save(tensors))
    start = find_start(str(path))
    assert (start.sense, start.encoder) == ("image", {"kind": "mobilenet-v3", "size": size})
    loaded = load_tensors(start)
    assert len(loaded) == sum(not name.endswith("tracked") and "classifier" not in name for name in tensors)
    assert {"_blocks.3._se_reduce.bias", "_blocks.3._project_conv.weight", "_blocks.0._depthwise_conv.weight"} <= {
        *loaded
    }


@pytest.mark.parametrize("layer_scale", [False, True])
def test_a_file_of_a_vision_transformer_is_a_start(tmp_path: Path, layer_scale: bool) -> None:
    path, tensors = tmp_path / "mine.safetensors", make_vision_transformer(layer_scale=layer_scale)
    path.write_bytes(safetensors.numpy.save(tensors))
    start = find_start(str(path))
    sizes = {"width": 64, "depth": 2, "patch_px": 4, "layer_scale": layer_scale}
    assert start.encoder == {"kind": "vision-transformer", **sizes}
    assert load_tensors(start).keys() == tensors.keys() - {"head.weight", "head.bias", "mask_token"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"reg_token": (1, 4, 64)}, "a Vision Transformer that also has reg_token. Allowed: such as vit_small"),
        ({"blocks.2.attn.qkv.weight": (192, 64)}, "a Vision Transformer that lacks blocks.2.attn.proj.bias"),
        ({"pos_embed": (1, 9, 64)}, "of 64 channels, 256 within blocks and 9 positions"),
        ({"pos_embed": (1, 10, 65)}, "of 65 channels"),
        ({"pos_embed": (10, 64)}, "shapes that no encoder has"),
        ({"patch_embed.proj.weight": (64, 3)}, "shapes that no encoder has"),
        ({"blocks.0.mlp.fc1.weight": (128, 64)}, "128 within blocks"),
    ],
)
def test_other_vision_transformers_are_refused(tmp_path: Path, change: dict[str, tuple[int, ...]], reason: str) -> None:
    path = tmp_path / "mine.safetensors"
    changed = {name: np.ones(shape, np.float32) for name, shape in change.items()}
    path.write_bytes(safetensors.numpy.save({**make_vision_transformer(), **changed}))
    with pytest.raises(BundleError, match=reason):
        find_start(str(path))


def test_a_folder_of_a_fine_tuned_whisper_is_a_start(tiny: Arrays, tmp_path: Path, cache: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(safetensors.numpy.save(to_hugging_face(tiny)))
    (tmp_path / "tokenizer.json").write_bytes(TOKENIZER)
    start = find_start(str(tmp_path))
    assert start.encoder == {"kind": "whisper", "size": "tiny.en"}
    np.testing.assert_array_equal(load_tensors(start)["encoder.conv1.weight"], tiny["encoder.conv1.weight"])
    assert load_file(start, "tokenizer.json") == TOKENIZER
    assert not cache.exists()  # a file of one's own is not copied
    assert "of your own" in start.licence


def test_a_file_that_changes_is_another_start(tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    path.write_bytes(safetensors.numpy.save(_like_lite(16, 320)))
    before = find_start(str(path))
    path.write_bytes(safetensors.numpy.save(_like_lite(21, 320)))
    assert find_start(str(path)).digest != before.digest
    with pytest.raises(BundleError, match="the weights are not those of"):
        load_tensors(before)


def test_weights_that_fit_no_encoder_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    with pytest.raises(UsageError, match=r"mine.safetensors: there is no such file or folder"):
        find_start(str(path))
    with pytest.raises(UsageError, match=r"holds no weights. Allowed: weights.safetensors"):
        find_start(str(tmp_path))
    path.write_bytes(safetensors.numpy.save(make_whisper()))
    with pytest.raises(BundleError, match=r"no encoder .* \(tokens, width: 7 x 4\). Allowed: 51864 x 384 \(size tiny"):
        find_start(str(path))
    path.write_bytes(safetensors.numpy.save(_like_lite(16, 352)))
    with pytest.raises(BundleError, match=r"mine.safetensors: .*bottlenecks, their last width: 16 x 352\)"):
        find_start(str(path))
    path.write_bytes(safetensors.numpy.save({"_conv_stem.weight": np.ones(1)}))
    with pytest.raises(BundleError, match=r"last width: 0\)"):
        find_start(str(path))


def test_a_vocabulary_that_is_missing_is_named(tiny: Arrays, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(safetensors.numpy.save(tiny))
    with pytest.raises(SeehearError, match=r"has no tokenizer\.json beside the weights"):
        load_file(find_start(str(path)), "tokenizer.json")


def _write_wav2vec2(folder: Path, tensors: Arrays, **config: object) -> str:
    (folder / "model.safetensors").write_bytes(safetensors.numpy.save(tensors))
    (folder / "config.json").write_text(json.dumps({"num_attention_heads": 4, **config}))
    return str(folder)


@pytest.mark.parametrize("new_names", [False, True])
@pytest.mark.parametrize("prefix", ["", "wav2vec2.", "hubert."])
def test_a_folder_of_wav2vec2_or_hubert_is_a_start(tmp_path: Path, new_names: bool, prefix: str) -> None:
    tensors = {name.replace("wav2vec2.", prefix): array for name, array in make_wav2vec2(new_names=new_names).items()}
    start = find_start(_write_wav2vec2(tmp_path, tensors))
    assert start.sense == "audio"
    assert start.encoder == {
        "kind": "wav2vec2",
        "channels": 8,
        "width": 32,
        "heads": 4,
        "inner": 48,
        "position_kernel": 6,
        "position_groups": 4,
        "group_norm": True,
        "pre_norm": False,
        "convolution_bias": False,
        "scale_input": True,
        "published_layers": 2,
    }
    loaded = load_tensors(start)
    assert loaded["encoder.pos_conv_embed.conv.weight"].shape == (32, 8, 6)
    assert not any(name.startswith(("lm_head", "masked_spec")) for name in loaded)


def test_the_settings_beside_the_weights_decide(tmp_path: Path) -> None:
    tensors = make_wav2vec2(group_norm=False, convolution_bias=True)
    folder = _write_wav2vec2(tmp_path, tensors)
    assert not find_start(folder).encoder["pre_norm"]
    _write_wav2vec2(tmp_path, tensors, do_stable_layer_norm=True)
    (tmp_path / "preprocessor_config.json").write_text('{"do_normalize": false}')
    found = {name: find_start(folder).encoder[name] for name in ("pre_norm", "group_norm", "scale_input")}
    assert found == {"pre_norm": True, "group_norm": False, "scale_input": False}


@pytest.mark.parametrize(
    ("config", "change", "reason"),
    [
        ({"conv_stride": [5, 2, 2, 2, 2, 2, 1]}, {}, r"conv_stride in config.json is \[5.*Allowed: \[5, 2, 2"),
        ({"num_attention_heads": 5}, {}, "num_attention_heads in config.json is 5, with 32 channels"),
        ({"num_attention_heads": "4"}, {}, "num_attention_heads in config.json is '4'"),
        ({}, {"wav2vec2.encoder.layers.0.attention.rel_attn_embed.weight": (2, 2)}, "also has encoder.layers.0.attent"),
        ({}, {"wav2vec2.encoder.layers.2.attention.q_proj.weight": (32, 32)}, "lacks encoder.layers.2.attention.k_pr"),
        ({}, {"wav2vec2.encoder.pos_conv_embed.conv.weight_v": (32, 5, 6)}, "32 channels in groups of 5"),
    ],
)
def test_other_wav2vec2s_are_refused(tmp_path: Path, config: dict[str, object], change, reason: str) -> None:
    changed = {name: np.ones(shape, np.float32) for name, shape in change.items()}
    with pytest.raises(BundleError, match=reason):
        find_start(_write_wav2vec2(tmp_path, {**make_wav2vec2(), **changed}, **config))


def test_wav2vec2_without_valid_settings_is_refused(tmp_path: Path) -> None:
    folder = _write_wav2vec2(tmp_path, make_wav2vec2())
    for text, reason in (("[]", "holds no settings by name"), ("{", "config.json is no JSON")):
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(BundleError, match=reason):
            find_start(folder)
    (tmp_path / "config.json").unlink()
    with pytest.raises(BundleError, match=r"wav2vec 2.0 needs its config.json. Next: copy it"):
        find_start(folder)
