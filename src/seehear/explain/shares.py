"""How much each sense contributes to an answer: Shapley values over the sets of senses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from math import comb


def share_out(senses: Sequence[str], value: Callable[[tuple[str, ...]], float]) -> dict[str, float]:
    """The Shapley value of each sense (Shapley 1953): its mean contribution over all orders of adding senses.

    value   the quantity with a set of senses, in order. The shares add up to that of all senses less that of none
    """
    known = {chosen: value(chosen) for n in range(len(senses) + 1) for chosen in combinations(senses, n)}

    def gain(sense: str, others: tuple[str, ...]) -> float:
        return known[tuple(each for each in senses if each == sense or each in others)] - known[others]

    return {
        sense: sum(
            gain(sense, others) / (len(senses) * comb(len(senses) - 1, n))
            for n in range(len(senses))
            for others in combinations([each for each in senses if each != sense], n)
        )
        for sense in senses
    }
