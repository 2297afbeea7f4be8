"""The beginnings of sentences that a search has in hand, as one tree, with what was heard of each token."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

ROOT = 0
_NODE = np.dtype(
    [("parent", np.int64), ("token", np.int64), ("peak", np.float64), ("frame", np.int64), ("confidence", np.float64)]
)


class Spelt(NamedTuple):
    """A token, the frame in which it was heard best, and the probability that the network gave it there."""

    token: int
    frame: int
    confidence: float


class Prefixes:
    """Each node is its parent's prefix and one token more; a prefix has one node, so that equal ones can be merged.

    The root is the empty prefix, or what was settled. A node comes after its parent.
    """

    def __init__(self, room: int) -> None:
        """`room`: how many nodes may be added until the first must be forgotten."""
        self._room = room
        self._nodes = np.zeros(1 + room, _NODE)
        self._nodes["parent"][ROOT] = -1
        self._used = 1
        self._children: dict[tuple[int, int], int] = {}  # (node, token): node

    def parents(self, nodes: Ints) -> Ints:
        """The node before each; -1 before the root."""
        parents: Ints = self._nodes["parent"][nodes]
        return parents

    def child(self, node: int, token: int) -> int:
        """The node of a prefix and one token more, for which there must be room."""
        child = self._children.setdefault((node, token), self._used)
        if child == self._used:
            self._nodes[child] = (node, token, -np.inf, 0, 0.0)
            self._used += 1
        return child

    def path(self, node: int) -> list[int]:
        """The nodes from the root, without it, to this one."""
        path: list[int] = []
        while node != ROOT:
            path.append(node)
            node = int(self._nodes["parent"][node])
        return path[::-1]

    def spelt(self, path: Iterable[int]) -> tuple[Spelt, ...]:
        """What was heard along a path."""
        nodes = self._nodes[list(path)]
        return tuple(map(Spelt, *(nodes[name].tolist() for name in Spelt._fields)))

    def hear(self, nodes: Ints, loudness: Floats, frame: int, confidence: Floats) -> None:
        """Keep the frame, and the confidence in it, in which the last token of each node was heard best."""
        louder = loudness > self._nodes["peak"][nodes]
        nodes = nodes[louder]
        self._nodes["peak"][nodes] = loudness[louder]
        self._nodes["frame"][nodes] = frame
        self._nodes["confidence"][nodes] = confidence[louder]

    def has_room(self, nodes: int) -> bool:
        return self._used + nodes <= len(self._nodes)

    def rerooted(self, root: int, leaves: Ints) -> Ints:
        """Forget all but the paths from a new root to the leaves beneath it; gives the new nodes of the leaves."""
        kept = {root}
        for leaf in leaves.tolist():
            while leaf not in kept:
                kept.add(leaf)
                leaf = int(self._nodes["parent"][leaf])
        old = np.array(sorted(kept))
        nodes = self._nodes[old]
        nodes["parent"] = np.searchsorted(old, nodes["parent"])
        edges = zip(nodes["parent"].tolist(), nodes["token"].tolist(), strict=True)
        self._children = {edge: node for node, edge in enumerate(edges) if node != ROOT}
        nodes["parent"][ROOT] = -1
        self._nodes, self._used = np.append(nodes, np.zeros(self._room, _NODE)), len(nodes)
        return np.searchsorted(old, leaves)
