"""How far an example is from the training examples, where the directions in which these differ count less."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

DIRECTIONS = 64  # at most
PER_DIRECTION = 4  # examples, and features, at least
EPSILON = 0.05  # added to standard deviations, so that features that barely vary, and rounding, do not dominate
TINY = 1e-6  # the least squared distance, and the least variance


class SubspaceDistance(nn.Module):
    """Features (B, F) -> (B,): the logarithm of the squared Mahalanobis distance to the nearest centre.

    The covariance has the main directions of the training examples, and the same variance in all others, as in
    probabilistic PCA (Tipping & Bishop 1999). There are fewer examples than features, so most of the distance of an
    unlike input lies outside these directions (ViM, Wang 2022, arXiv:2203.10807).

    Features are normalised for each example, standardised for each feature, and then scaled to length 1.
    """

    mean: Tensor
    std: Tensor
    centres: Tensor  # (K, F): the mean of the training examples, and of each class that was added later
    directions: Tensor  # (R, F)
    shrinkage: Tensor  # (R,): the share of the squared distance along each direction that does not count

    def __init__(self, features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("std", torch.ones(features))
        self.register_buffer("centres", torch.zeros(1, features))
        self.register_buffer("directions", torch.zeros(1, features, dtype=torch.half))
        self.register_buffer("shrinkage", torch.zeros(1))

    def allocate(self, centres: int, directions: int) -> None:
        """Make room for this many, and at least one of each."""
        self.centres = self.centres.new_zeros(max(1, centres), len(self.mean))
        self.directions = self.directions.new_zeros(max(1, directions), len(self.mean))
        self.shrinkage = self.shrinkage.new_zeros(len(self.directions))

    @torch.no_grad()
    def fit(self, features: Tensor) -> None:
        """Fit to the features (n, F) of training examples."""
        normalised = _normalise(features)
        self.mean.copy_(normalised.mean(0))
        self.std.copy_(normalised.std(0, unbiased=False) + EPSILON)
        points = self._project(features)  # (n, F)
        self.allocate(1, min(DIRECTIONS, min(points.shape) // PER_DIRECTION))
        self.centres.copy_(points.mean(0, keepdim=True))
        # The eigenvectors of the examples' products give those of the much larger covariance of the features.
        deviations = points - self.centres
        values, vectors = torch.linalg.eigh(deviations @ deviations.T / len(points))  # ascending
        values, vectors = values.flip(0).clamp_min(TINY), vectors.flip(1)
        kept = len(self.directions)
        varies = (values[:kept, None] > TINY).float()  # there is no direction where the examples are equal
        self.directions.copy_(varies * F.normalize(vectors[:, :kept].T @ deviations, dim=1))
        self.shrinkage.copy_(values[:kept] / (values[:kept] + values[min(kept, len(values) - 1)]))

    @torch.no_grad()
    def extend(self, features: Tensor) -> None:
        """Add a centre for the features (n, F) of new examples."""
        self.centres = torch.cat([self.centres, self._project(features).mean(0, keepdim=True)])

    def forward(self, features: Tensor) -> Tensor:
        directions = self.directions.float()
        deviations = self._project(features)[:, None] - self.centres  # (B, K, F)
        along = deviations @ directions.T  # (B, K, R)
        outside = deviations - along @ directions  # sums of squares are subtracted nowhere: the rest may be small
        squares = outside.square().sum(2) + (along.square() * (1 - self.shrinkage)).sum(2)
        nearest = -(-squares).amax(1)
        return nearest.clamp_min(TINY).log()

    def _project(self, features: Tensor) -> Tensor:
        """(B, F) on the unit sphere."""
        return F.normalize((_normalise(features) - self.mean) / self.std, dim=1)


def _normalise(features: Tensor) -> Tensor:
    """(B, F): each row with a mean of 0 and a variance of 1."""
    # The output of an operator "mean" would be called like the output of scores in the exported graph.
    centred = features - features.sum(1, keepdim=True) / features.shape[1]
    return F.normalize(centred, dim=1) * math.sqrt(features.shape[1])
