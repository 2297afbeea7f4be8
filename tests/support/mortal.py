"""Programs for processes that will be killed."""

from __future__ import annotations

from itertools import cycle
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from learning import recipe_for
from seehear import api
from seehear.events import Advanced, Event, Finished, Started
from seehear.learn.loop import fit
from seehear.runtime.bundle import read_bundle, write_bundle

STEPS = 16


def train(data: Path, out: Path, resume: bool, said: Connection) -> None:
    """Train in one thread, save a checkpoint at every step, and print the events."""
    torch.set_num_threads(1)
    fit.SAVE_EVERY_S = fit.REPORT_EVERY_S = 0.0

    def listen(event: Event) -> None:
        if isinstance(event, Started | Advanced | Finished):
            said.send((type(event).__name__, event.task))

    recipe = None if resume else recipe_for("label", ("image",), steps=STEPS)
    api.train(data, out, recipe=recipe, resume=resume, listen=listen)


def rewrite(path: Path, sources: list[Path], said: Connection) -> None:
    """Overwrite one model with another until killed."""
    bundles = [read_bundle(source) for source in sources]
    said.send("ready")
    for bundle in cycle(bundles):
        write_bundle(path, bundle)
