"""Encoders that compare examples before anything was trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from seehear import encoders
from seehear.errors import UsageError
from seehear.learn import start_encoder
from seehear.learn.start_encoder import StartEncoder
from seehear.senses import SENSES
from seehear.starts import STARTS, Start


def random_weights(start: Start) -> dict[str, Any]:
    """As they would be published, but random."""
    spec = SENSES[start.sense].Spec.model_validate(start_encoder._PLANS[start.sense](start))
    network = SENSES[start.sense].build_encoder(spec)
    return {name: tensor.numpy() for name, tensor in network.state_dict().items()}


@pytest.fixture(params=("efficientnet-lite0", "whisper-tiny.en"))
def encoder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> StartEncoder:
    monkeypatch.setattr(start_encoder, "load_tensors", random_weights)
    return StartEncoder(STARTS[request.param])


def test_embeddings_have_length_1_and_do_not_depend_on_the_batch(encoder: StartEncoder) -> None:
    random = np.random.default_rng(0)
    if encoder.senses == ("image",):
        examples = [random.integers(0, 255, (side, 40, 3), np.uint8) for side in (30, 40, 50)]
    else:
        examples = [random.normal(0, 0.1, length).astype(np.float32) for length in (8_000, 16_000, 12_000)]
    together = [each.vector for each in encoder.embed(examples)]
    alone = [each.vector for example in examples for each in encoder.embed([example])]
    for one, other in zip(together, alone, strict=True):
        assert one is not None and other is not None
        assert np.linalg.norm(one) == pytest.approx(1, abs=1e-4)
        assert np.abs(one - other).max() < 1e-4


def test_what_cannot_be_read_has_its_error_among_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start_encoder, "load_tensors", random_weights)
    Image.new("RGB", (20, 20)).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"x")
    found = list(StartEncoder(STARTS["efficientnet-lite0"]).embed([tmp_path / "bad.png", tmp_path / "good.png"]))
    assert found[0].vector is None and "bad.png" in str(found[0].errors[0])
    assert found[1].vector is not None


def test_without_an_installed_encoder_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoders, "is_available", lambda _start: False)
    with pytest.raises(UsageError, match="train a version first"):
        encoders.load_pretrained_encoder(("image",))
