"""wav2vec 2.0 and HuBERT with random weights of the published layout, against a plain implementation."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from learning import EXAMPLES, dataset_of, recipe_for
from seehear.learn.export import export_graphs, trace_graphs
from seehear.learn.model.network import Network
from seehear.senses.hearing import HEARING
from seehear.senses.hearing.plan import CELL_SAMPLES, HearingSpec, Wav2Vec2, plan_hearing
from seehear.senses.hearing.wav2vec2 import TAIL_SAMPLES, Wav2Vec2Encoder
from seehear.senses.model_sizing import SizingInputs
from seehear.starts import find_start, load_tensors
from start_files import Arrays, make_wav2vec2

HEADS = 4
SIZE = Wav2Vec2(
    channels=8,
    width=32,
    heads=HEADS,
    inner=48,
    position_kernel=6,
    position_groups=4,
    group_norm=True,
    pre_norm=False,
    convolution_bias=False,
    scale_input=True,
    published_layers=2,
    layers=(1, 2),
)


def _write(folder: Path, tensors: Arrays, pre_norm: bool, normalise: bool = True) -> str:
    (folder / "model.safetensors").write_bytes(safetensors.numpy.save(tensors))
    (folder / "config.json").write_text(json.dumps({"num_attention_heads": HEADS, "do_stable_layer_norm": pre_norm}))
    (folder / "preprocessor_config.json").write_text(json.dumps({"do_normalize": normalise, "sampling_rate": 16_000}))
    return str(folder)


def _build(folder: str, layers: tuple[int, ...] = (1, 2)) -> Wav2Vec2Encoder:
    start = find_start(folder)
    spec = HearingSpec(longest_s=5, encoder={**start.encoder, "layers": layers})  # type: ignore[arg-type]
    encoder = HEARING.build_encoder(spec)
    assert isinstance(encoder, Wav2Vec2Encoder)
    encoder.load_pretrained(load_tensors(start))
    return encoder.eval()


def _reference(tensors: Arrays, audio: Tensor, group_norm: bool, pre_norm: bool, normalise: bool) -> list[Tensor]:
    """The states after each layer for one recording (T,), step by step as in transformers."""
    of = {name.removeprefix("wav2vec2."): torch.from_numpy(array) for name, array in tensors.items()}

    def pair(name: str) -> tuple[Tensor, Tensor]:
        return of[f"{name}.weight"], of[f"{name}.bias"]

    if normalise:
        audio = (audio - audio.mean()) / torch.sqrt(audio.var(correction=0) + 1e-7)
    x = F.pad(audio, (0, TAIL_SAMPLES))[None, None]
    for i in range(7):
        layer = f"feature_extractor.conv_layers.{i}"
        x = F.conv1d(x, of[f"{layer}.conv.weight"], of.get(f"{layer}.conv.bias"), stride=2 if i else 5)
        if group_norm and i == 0:
            x = F.group_norm(x, 8, *pair(f"{layer}.layer_norm"))
        elif not group_norm:
            x = F.layer_norm(x.transpose(1, 2), (8,), *pair(f"{layer}.layer_norm")).transpose(1, 2)
        x = F.gelu(x)
    x = F.layer_norm(x.transpose(1, 2), (8,), *pair("feature_projection.layer_norm"))
    x = F.linear(x, *pair("feature_projection.projection"))
    gain, direction = (array for name, array in of.items() if "pos_conv" in name and "bias" not in name)
    positions = nn.Conv1d(32, 32, 6, padding=3, groups=4)
    positions.weight.data = direction / direction.norm(dim=(0, 1), keepdim=True) * gain
    positions.bias.data = of["encoder.pos_conv_embed.conv.bias"]  # type: ignore[union-attr]
    x = x + F.gelu(positions(x.transpose(1, 2))[:, :, :-1]).transpose(1, 2)
    x = x if pre_norm else F.layer_norm(x, (32,), *pair("encoder.layer_norm"))
    states = []
    for n in range(2):
        plain = nn.TransformerEncoderLayer(32, HEADS, 48, 0.0, "gelu", batch_first=True, norm_first=pre_norm)
        name = f"encoder.layers.{n}"
        inputs = [pair(f"{name}.attention.{part}_proj") for part in "qkv"]
        own = {"self_attn.in_proj_weight": torch.cat([weight for weight, _ in inputs])}
        own["self_attn.in_proj_bias"] = torch.cat([bias for _, bias in inputs])
        names = {"self_attn.out_proj": "attention.out_proj", "linear1": "feed_forward.intermediate_dense"}
        names |= {"linear2": "feed_forward.output_dense", "norm1": "layer_norm", "norm2": "final_layer_norm"}
        for ours, theirs in names.items():
            own[f"{ours}.weight"], own[f"{ours}.bias"] = pair(f"{name}.{theirs}")
        plain.load_state_dict(own)
        x = plain.train()(x)
        states.append(x)
    if pre_norm:
        states[-1] = F.layer_norm(x, (32,), *pair("encoder.layer_norm"))
    return states


@pytest.mark.parametrize(
    ("group_norm", "pre_norm", "bias", "new_names", "normalise"),
    [(True, False, False, False, True), (False, True, True, True, True), (True, False, False, True, False)],
    ids=["base", "large", "hubert without scaling"],
)
@torch.no_grad()
def test_states_are_those_of_transformers(tmp_path, group_norm, pre_norm, bias, new_names, normalise) -> None:
    tensors = make_wav2vec2(group_norm, bias, new_names)
    if not normalise:
        tensors = {name.replace("wav2vec2.", "hubert."): array for name, array in tensors.items()}
    encoder = _build(_write(tmp_path, tensors, pre_norm, normalise))
    named = {name.replace("hubert.", "wav2vec2."): array for name, array in tensors.items()}
    audio = torch.randn(4000, generator=torch.Generator().manual_seed(0)) * 0.1 + 0.05
    expected = [F.layer_norm(x, (32,)) for x in _reference(named, audio, group_norm, pre_norm, normalise)]
    cells = encoder(audio[None], torch.tensor([4000]))
    states = torch.cat(expected, 2)[0, :13]  # 13 of 20 ms, the last of which is half of a cell
    assert cells.grid.shape == (7,)
    torch.testing.assert_close(cells.x[0, :6], states[:12].unflatten(0, (6, 2)).mean(1), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(cells.x[0, 6], states[12], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("pre_norm", [False, True])
@pytest.mark.parametrize("samples", [1, 641, 4000, 4481])
@torch.no_grad()
def test_cells_are_the_same_alone_and_in_a_batch(tmp_path: Path, pre_norm: bool, samples: int) -> None:
    encoder = _build(_write(tmp_path, make_wav2vec2(group_norm=not pre_norm), pre_norm))
    audio = 0.1 * torch.randn(2, 9000, generator=torch.Generator().manual_seed(0))
    audio[0, samples:] = 0
    together = encoder(audio, torch.tensor([samples, 9000]))
    alone = encoder(audio[:1, :samples], torch.tensor([samples]))
    assert together.valid_mask.sum(1).tolist() == [-(-n // CELL_SAMPLES) for n in (samples, 9000)]
    torch.testing.assert_close(together.x[:1][together.valid_mask[:1]], alone.x[0], rtol=1e-3, atol=1e-4)


def test_silence_gives_finite_cells() -> None:
    cells = Wav2Vec2Encoder(SIZE, augmentation_strength=0.0)(torch.zeros(1, 4000), torch.tensor([4000]))
    assert cells.x.isfinite().all()


def test_convolutions_are_frozen_and_lower_layers_learn_slowly() -> None:
    encoder = Wav2Vec2Encoder(SIZE, augmentation_strength=0.0)
    rates = {id(weight): rate for weight, rate in encoder.parameter_groups().pretrained}
    trained = {name for name, weight in encoder.named_parameters() if id(weight) in rates}
    assert trained == {name for name, _ in encoder.named_parameters() if not name.startswith("feature_extractor.")}
    lower, upper = (rates[id(next(layer.parameters()))] for layer in encoder.encoder.layers)
    assert rates[id(encoder.feature_projection.projection.weight)] < lower < upper


def test_training_hides_parts_of_the_sound() -> None:
    encoder = Wav2Vec2Encoder(SIZE, augmentation_strength=1.0)
    audio, samples = 0.1 * torch.randn(1, 8000), torch.tensor([8000])
    with torch.no_grad():
        seen = [encoder.train(training)(audio, samples).x for training in (False, False, True)]
    torch.testing.assert_close(seen[0], seen[1])
    assert not torch.allclose(seen[0], seen[2])


@pytest.mark.parametrize(("whole", "layers"), [(True, (12,)), (False, (1, 8, 12))])
def test_the_plan_chooses_the_layers_that_the_answer_needs(whole: bool, layers: tuple[int, ...]) -> None:
    summaries = [{"seconds": 2.0, "top_hz": 4000.0}] * 3
    published = SIZE.model_dump(exclude={"layers"}) | {"published_layers": 12}
    spec = plan_hearing(SizingInputs(summaries, ["", "", ""], 100, 1e6, whole, pretrained=published))
    assert isinstance(spec.encoder, Wav2Vec2)
    assert spec.encoder.layers == layers
    assert HearingSpec.model_validate(spec.model_dump()) == spec
    assert str(spec).endswith("of wav2vec 2.0 of width 32")


def test_the_cost_of_an_encoder_is_that_of_its_products() -> None:
    """Of the base size, for a second of sound: convolutions forward only, the rest forward and backward."""
    sizes = {"channels": 512, "width": 768, "heads": 12, "inner": 3072, "position_kernel": 128, "position_groups": 16}
    base = SIZE.model_copy(update={**sizes, "published_layers": 12, "layers": (12,)})
    counted = 2 * 3200 * 10 * 512 / 1e9
    for frames, kernel in zip((1600, 800, 400, 200, 100, 50), (3, 3, 3, 3, 2, 2), strict=True):
        counted += 2 * frames * kernel * 512**2 / 1e9
    layer = 4 * 768**2 + 2 * 768 * 3072 + 2 * 50 * 768
    counted += 6 * 50 * (512 * 768 + 128 * 768**2 / 16 + 12 * layer) / 1e9
    assert base.step_gigaflop(1.0) == pytest.approx(counted)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "pre_norm"), [("label", True), ("text", False)])
def test_an_exported_network_gives_the_same_outputs(kind: str, pre_norm: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    size = SIZE.model_copy(update={"pre_norm": pre_norm, "group_norm": not pre_norm})
    recipe = recipe_for(kind, ("audio",))
    spec = recipe.senses["audio"].model_copy(update={"encoder": size})
    recipe = recipe.model_copy(update={"senses": {"audio": spec}, "width": size.cell_width})
    dataset, rows = dataset_of(recipe, tmp_path), np.arange(EXAMPLES)
    network = Network(recipe)
    assert export_graphs(trace_graphs(Network(recipe), dataset, rows), network, dataset, rows).network  # checks parity
