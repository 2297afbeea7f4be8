"""A small text recogniser, and handmade network outputs for it."""

from __future__ import annotations

from functools import cache

import numpy as np

from seehear.answers import ANSWERS, AnyKind
from seehear.answers.text import Text, TextSpec

TEXT = ANSWERS["text"]
TEXTS = ["one two", "two three", "three one two", "one", "two two three"]
CELL_S = 0.04


@cache
def plan_spec() -> TextSpec:
    spec: TextSpec = TEXT.plan(TEXTS * 4, "text")
    return spec


def make_raw(text: str, spec: TextSpec, sure: float = 0.98, cells_per_letter: int = 2) -> dict[str, np.ndarray]:
    """The head's outputs for a text: some cells for each letter, then a blank; padding at the end."""
    path = [token for letter in spec.encode(text) for token in (*[letter] * cells_per_letter, len(spec.tokens))]
    logp = np.full((len(path) + 3, len(spec.tokens) + 1), (1 - sure) / len(spec.tokens))
    logp[np.arange(len(path)), path] = sure
    logp[len(path) :] = 1 / logp.shape[1]  # padding, which must not be read
    return {"logp": np.log(logp), "cells": np.array(len(path)), "cell_s": np.array(CELL_S)}


def make_ambiguous_raw(text: str, other: str, spec: TextSpec, share: float = 0.5) -> dict[str, np.ndarray]:
    """The outputs for two texts of one length, mixed: the first one has this share of the probability."""
    one, two = make_raw(text, spec), make_raw(other, spec)
    return one | {"logp": np.logaddexp(one["logp"] + np.log(share), two["logp"] + np.log(1 - share))}


def tune_and_calibrate(
    kind: AnyKind, raws: list[dict[str, np.ndarray]], truths: list[Text], spec: TextSpec
) -> dict[str, float]:
    tuned = kind.tune(raws, truths, spec)
    return tuned | kind.calibrate([kind.n_best(raw, spec, tuned) for raw in raws], truths, spec)
