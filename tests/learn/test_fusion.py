"""Fusion of senses: step by step if they are aligned in time, otherwise by attention."""

from __future__ import annotations

import pytest
import torch

from learning import SPECS
from seehear.geometry import Cells, Grid
from seehear.learn.data.time_stretch import sample_time_stretch
from seehear.learn.model.fusion import AlignedFusion, AttentionFusion, make_fusion
from seehear.senses import time_aligned
from seehear.senses.hearing.augment import AugmentHearing

WIDTH = 8


def cells(lengths: list[int], steps: int, seed: int = 0) -> Cells:
    random = torch.Generator().manual_seed(seed)
    valid_mask = torch.arange(steps) < torch.tensor(lengths)[:, None]
    x = torch.randn(len(lengths), steps, WIDTH, generator=random) * valid_mask[:, :, None]
    return Cells(x, valid_mask, Grid((steps,), 0.04, "s"))


@pytest.fixture
def fused() -> AlignedFusion:
    torch.manual_seed(0)
    made = AlignedFusion([WIDTH, WIDTH], WIDTH)
    with torch.no_grad():
        for weight in made.parameters():
            weight.add_(0.3 * torch.randn_like(weight))
    return made


def test_the_senses_decide_the_fusion() -> None:
    assert time_aligned(("audio", "lips"))
    assert not time_aligned(("image", "audio")) and not time_aligned(("lips",))
    assert isinstance(make_fusion({name: SPECS[name] for name in ("audio", "lips")}, 16), AlignedFusion)
    assert isinstance(make_fusion({name: SPECS[name] for name in ("image", "audio")}, 16), AttentionFusion)


def test_each_time_step_is_fused_by_itself(fused: AlignedFusion) -> None:
    heard, seen = cells([6, 6], 6), cells([6, 6], 6, seed=1)
    before = fused([heard, seen])
    assert before.x.shape == (2, 6, WIDTH) and before.grid == Grid((6,), 0.04, "s")
    seen.x[:, 4] += 1
    changed = (fused([heard, seen]).x - before.x).abs().sum(2) > 0
    assert changed.tolist() == [[False] * 4 + [True, False]] * 2


def test_lengths_may_differ_and_a_step_is_valid_if_either_sense_is(fused: AlignedFusion) -> None:
    both = fused([cells([5, 3], 5), cells([4, 6], 6, seed=1)])
    assert both.valid_mask.sum(1).tolist() == [5, 6]
    assert both.x[0, 5].abs().sum() == 0


@pytest.mark.parametrize("withheld", [0, 1])
def test_an_absent_sense_has_no_influence(withheld: int, fused: AlignedFusion) -> None:
    def fused_with(seed: int) -> Cells:
        own = [cells([5], 5), cells([5], 5, seed=1)]
        other = cells([7], 7, seed=seed)
        own[withheld] = Cells(other.x, torch.zeros_like(other.valid_mask), other.grid)
        return fused(own)

    one, two = fused_with(2), fused_with(3)
    assert torch.equal(one.x, two.x)
    assert one.valid_mask.sum() == 5


def test_all_senses_in_time_share_a_stretch_and_pictures_have_none() -> None:
    torch.manual_seed(0)
    strong = {name: spec.model_copy(update={"augmentation_strength": 1.0}) for name, spec in SPECS.items()}
    stretch = sample_time_stretch(64, {"audio": strong["audio"], "lips": strong["lips"]}, torch.device("cpu"))
    assert stretch.speed.shape == stretch.lead_s.shape == (64,)
    assert 0.82 <= float(stretch.speed.min()) < 0.9 and 1.1 < float(stretch.speed.max()) <= 1.18
    assert float(stretch.lead_s.min()) >= 0 and float(stretch.lead_s.max()) <= 0.1
    still = sample_time_stretch(64, {"image": strong["image"]}, torch.device("cpu"))
    assert torch.equal(still.speed, torch.ones(64)) and torch.equal(still.lead_s, torch.zeros(64))


def test_drowned_sounds_have_noise_louder_than_the_voice() -> None:
    spec = SPECS["audio"].model_copy(update={"augmentation_strength": 0.0})
    tone = torch.sin(torch.arange(8000) / 3)
    inputs = {"audio": 0.1 * tone.repeat(32, 1), "audio_samples": torch.full((32,), 8000)}
    inputs["audio"][16:] = 0  # others, of which nothing is heard

    def loudest_noise_db(heavy_noise: bool) -> float:
        torch.manual_seed(0)
        augment = AugmentHearing(spec.model_copy(update={"heavy_noise": heavy_noise}))
        heard, _ = augment(inputs, sample_time_stretch(32, {"audio": spec}, torch.device("cpu")))
        heard = heard["audio"][:16, : len(tone)]
        voice = (heard @ tone)[:, None] / tone.square().sum() * tone
        return float(10 * torch.log10((heard - voice).square().mean(1) / voice.square().mean(1)).max())

    assert loudest_noise_db(heavy_noise=True) > 3
    assert loudest_noise_db(heavy_noise=False) < -2
