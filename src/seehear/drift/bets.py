"""Bets against ranks that are uniform as long as nothing changes: what they win is evidence of a change.

A bet is a density on (0, 1). While ranks are uniform, it wins nothing on average, regardless of earlier ranks.
`Evidence` adds up what bets that started at each time would have won by now: the Shiryaev-Roberts statistic, with a
mixture of bets (an e-detector: Shin, Ramdas and Rinaldo, arXiv:2203.03532). After n ranks its expectation is n, so it
exceeds c within n ranks with a probability of at most n / c.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

TILTS = (0.25, 0.5, 1.0, 1.5)  # standard deviations by which all values may have moved
# A share of the values next to one end, and how many times as many may be there: only some inputs are unusual.
ENDS = (
    *((0.02, 5.0), (0.02, 15.0), (0.05, 2.0), (0.05, 4.0), (0.1, 1.5), (0.1, 2.0), (0.1, 3.0)),
    *((0.2, 1.5), (0.2, 2.0), (0.3, 1.3), (0.5, 1.3)),
)
# The share of a class, and how many times as often it may be answered.
SHARES = (
    *((share, times) for share in (0.02, 0.05, 0.1, 0.2, 0.35) for times in (0.25, 1.5, 2.5)),
    *((0.5, 0.5), (0.5, 1.4)),
)
VALUE_BETS, SHARE_BETS = 2 * (len(TILTS) + len(ENDS)), len(SHARES)
_NORMAL = NormalDist()
_LEAST = 1e-9


def bet_on_values(places: Array) -> Array:
    """(K,) -> (K, J) log densities: the first half bets that values are lower, the second half that they are higher."""
    return np.concatenate([_bet_on_low(places), _bet_on_low(1 - places)], 1)


def bet_on_shares(places: Array) -> Array:
    """(K,) -> (K, J) log densities."""
    return _bet_on_ends(places, SHARES)


def _bet_on_low(places: Array) -> Array:
    clipped = places.clip(_LEAST, 1 - _LEAST)
    low = -np.array([_NORMAL.inv_cdf(place) for place in clipped])[:, None]  # (K, 1)
    tilts = np.array(TILTS)
    return np.concatenate([low * tilts - tilts**2 / 2, _bet_on_ends(places, ENDS)], 1)


def _bet_on_ends(places: Array, bets: tuple[tuple[float, float], ...]) -> Array:
    """Densities that are `times` within the first `share` and lower, but not 0, beyond it."""
    share, times = np.array(bets).T
    logs: Array = np.log(np.where(places[:, None] <= share, times, (1 - share * times) / (1 - share)))
    return logs


class Evidence:
    """The evidence of K series of ranks at once, each with J bets, in constant memory."""

    def __init__(self, kinds: int, bets: int) -> None:
        self._won = np.full((kinds, bets), -np.inf)  # log, summed over all starting times
        self._best = np.zeros((kinds, bets))  # log, from the best starting time
        self._began = np.zeros((kinds, bets), np.int64)
        self._seen = np.zeros((kinds, 1), np.int64)

    def add(self, log_bets: Array, kinds: list[int] | slice = slice(None)) -> None:
        """Add the next rank of each of these k series. log_bets (k, J) are its log densities."""
        self._won[kinds] = np.logaddexp(self._won[kinds], 0.0) + log_bets
        best = self._best[kinds]
        self._began[kinds] = np.where(best <= 0, self._seen[kinds], self._began[kinds])
        self._best[kinds] = best.clip(0.0) + log_bets
        self._seen[kinds] += 1

    def log_statistic(self) -> Array:
        """(K,): the log of the Shiryaev-Roberts statistic of the mean bet."""
        statistic: Array = np.logaddexp.reduce(self._won, 1) - math.log(self._won.shape[1])
        return statistic

    def best_bet(self, kind: int) -> tuple[int, int]:
        """The bet that has won most, and how many ranks there had been when it began to win."""
        bet = int(self._won[kind].argmax())
        return bet, int(self._began[kind, bet])
