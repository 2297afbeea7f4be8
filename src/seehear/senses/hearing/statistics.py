"""Input statistics of recordings: level, noise, and highest frequency."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seehear.senses.hearing.plan import RATE_HZ
from seehear.senses.hearing.spectrum import top_hz
from seehear.senses.statistic import Statistic

Samples = NDArray[np.float32]

STATISTICS = {
    "level_db": Statistic("quieter", "louder", least=3.0),  # of the loudest 5 % of frames, relative to full scale
    "noise_db": Statistic("less noisy", "noisier", least=3.0),  # quietest 10 % of frames, relative to the loudest 5 %
    "top_hz": Statistic("of less treble", "of more treble", least=500.0),  # the highest frequency with any signal
}
FRAME_SAMPLES = RATE_HZ // 50
SILENT_DB = -100.0


def compute_statistics(preprocessed: Samples) -> dict[str, float]:
    """preprocessed: (T,) float32."""
    frames = preprocessed[: len(preprocessed) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    power = np.square(frames if len(frames) else preprocessed[None]).mean(1)
    loud, quiet = (10 * np.log10(max(float(each), 10 ** (SILENT_DB / 10))) for each in np.quantile(power, (0.95, 0.1)))
    return {"level_db": loud, "noise_db": quiet - loud, "top_hz": top_hz(preprocessed)}
