"""The hearing encoder: cells for any length, level normalisation, reverberation."""

from __future__ import annotations

import pytest
import torch

from learning import SPECS
from seehear.senses.hearing.augment import CLIPPED_AT, _add_reverberation, _clip
from seehear.senses.hearing.encoder import LEVELLING, ConvRecurrentEncoder, normalise_level
from seehear.senses.hearing.noise import FFT_STEP
from seehear.senses.hearing.plan import FRAMES_PER_CELL, HOP_SAMPLES, RATE_HZ


@pytest.fixture(scope="module")
def listener() -> ConvRecurrentEncoder:
    torch.manual_seed(0)
    return ConvRecurrentEncoder(SPECS["audio"].encoder, augmentation_strength=0.0).eval()


@pytest.mark.parametrize("samples", [4000, 4001, 4159, 4160, 4161, 4320, 6399])
def test_started_cells_count(listener: ConvRecurrentEncoder, samples: int) -> None:
    with torch.no_grad():
        cells = listener(torch.randn(2, samples), torch.tensor([samples, samples - 700]))
    per_cell = FRAMES_PER_CELL * HOP_SAMPLES
    assert cells.valid_mask.sum(1).tolist() == [-(-n // per_cell) for n in (samples, samples - 700)]
    assert cells.x.shape[1] == -(-samples // per_cell)


@pytest.mark.parametrize("samples", [6400, FFT_STEP - 4000, FFT_STEP, 9001])
def test_reverberation_is_causal(samples: int) -> None:
    clap = torch.zeros(8, samples)
    clap[:, -200] = 1
    heard = _add_reverberation(clap, share=1.0)
    assert heard.shape == clap.shape
    assert heard[:, :-200].abs().max() < 1e-5
    torch.testing.assert_close(heard[:, -200], torch.ones(8))
    assert (heard[:, -199:].abs().amax(1) > 0.01).all()


def voiced(samples: int = 8000) -> torch.Tensor:
    time_s = torch.arange(samples) / RATE_HZ
    return 0.1 * torch.sin(2 * torch.pi * 300 * time_s) * torch.sin(2 * torch.pi * 3 * time_s).clamp_min(0)


def level_db(audio: torch.Tensor) -> torch.Tensor:
    return 10 * torch.log10(audio.square().mean(-1))


@pytest.mark.parametrize("gain_db", [-12.0, -6.0, 12.0])
def test_level_normalisation(gain_db: float) -> None:
    audio = torch.stack([voiced(), voiced() * 10 ** (gain_db / 20)])
    usual, other = level_db(normalise_level(audio))
    assert float(other - usual) == pytest.approx((1 - LEVELLING) * gain_db, abs=0.01)


def test_padding_does_not_change_the_level() -> None:
    alone = voiced(7777)
    padded = torch.nn.functional.pad(alone, (0, 5555))
    torch.testing.assert_close(normalise_level(padded[None])[0, : len(alone)], normalise_level(alone[None])[0])


def test_silence_and_hiss_are_not_amplified_to_speech_level() -> None:
    hiss = 1e-4 * torch.randn(1, 8000)
    assert normalise_level(torch.zeros(1, 8000)).abs().max() == 0
    assert float(level_db(normalise_level(voiced()[None])) - level_db(normalise_level(hiss))) > 20


def test_a_click_does_not_set_the_level() -> None:
    clicked = voiced()
    clicked[100] = 1.0
    change = normalise_level(clicked[None])[0, 1000:] / normalise_level(voiced()[None])[0, 1000:].where(
        voiced()[1000:] != 0, 1.0
    )
    assert change[voiced()[1000:] != 0].min() > 0.8


def test_clipping() -> None:
    audio = torch.stack([voiced()] * 40)
    torch.testing.assert_close(_clip(audio, 0.0), audio)
    clipped = _clip(audio, 1.0)
    peaks = clipped.abs().amax(1) / audio.abs().amax(1)
    assert CLIPPED_AT <= peaks.min() < 0.5 < peaks.max() <= 1
    same = clipped.abs() < clipped.abs().amax(1, keepdim=True)
    torch.testing.assert_close(clipped[same], audio[same])
