"""Counts the classes of the training examples that are most similar to an input, if the model file has their features.

It has features and classes, so that classes can be added, but no names, and nothing that shows the examples.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.runtime.weights import read_array

NEAREST = 10
LEAST_LENGTH = 1e-12
MEMBERS = ("features", "classes")

Array = NDArray[Any]


def count_nearest(features: bytes | None, embedding: Array, classes: Sequence[str]) -> dict[str, int]:
    """How many of the NEAREST training examples have each class, most frequent first; {} without features.

    features    features.safetensors of a model file: inputs of the last layer, as `embedding` (F,) is, at any length
    """
    stored, labels = (None if features is None else read_array(features, f"train.{name}") for name in MEMBERS)
    if stored is None or labels is None or stored.ndim != 2 or stored.shape[1] != len(embedding):
        return {}
    vectors = stored.astype(np.float32)
    similarity = vectors @ embedding / np.maximum(np.linalg.norm(vectors, axis=1), LEAST_LENGTH)
    nearest = np.argsort(-similarity, kind="stable")[:NEAREST]
    known = (labels >= 0) & (labels < len(classes))
    return dict(Counter(classes[labels[i]] for i in nearest.tolist() if known[i]).most_common())
