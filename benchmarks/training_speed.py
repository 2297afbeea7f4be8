"""Training speed: pictures per second compared with a plain PyTorch loop, and the share of the machine's rate used."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from benchmarks.data import Examples, Store
from benchmarks.machine import Pace, pace
from benchmarks.results import Figure
from seehear.answers import ANSWERS
from seehear.events import ignore_events
from seehear.learn.data.cache import DatasetCache
from seehear.learn.loop.fit import Clock, Run
from seehear.learn.loop.memory import keep_freed_memory
from seehear.learn.model.network import Network
from seehear.recipe import Recipe
from seehear.senses import SENSES
from seehear.table import open_table

TARGET_RATIO = {"bfloat16": 2.0, "float32": 1.3}  # by the precision in which the machine multiplies fastest
TARGET_SHARE = 0.5
WORKERS = (0, 2)  # of the DataLoader: the faster counts
BORDER_PX = 4
PACE_S = 1.0


@dataclass(frozen=True)
class Round:
    """Pictures per second, and the machine's rate at the time."""

    ours: float
    plain: float
    machine: Pace


def training_speed(recipe: Recipe, examples: Examples, store: Store, *, rounds: int, seconds: float) -> list[Figure]:
    """Ours and the plain loop in turns of `seconds`, so that other load on the machine affects both."""
    pictures = next(iter(examples.tests.values()))  # 5,000 are enough to read at speed
    dataset = open_pictures(pictures, recipe, store.cache)
    ours = our_loop(recipe, dataset, store)
    plain = {workers: plain_loop(recipe, pictures, workers) for workers in WORKERS}
    turns = []
    for _ in range(rounds):
        speeds = {workers: _speed(loop, seconds) for workers, loop in plain.items()}
        with keep_freed_memory():
            ours_per_s = _speed(ours, seconds)
        turns.append(Round(ours_per_s, max(speeds.values()), pace(PACE_S)))
    work = gigaflop_per_picture(Network(recipe), dataset)
    median_per_s = statistics.median(turn.ours for turn in turns)
    plain_per_s = statistics.median(turn.plain for turn in turns)
    share = statistics.median(turn.ours * work / turn.machine.gigaflops for turn in turns)
    ratio = statistics.median(turn.ours / turn.plain for turn in turns)
    wished_ratio = TARGET_RATIO[turns[0].machine.precision]
    return [
        Figure("training: seehear", median_per_s, "pictures/s"),
        Figure("training: a plain PyTorch loop, the same network", plain_per_s, "pictures/s"),
        Figure("training: seehear relative to the plain loop", ratio, "times", at_least=wished_ratio),
        Figure("training: work per picture", work, "GFLOP"),
        Figure("training: share of the matrix-product rate", share, "%", at_least=TARGET_SHARE),
    ]


def our_loop(recipe: Recipe, dataset: DatasetCache, store: Store) -> Iterator[int]:
    """Trains endlessly; yields the number of pictures in each step, once the fastest precision is known."""
    torch.manual_seed(0)
    network = Network(recipe).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    clock = Clock(recipe.training.model_copy(update={"steps": None}), seconds=1e6)
    run = Run.start(network, dataset, np.arange(len(dataset)), clock, store.cache / "no-checkpoint")
    for batch in run.batches():
        run.step(batch)
        if run.autotuner.chosen is not None:
            yield len(batch.present)


def plain_loop(recipe: Recipe, pictures: Path, workers: int) -> Iterator[int]:
    """What PyTorch's own tutorials do: fp32, a DataLoader, transforms of one PIL picture at a time, SGD."""
    torch.manual_seed(0)
    network, batch = Network(recipe), recipe.training.batch
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)
    loader = DataLoader(
        Folder(pictures),
        batch,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0,
    )
    present = torch.ones(batch, 1, dtype=torch.bool)
    while True:
        for planes, classes in loader:
            raw = network.apply_head(network.encode({"image": 255 * planes.permute(0, 2, 3, 1)}), present)
            loss = nn.functional.cross_entropy(next(iter(raw.values())), classes)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            yield batch


class Folder(Dataset[tuple[Tensor, int]]):
    """torchvision's ImageFolder with RandomCrop(32, padding=4), RandomHorizontalFlip and ToTensor."""

    def __init__(self, folder: Path) -> None:
        classes = sorted(path.name for path in folder.iterdir())
        self.files = [(path, classes.index(path.parent.name)) for path in sorted(folder.glob("*/*"))]

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, number: int) -> tuple[Tensor, int]:
        path, label = self.files[number]
        picture = Image.open(path).convert("RGB")
        left, top = torch.randint(0, 2 * BORDER_PX + 1, (2,)).tolist()
        picture = ImageOps.expand(picture, BORDER_PX).crop((left, top, left + picture.width, top + picture.height))
        if torch.rand(()) < 0.5:
            picture = ImageOps.mirror(picture)
        return torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous().float().div(255), label


def gigaflop_per_picture(network: Network, dataset: DatasetCache) -> float:
    """2 FLOP per multiply-add of every convolution and linear map: forward, and backward for weights and for inputs."""
    total = 0.0

    def count(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        weight = layer.get_parameter("weight")
        passes = 1 + weight.requires_grad + inputs[0].requires_grad
        total += 2 * passes * output.numel() * weight[0].numel()

    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(count)
    batch = dataset.batch(np.arange(8))
    network.apply_head(network.encode(batch.inputs), batch.present)
    return total / 8 / 1e9


def _speed(loop: Iterator[int], seconds: float) -> float:
    """Pictures per second, after one step that does not count."""
    next(loop)
    pictures, started_s = 0, time.perf_counter()
    while time.perf_counter() - started_s < seconds:
        pictures += next(loop)
    return pictures / (time.perf_counter() - started_s)


def open_pictures(pictures: Path, recipe: Recipe, cache: Path) -> DatasetCache:
    table = open_table(
        pictures,
        senses_known=tuple(SENSES.values()),
        kinds=tuple(ANSWERS.values()),
        workspace=cache / "no-archive",
    )
    return DatasetCache.build(table, recipe, cache / "dataset", listen=ignore_events)
