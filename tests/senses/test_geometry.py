"""Coordinates of answers with positions: augmentation warps and input geometry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seehear.geometry import Warp, Warps
from seehear.layers.warping import warp_batch
from seehear.learn.data.time_stretch import sample_time_stretch
from seehear.senses import load_signal
from seehear.senses.sight import SIGHT
from seehear.senses.sight.architectures import FeaturePyramid
from seehear.senses.sight.augment import AugmentSight
from seehear.senses.sight.plan import SightSpec
from table_kinds import Kind, make, open_data

DRAWN = Kind("drawn", ("mask", "drawing"), files=True)


def spec(**changes: Any) -> SightSpec:
    values: dict[str, Any] = {
        "height": 32,
        "width": 48,
        "channels": 1,
        "encoder": FeaturePyramid(stages=(8, 8)),
        "output_stride_px": 4,
        "augmentation_strength": 1.0,
    }
    return SightSpec(**values | changes)


def middle(brightness: np.ndarray) -> np.ndarray:
    """(x, y) of the centre of what is bright in (H, W), pixels measured from their corner."""
    weight = np.clip(brightness - (brightness.min() + brightness.max()) / 2, 0, None)
    rows, columns = np.indices(weight.shape) + 0.5
    return np.array([(weight * columns).sum(), (weight * rows).sum()]) / weight.sum()


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_pixels_move_as_the_warp_says(mirror: bool, strength: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seehear.senses.sight.augment.PHOTOMETRIC_SHARE", 0.0)  # haze and grain would shift the middle
    picture = np.zeros((32, 48), np.uint8)
    picture[14:18, 20:24] = 255
    torch.manual_seed(0)
    batch = torch.from_numpy(np.repeat(picture[None, :, :, None], 64, 0))
    inputs, warps = AugmentSight(spec(mirror=mirror, augmentation_strength=strength))(
        {"image": batch}, sample_time_stretch(len(batch), {}, torch.device("cpu"))
    )
    assert warps is not None
    off = []
    for image, scale, offset in zip(inputs["image"].numpy()[..., 0], warps.scale, warps.offset, strict=True):
        expected = Warp(tuple(scale.tolist()), tuple(offset.tolist())).forward(np.array([22.0, 16.0]))
        if ((expected > 6) & (expected < np.array([42, 26]))).all():  # all of it inside
            off.append(middle(image) - expected)
    assert len(off) > 20
    assert np.abs(off).max() < 0.5  # a few pixels cannot be located better
    assert np.abs(np.mean(off, axis=0)).max() < 0.1
    assert bool((warps.scale[:, 0] < 0).any()) == mirror


def test_scale_augmentation_and_the_identity_warp() -> None:
    torch.manual_seed(0)
    pictures = torch.randint(0, 256, (8, 32, 48, 1), dtype=torch.uint8)
    _, warps = AugmentSight(spec(augmentation_strength=1.0))(
        {"image": pictures}, sample_time_stretch(len(pictures), {}, torch.device("cpu"))
    )
    assert float(warps.scale.max() / warps.scale.min()) > 1.5
    still = Warps(torch.ones(8, 2), torch.zeros(8, 2))
    assert torch.allclose(
        warp_batch(pictures.permute(0, 3, 1, 2).float(), still), pictures.permute(0, 3, 1, 2).float(), atol=1e-2
    )


def test_geometry_of_an_input() -> None:
    preprocessed, geometry = load_signal("image", np.zeros((100, 50, 3), np.uint8), spec(channels=3))
    assert (geometry.original.shape, geometry.preprocessed.shape) == ((100, 50), (32, 48))
    assert preprocessed.shape == (32, 48, 3)
    corners = geometry.warp.forward(np.array([[0, 0], [50, 100]]))
    assert np.array_equal(corners, [[16, 0], [32, 32]])


def test_answer_files_resolve_like_inputs(tmp_path: Path) -> None:
    folder = make(tmp_path / "data", ["a/1.jpg", "a/2.jpg", "m/1.png"])
    (folder / "t.csv").write_text("image,mask\na/1.jpg,m/1.png\na/2.jpg,m/2.png\na/2.jpg,https://x.org/2.png\n")
    table = open_data(folder / "t.csv", kinds=(DRAWN,))
    assert (table.kind, table.in_files) == ("drawn", True)
    assert table.answers() == [str(folder / "m/1.png")] == [row.answer for row in table]
    assert [problem.what for problem in table.problems] == [
        "no file 'm/2.png'",
        "'https://x.org/2.png' is a URL",
    ]
    assert table.take([0, 0]).answers() == 2 * table.answers()


def test_the_stem_respects_output_stride() -> None:
    large = spec(height=192, width=256, encoder=FeaturePyramid(stages=(8, 8, 8, 8)))
    with torch.no_grad():
        cells = SIGHT.build_encoder(large).eval()(torch.zeros(1, 192, 256, 1, dtype=torch.uint8))
    assert [(level.grid.shape, level.grid.pitch) for level in (*cells.finer, cells)] == [
        ((48, 64), 4.0),
        ((24, 32), 8.0),
        ((12, 16), 16.0),
        ((6, 8), 32.0),
    ]
