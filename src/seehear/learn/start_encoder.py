"""Embeds examples with a pretrained encoder as it was published, where there is no trained model yet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from typing import Any

import torch
from torch.nn import functional as F

from seehear.runtime.batching import read_ahead, run_in_batches
from seehear.runtime.loading import Example, LoadedExample, load_example, read_file_objects
from seehear.runtime.onnx_session import threads
from seehear.runtime.predictor import Embedding
from seehear.senses import SENSES
from seehear.senses.hearing import HEARING
from seehear.senses.hearing.plan import WHISPER_LAYERS, WINDOW_S
from seehear.senses.sight import SIGHT
from seehear.starts import Start, load_tensors

SIDE_PX = 128  # of pictures: 160 finds 1 % more, and takes 1.6 times as long
BUILD = 1  # increased when the same start gives other embeddings


class StartEncoder:
    """The encoder of a start for one sense. `name` identifies what it computes."""

    def __init__(self, start: Start) -> None:
        self.name = f"{start.name}-{start.digest[:12]}-{BUILD}"
        self.senses = (start.sense,)
        spec = SENSES[start.sense].Spec.model_validate(_PLANS[start.sense](start))
        self._specs: dict[str, Any] = {start.sense: spec}
        network = SENSES[start.sense].build_encoder(spec)
        network.load_pretrained(load_tensors(start))  # type: ignore[operator]
        self._network: Any = network
        self._network.eval().requires_grad_(False)

    def embed(self, examples: Iterable[Example]) -> Iterator[Embedding]:
        """The embeddings of many examples in order, as `Predictor.embed`."""
        load = partial(load_example, specs=self._specs, wanted=self.senses)
        with closing(read_ahead(load, map(read_file_objects, examples), threads=threads())) as loaded:
            yield from run_in_batches(self._embed_batch, loaded)

    @torch.no_grad()
    def _embed_batch(self, batch: Sequence[LoadedExample]) -> list[Embedding]:
        (sense,) = self.senses
        readable = [example.arrays[sense] for example in batch if example.arrays]
        vectors: Iterator[Any] = iter(())
        if readable:
            feeds = SENSES[sense].collate(readable, self._specs[sense])
            cells = self._network(**{name: torch.from_numpy(array) for name, array in feeds.items()})
            vectors = iter(F.normalize(cells.mean(), dim=1).numpy())
        return [
            Embedding(each.source, next(vectors))
            if each.arrays
            else Embedding(each.source, None, tuple(each.errors.values()))
            for each in batch
        ]


def _plan_pictures(start: Start) -> dict[str, Any]:
    return {"height": SIDE_PX, "width": SIDE_PX, "channels": 3, "encoder": start.encoder}


def _plan_recordings(start: Start) -> dict[str, Any]:
    """Reads the middle and the last layer, which find words of other speakers best."""
    return {"longest_s": WINDOW_S, "encoder": {**start.encoder, "layers": WHISPER_LAYERS[start.encoder["size"]][-2:]}}


_PLANS = {SIGHT.name: _plan_pictures, HEARING.name: _plan_recordings}
