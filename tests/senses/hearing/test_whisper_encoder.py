"""Whisper's encoder with random weights of the published layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from exports import pretrained_recipe
from learning import EXAMPLES, dataset_of
from seehear.layers.parameter_groups import DECAY, PRETRAINED_RATE
from seehear.learn.export import export_graphs, trace_graphs
from seehear.learn.model.network import Network
from seehear.senses.hearing.plan import CELL_SAMPLES, RATE_HZ, HearingSpec, Whisper, plan_hearing
from seehear.senses.hearing.whisper import (
    HEAD_CHANNELS,
    EncoderBlock,
    WhisperEncoder,
    WhisperLogMel,
    compute_sinusoids,
    compute_slaney_filters,
)
from seehear.senses.model_sizing import SizingInputs

SIZE = Whisper(size="tiny.en", layers=(1, 2))


@pytest.fixture(scope="module")
def encoder() -> WhisperEncoder:
    torch.manual_seed(0)
    return WhisperEncoder(SIZE, augmentation_strength=1.0).eval()


def test_filters_and_positions_are_the_published_ones() -> None:
    filters = compute_slaney_filters()
    assert filters.shape == (80, 201)
    assert filters.sum() == pytest.approx(1.9990242, abs=1e-6)
    assert filters.max(1)[[0, 40, 79]] == pytest.approx([0.02486259, 0.01473557, 0.00316471], abs=1e-7)
    positions = compute_sinusoids(1500, 384)
    assert positions[0].tolist() == [0.0] * 192 + [1.0] * 192
    assert positions[100, [0, 191, 383]] == pytest.approx([np.sin(100), 0.01, 0.99995], abs=1e-5)


def test_log_mel_spans_eight_powers_of_ten_below_the_loudest() -> None:
    tone = torch.sin(2 * torch.pi * 1000 * torch.arange(RATE_HZ) / RATE_HZ)
    tone[RATE_HZ // 2 :] = 0
    log = WhisperLogMel()(tone[None])[0]
    assert log.shape == (80, 100)
    assert float(log.max() - log.min()) == pytest.approx(2.0)
    assert int(log[:, 20].argmax()) == 26  # the band around 1 kHz


def test_a_block_equals_a_transformer_layer_of_torch() -> None:
    torch.manual_seed(0)
    own, width = EncoderBlock(128), 128
    theirs = nn.TransformerEncoderLayer(
        width, width // HEAD_CHANNELS, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True
    )
    query, key, value = own.attn.query, own.attn.key, own.attn.value
    with torch.no_grad():
        theirs.self_attn.in_proj_weight.copy_(torch.cat([query.weight, key.weight, value.weight]))
        theirs.self_attn.in_proj_bias.copy_(torch.cat([query.bias, torch.zeros(width), value.bias]))
    theirs.self_attn.out_proj = own.attn.out  # type: ignore[assignment]
    theirs.linear1, theirs.linear2 = own.mlp[0], own.mlp[2]  # type: ignore[assignment]
    x, keys = torch.randn(2, 9, width), torch.arange(9) < torch.tensor([[9], [5]])
    torch.testing.assert_close(own(x, keys), theirs(x, src_key_padding_mask=~keys))


@pytest.mark.parametrize("samples", [4000, 4480, 4481, 6399])
@torch.no_grad()
def test_cells_are_the_same_alone_and_in_a_batch(encoder: WhisperEncoder, samples: int) -> None:
    audio = 0.1 * torch.randn(2, 9000)
    audio[0, samples:] = 0
    together = encoder(audio, torch.tensor([samples, 9000]))
    alone = encoder(audio[:1, :samples], torch.tensor([samples]))
    assert together.valid_mask.sum(1).tolist() == [-(-n // CELL_SAMPLES) for n in (samples, 9000)]
    torch.testing.assert_close(together.x[:1][together.valid_mask[:1]], alone.x[0], rtol=1e-4, atol=1e-4)
    assert alone.x.shape[2] == encoder.widths[0] == SIZE.cell_width == 768


@torch.no_grad()
def test_long_recordings_are_split_into_windows(encoder: WhisperEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each gives the same cells as a separate recording, except where convolutions cross its edges."""
    monkeypatch.setattr("seehear.senses.hearing.whisper.WINDOW_STATES", 20)
    x = torch.randn(1, 80, 2 * 50)
    (whole, _), valid = encoder.encoder(x, torch.tensor([2 * 50]))
    assert whole.shape[:2] == valid.shape == (1, 50)
    (second, _), _ = encoder.encoder(x[:, :, 40:80], torch.tensor([40]))
    assert nn.functional.cosine_similarity(whole[:, 20:40], second, dim=2).min() > 0.95


def test_published_weights_are_loaded_by_name(encoder: WhisperEncoder) -> None:
    published = {name: np.full(tensor.shape, 0.5, np.float32) for name, tensor in encoder.state_dict().items()}
    assert {"encoder.positional_embedding", "encoder.blocks.1.attn.query.bias", "encoder.conv2.weight"} <= {*published}
    assert "encoder.blocks.0.attn.key.bias" not in published
    assert "encoder.ln_post.weight" not in published, "for the last published layer only"
    fresh = WhisperEncoder(SIZE, augmentation_strength=0.0)
    fresh.load_pretrained(published | {"decoder.ln.bias": np.zeros(384, np.float32)})
    assert float(fresh.encoder.conv1.weight.detach().min()) == 0.5
    del published["encoder.conv1.bias"]
    with pytest.raises(
        ValueError, match=r"Whisper tiny\.en needs encoder\.conv1\.bias of shape \(384,\), which is missing"
    ):
        fresh.load_pretrained(published)


def test_lower_layers_learn_more_slowly() -> None:
    encoder = WhisperEncoder(Whisper(size="tiny.en", layers=(4,)), augmentation_strength=0.0)
    rates = {id(weight): rate for weight, rate in encoder.parameter_groups().pretrained}
    assert len(rates) == len(list(encoder.parameters()))
    falling = [PRETRAINED_RATE * DECAY**depth for depth in (4, 3, 2, 1, 0)]
    assert [rates[id(next(stage.parameters()))] for stage in encoder.encoder.stages()] == falling
    assert rates[id(encoder.encoder.ln_post.weight)] == PRETRAINED_RATE  # type: ignore[union-attr]


def test_training_hides_parts_of_the_spectrum(encoder: WhisperEncoder) -> None:
    audio, samples = 0.1 * torch.randn(1, 8000), torch.tensor([8000])
    with torch.no_grad():
        seen = [encoder.train(training)(audio, samples).x for training in (False, False, True)]
    encoder.eval()
    torch.testing.assert_close(seen[0], seen[1])
    assert not torch.allclose(seen[0], seen[2])


@pytest.mark.parametrize("layers", [(0,), (2, 1), (1, 1), (5,)])
def test_layers_that_do_not_exist_are_refused(layers: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"layers of tiny\.en are numbers from 1 to 4, in ascending order"):
        Whisper(size="tiny.en", layers=layers)


@pytest.mark.parametrize(("whole", "layers"), [(True, (4,)), (False, (1, 3, 4))])
def test_the_plan_chooses_the_layers_that_the_answer_needs(whole: bool, layers: tuple[int, ...]) -> None:
    summaries = [{"seconds": 2.0, "top_hz": 4000.0}] * 3
    inputs = SizingInputs(summaries, ["", "", ""], 100, 1e6, whole, pretrained={"kind": "whisper", "size": "tiny.en"})
    spec = plan_hearing(inputs)
    assert isinstance(spec.encoder, Whisper)
    assert spec.encoder.layers == layers
    assert HearingSpec.model_validate(spec.model_dump()) == spec
    assert str(spec).endswith("of Whisper tiny.en")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["score", "text"])
def test_other_answers_are_exported_with_it(kind: str, tmp_path: Path) -> None:
    """The graph of labels is among those that all tests of graphs check."""
    torch.manual_seed(0)
    recipe = pretrained_recipe(kind)
    dataset, rows = dataset_of(recipe, tmp_path), np.arange(EXAMPLES)
    network = Network(recipe)
    assert export_graphs(trace_graphs(Network(recipe), dataset, rows), network, dataset, rows).network  # checks parity
