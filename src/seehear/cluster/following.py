"""Runs a function on the cluster, and passes on what it says meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from seehear.cluster.connection import ClusterError
from seehear.errors import SeehearError
from seehear.events import Event, Listener

POLL_S = 0.5


class Said:
    """What a function on the cluster says, to be passed on to the listener: a Ray queue."""

    def __init__(self) -> None:
        from ray.util.queue import Queue

        self._queue = Queue(actor_options={"num_cpus": 0})

    def put(self, message: Event | SeehearError) -> None:
        """Any process of the cluster may call this. An error ends the work."""
        self._queue.put(message)

    def take_all(self) -> Iterator[Event | SeehearError]:
        """What has been said since the last call."""
        yield from self._queue.get_nowait_batch(self._queue.qsize())

    def close(self) -> None:
        self._queue.shutdown(force=True)


def follow(ray: Any, work: Callable[..., Any], *arguments: Any, listen: Listener, hint: str) -> Any:
    """The result of `work(*arguments, said)`, which runs on the cluster.

    A process of the cluster runs it, so that it does not matter whether this one is part of the cluster or a client.
    Raises the error that it says or raises, and ClusterError, with the hint, if it cannot go on.
    """
    said = Said()
    running = ray.remote(num_cpus=0, max_retries=0)(work).remote(*arguments, said)
    try:
        ended = False
        while not ended:
            ended = bool(ray.wait([running], timeout=POLL_S)[0])
            for message in said.take_all():
                if isinstance(message, SeehearError):
                    raise message
                listen(message)
        return ray.get(running)
    except ray.exceptions.RayError as error:
        raise get_cause(error) or _give_up(error, hint) from None
    finally:
        ray.cancel(running, force=True)
        said.close()


def get_cause(error: Exception) -> SeehearError | None:
    """Our error that ended a function on the cluster, if it was one."""
    cause = getattr(error, "cause", None)
    return cause if isinstance(cause, SeehearError) else None


def _give_up(error: Exception, hint: str) -> ClusterError:
    last = next(reversed(str(error).strip().splitlines()), type(error).__name__)
    return ClusterError(f"the work on the cluster failed: {last}", hint=hint)
