"""What torchrun says in the environment of each process that it starts."""

from __future__ import annotations

import os
from typing import NamedTuple


class Launch(NamedTuple):
    """The number of this process and how many there are, in total and on this machine; 0 and 1 without torchrun."""

    rank: int
    size: int
    local_rank: int
    local_size: int

    @property
    def helps(self) -> bool:
        """Whether another process reads the data, prints and writes."""
        return self.size > 1 and self.rank > 0


def read_launch() -> Launch:
    named = {"RANK": 0, "WORLD_SIZE": 1, "LOCAL_RANK": 0, "LOCAL_WORLD_SIZE": 1}
    return Launch(*(int(os.environ.get(name, otherwise)) for name, otherwise in named.items()))
