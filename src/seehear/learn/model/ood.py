"""Out-of-distribution score: how far an input is from the training examples, in the encoder's features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seehear.geometry import Cells
from seehear.learn.model.subspace import SubspaceDistance

BANK = 1024  # training examples kept, at most
NEIGHBOURS = 2
WEIGHTS = (0.25, 0.25, 1.0)  # of the distances between moments, between maxima, and outside the subspace
LEAST_STD = (1e-3, 1e-3, 0.1)  # of each distance among training examples: rounding must not change the score
NEAREST, FARTHEST = 0.1, 20.0  # standard deviations; distances are clamped to this range
EPSILON = 1e-3  # added to standard deviations, so that constant features do not dominate


class OodScorer(nn.Module):
    """Cells -> (B,): the distance to the training examples, relative to their distances to each other.

    The weighted sum of three distances, each standardised by its distribution among training examples. Two are to the
    NEIGHBOURS-th nearest of up to BANK training examples (Sun 2022, arXiv:2204.06507), kept in half precision:

    - the Euclidean distance between moments: the mean and log standard deviation of each channel, standardised;
    - the angle between maxima: the maximum of each channel.

    Both use every level of the encoder: by the coarsest level alone, a blank picture resembles an X-ray. The third, a
    `SubspaceDistance`, finds what is similar but of no known class, by the coarsest level.
    """

    centre: Tensor
    scale: Tensor
    moments: Tensor
    maxima: Tensor
    distance_mean: Tensor
    distance_std: Tensor

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.widths = tuple(widths)
        size = sum(widths)
        self.register_buffer("centre", torch.zeros(2 * size))
        self.register_buffer("scale", torch.ones(2 * size))
        self.register_buffer("moments", torch.zeros(NEIGHBOURS, 2 * size, dtype=torch.half))
        self.register_buffer("maxima", torch.zeros(NEIGHBOURS, size, dtype=torch.half))
        self.subspace = SubspaceDistance(2 * widths[-1])
        self.register_buffer("distance_mean", torch.zeros(len(WEIGHTS)))  # of each distance, among training examples
        self.register_buffer("distance_std", torch.ones(len(WEIGHTS)))

    def features(self, cells: Cells) -> Tensor:
        """(B, 3 * sum of D + 2 * D): moments of the valid cells of each level, finest first, the maxima of all levels
        as one vector of length 1, and the maximum and mean of each channel of the coarsest level."""
        levels = (*cells.finer, cells)
        means, maxima = [level.mean() for level in levels], [_maxima(level) for level in levels]
        moments = map(_moments, levels, means)
        angles = (F.normalize(each, dim=1) / len(levels) ** 0.5 for each in maxima)
        return torch.cat([*moments, *angles, maxima[-1], means[-1]], 1)

    def allocate(self, examples: int, centres: int, directions: int) -> None:
        """Make room for this many examples, and at least NEIGHBOURS; the others are for the subspace."""
        rows = max(examples, NEIGHBOURS)
        self.moments, self.maxima = (bank.new_zeros(rows, bank.shape[1]) for bank in (self.moments, self.maxima))
        self.subspace.allocate(centres, directions)

    @torch.no_grad()
    def fit(self, features: Tensor) -> None:
        """Fill the bank with the features (n, ...) of training examples, repeated where n < NEIGHBOURS."""
        moments, maxima, pooled = self._split(features)
        self.centre.copy_(moments.mean(0))
        self.scale.copy_(self._weights(moments) / (moments.std(0) + EPSILON))
        moments = self._standardise(moments)
        self.allocate(min(len(features), BANK), 0, 0)
        self.subspace.fit(pooled)
        chosen = torch.linspace(0, len(features) - 1, len(self.moments)).round().long()
        self.moments.copy_(moments[chosen])
        self.maxima.copy_(maxima[chosen])
        neighbours = min(NEIGHBOURS + 1, len(features))  # the nearest is the example itself
        distances = torch.stack(
            [_distance(moments, moments, neighbours), _angle(maxima, maxima, neighbours), self.subspace(pooled)], 1
        )  # (n, 3)
        self.distance_mean.copy_(distances.mean(0))
        self.distance_std.copy_(distances.std(0).maximum(distances.new_tensor(LEAST_STD)))

    @torch.no_grad()
    def extend(self, features: Tensor, most: int, seed: int) -> None:
        """Add up to `most` features of new examples (n, ...). If the bank is full, they replace others at random.

        Each is stored NEIGHBOURS times, as there may be only one example of its kind.
        """
        moments, maxima, pooled = self._split(features)
        self.subspace.extend(pooled)
        given = torch.arange(min(most, NEIGHBOURS * len(features))) % len(features)
        order = torch.randperm(len(self.moments), generator=torch.Generator().manual_seed(seed))
        kept = order[: BANK - len(given)].sort().values
        self.moments = torch.cat([self.moments[kept], self._standardise(moments)[given].half()])
        self.maxima = torch.cat([self.maxima[kept], maxima[given].half()])

    def forward(self, cells: Cells) -> Tensor:
        moments, maxima, pooled = self._split(self.features(cells))
        distance = _distance(self._standardise(moments), self.moments.float(), NEIGHBOURS)
        angle = _angle(maxima, self.maxima.float(), NEIGHBOURS)
        distances = torch.stack([distance, angle, self.subspace(pooled)], 1)  # (B, 3)
        return ((distances - self.distance_mean) / self.distance_std * distances.new_tensor(WEIGHTS)).sum(1)

    def _split(self, features: Tensor) -> Sequence[Tensor]:
        """Moments (B, 2 * sum of D), maxima (B, sum of D), and what the subspace compares (B, 2 * D)."""
        sizes = [self.moments.shape[1], self.maxima.shape[1], len(self.subspace.mean)]
        return torch.split(features, sizes, 1)

    def _standardise(self, moments: Tensor) -> Tensor:
        """In standard deviations, clamped to FARTHEST: squares of larger values would round small ones away."""
        farthest = FARTHEST * self._weights(moments)
        return torch.minimum(torch.maximum((moments - self.centre) * self.scale, -farthest), farthest)

    def _weights(self, like: Tensor) -> Tensor:
        """(2 * sum of D): gives each level the same weight, and makes the squares of all weights add up to 1."""
        shares = [1 / (2 * width * len(self.widths)) for width in self.widths for _ in range(2 * width)]
        return torch.tensor(shares, dtype=like.dtype, device=like.device).sqrt()


def _distance(query: Tensor, bank: Tensor, neighbours: int) -> Tensor:
    """(B,) Euclidean distance to this nearest neighbour in the bank."""
    squares = query.square().sum(1, keepdim=True) - 2 * query @ bank.T + bank.square().sum(1)  # (B, n)
    return squares.topk(neighbours, dim=1, largest=False).values[:, -1].clamp_min(NEAREST**2).sqrt()


def _angle(query: Tensor, bank: Tensor, neighbours: int) -> Tensor:
    """(B,) 1 - cosine of the angle to this nearest neighbour in the bank; all vectors have length 1."""
    angle: Tensor = 1 - (query @ bank.T).topk(neighbours, dim=1).values[:, -1]
    return angle


def _moments(cells: Cells, mean: Tensor) -> Tensor:
    """(B, 2 * D): mean and log standard deviation of every channel over the valid cells."""
    variance = replace(cells, x=(cells.x - mean[:, None]).square()).mean()
    return torch.cat([mean, 0.5 * (variance + EPSILON**2).log()], 1)


def _maxima(cells: Cells) -> Tensor:
    """(B, D): the maximum of every channel over the valid cells."""
    maxima: Tensor = cells.x.masked_fill(~cells.valid_mask[:, :, None], -1e4).amax(1)
    return maxima
