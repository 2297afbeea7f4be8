"""Identifiers of token prefixes, so that beams which reach the same prefix can be merged."""

from __future__ import annotations

from collections.abc import Sequence

MIN_PRUNED = 4096  # prefixes; pruning fewer would cost more than it saves


class PrefixIds:
    """One integer for each prefix, stable for as long as a beam can reach that prefix again. The empty prefix is 0."""

    def __init__(self) -> None:
        self._ids: dict[tuple[int, int], int] = {}  # (id of the prefix without its last token, that token) -> id
        self._next = 1
        self._max_size = MIN_PRUNED

    def extend(self, prefix: int, token: int) -> int:
        """The id of a prefix followed by one more token."""
        extended = self._ids.setdefault((prefix, token), self._next)
        self._next = max(self._next, extended + 1)
        return extended

    def prune(self, beams: Sequence[int]) -> None:
        """If there are many prefixes, forget those that do not lie between two beams.

        Beams only grow, so no beam can reach the others again.
        """
        if len(self._ids) <= self._max_size:
            return
        parents = {prefix: parent for (parent, _), prefix in self._ids.items()}
        reachable: set[int] = set()
        for beam in beams:
            path = [beam]
            while path[-1] in parents:
                path.append(parents[path[-1]])
            shortest_beam = max(i for i, prefix in enumerate(path) if prefix in beams)
            reachable.update(path[:shortest_beam])
        self._ids = {edge: prefix for edge, prefix in self._ids.items() if prefix in reachable}
        self._max_size = max(MIN_PRUNED, 2 * len(self._ids))
