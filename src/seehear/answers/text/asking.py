"""The decoder, asked about one example: how likely are tokens after tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.answers.ask import Ask
from seehear.errors import BundleError

Array = NDArray[Any]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

LAYERS = 2  # of the decoder, each with a state


class Asked:
    """`edge`, the token V, stands before the first and after the last token of a text."""

    def __init__(self, ask: Ask, raw: Mapping[str, Array], vocabulary: int) -> None:
        """raw: memory (N, D), of which the first `cells` () are real. An example without cells shows its padding."""
        self.cells = max(int(raw["cells"]), 1)
        self.edge = vocabulary
        self._ask = ask
        self._memory = np.ascontiguousarray(raw["memory"][: self.cells], np.float32)

    def start(self, texts: int) -> Array:
        """(K, LAYERS, D): what is known before the first token."""
        return np.zeros((texts, LAYERS, self._memory.shape[1]), np.float32)

    def after(self, tokens: Ints, state: Array) -> tuple[Floats, Array]:
        """tokens (K, L), state (K, LAYERS, D) -> log probabilities of what follows each (K, L, V + 1), new state.

        Raises BundleError where the network gives anything else.
        """
        given = self._ask({"memory": self._memory, "tokens": tokens, "state": state})
        for name, shape in (("next", (*tokens.shape, self.edge + 1)), ("after", state.shape)):
            if given[name].shape != shape or not np.isfinite(given[name]).all():
                raise BundleError(
                    f"the decoder gives {name} of shape {given[name].shape}", allowed=f"{shape}, finite numbers"
                )
        return np.asarray(given["next"], np.float64), given["after"]

    def total(self, texts: Sequence[Sequence[int]]) -> Floats:
        """(K,): log probability of each text, its end included; all in one question."""
        longest = max(map(len, texts))
        tokens = np.full((len(texts), longest + 2), self.edge)  # between edges
        for row, text in zip(tokens, texts, strict=True):
            row[1 : 1 + len(text)] = text
        logp, _ = self.after(tokens[:, :-1], self.start(len(texts)))
        each = np.take_along_axis(logp, tokens[:, 1:, None], 2)[:, :, 0]  # (K, L + 1)
        ends = np.array([len(text) for text in texts])
        total: Floats = (each * (np.arange(longest + 1) <= ends[:, None])).sum(1)
        return total
