"""What the plan for sight concludes from pictures."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits

from seehear.senses.sight.plan import mirror_keeps_class


def test_handwriting_has_a_left_and_a_right() -> None:
    pictures, digits = load_digits(return_X_y=True)
    for seed in range(5):
        chosen = np.random.default_rng(seed).permutation(len(digits))[:100]
        thumbnails = pictures[chosen].reshape(-1, 8, 8).astype(np.float32)
        assert not mirror_keeps_class(thumbnails, [str(digit) for digit in digits[chosen]])


def test_textures_have_no_left_and_right() -> None:
    """Two classes, fine and coarse, of noise that is as likely one way as the other."""
    for seed in range(5):
        random = np.random.default_rng(seed)
        fine = random.standard_normal((200, 8, 8))
        coarse = random.standard_normal((200, 4, 4)).repeat(2, 1).repeat(2, 2)
        thumbnails = np.concatenate([fine, coarse]).astype(np.float32)
        assert mirror_keeps_class(thumbnails, ["fine"] * 200 + ["coarse"] * 200)


def test_without_classes_nothing_is_mirrored() -> None:
    thumbnails = np.random.default_rng(0).random((20, 8, 8)).astype(np.float32)
    assert not mirror_keeps_class(thumbnails, [""] * 20)
    assert not mirror_keeps_class(thumbnails[:2], ["a", "b"])
