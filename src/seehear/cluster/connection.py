"""Connects to a Ray cluster, or starts one on this machine for as long as it is needed."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from seehear import __version__
from seehear.errors import SeehearError, UsageError
from seehear.folders import temporary_folder

LOCAL = "ray"
ADDRESS = re.compile(r"ray://[^\s/]+:\d+")
STORE_BYTES = 256 << 20  # of a local cluster's shared memory: only names and answers go through it
STARTS = 3  # attempts to start a local cluster
READY_S = 60.0  # within which the machines of a cluster must answer

# Read by Ray when it is imported. No usage statistics; and commands stay in the folder in which they were given.
os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_CHDIR_TO_TRIAL_DIR="0")


class ClusterError(SeehearError):
    """The cluster cannot be reached, or work on it failed."""


def check_address(on: str) -> None:
    """Raises UsageError for what is neither "ray" nor an address, and if Ray is not installed."""
    if on != LOCAL and not ADDRESS.fullmatch(on):
        raise UsageError(f"--on {on}", allowed="ray for this machine, or ray://HOST:PORT for a cluster")
    if find_spec("ray") is None or (on != LOCAL and find_spec("grpc") is None):
        what = "Ray" if on == LOCAL else "Ray's client"  # which needs grpc
        raise UsageError(f"{what} is not installed", hint="pip install 'seehear[ray,train]'")


def check_workers(workers: int | None) -> None:
    """Raises UsageError for a number of workers below 1; None lets the cluster decide."""
    if workers is not None and workers < 1:
        raise UsageError(f"--workers {workers}", allowed="1 or more")


@contextmanager
def connect(on: str) -> Iterator[Any]:
    """Connect to the cluster, or start one on this machine -> the package ray.

    RAY_ADDRESS in the environment, which Ray sets in its jobs, names a cluster for "ray". A local cluster ends with the
    block. Raises ClusterError if the cluster cannot be reached.
    """
    check_address(on)
    address = on if on != LOCAL else os.environ.get("RAY_ADDRESS")
    if address is None:
        _protect()
    import ray

    if ray.is_initialized():  # by the caller's program
        yield ray
        return
    with temporary_folder() as folder:
        _begin(ray, address, folder)
        try:
            if address is not None:
                _check_version(ray, address)
            yield ray
        finally:
            ray.shutdown()


def _begin(ray: Any, address: str | None, folder: Path) -> None:
    """Raises ClusterError. Ray gives a local cluster 30 seconds to start, which may be too few on a busy machine."""
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    own = {"include_dashboard": False, "object_store_memory": STORE_BYTES, "_temp_dir": str(folder / "ray")}
    for attempt in range(1, STARTS + 1):
        try:
            ray.init(address=address or "local", **quiet | (own if address is None else {}))
        except Exception as error:  # Ray raises anything at all
            ray.shutdown()
            if address is not None or attempt == STARTS:
                raise _explain(error, address) from None
        else:
            return


def cores(ray: Any) -> int:
    """Of all machines of the cluster."""
    return max(1, int(ray.cluster_resources().get("CPU", 1)))


def share_of_core(workers: int, ray: Any, most: float = 1.0) -> float:
    """The CPUs that each of these workers asks for, so that all of them, and what feeds them, fit into the cluster.

    Ray starts a worker only when its CPUs are free: two workers of one CPU each on two cores leave none for the rest.
    """
    return min(most, round(0.9 * cores(ray) / workers, 3))


def use_one_core() -> None:
    """Let a model that is loaded in this process use one core: there is a worker for each."""
    os.environ["SEEHEAR_THREADS"] = "1"


def _protect() -> None:
    """Let nobody else use the local cluster. Ray would keep a token in the home folder; it reads this when imported."""
    if "RAY_AUTH_MODE" not in os.environ:
        os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))


def _check_version(ray: Any, address: str) -> None:
    """Raises ClusterError if the cluster has another version of seehear, or none."""
    told = ray.remote(num_cpus=0, max_retries=0)(_tell_version).remote()
    try:
        there = ray.get(told, timeout=READY_S)
    except ray.exceptions.GetTimeoutError:
        raise ClusterError(f"no answer in {READY_S:.0f} seconds", where=address, hint="see `ray status`") from None
    except (ray.exceptions.RayError, ImportError) as error:
        what = f"seehear cannot be loaded there: {str(error).strip().splitlines()[-1]}"
        raise ClusterError(what, where=address, hint=f"install seehear {__version__} on every machine") from None
    if there != __version__:
        what = f"seehear {there} is installed there, and {__version__} here"
        raise ClusterError(what, where=address, hint="install the same version on every machine")


def _tell_version() -> str:
    return __version__


def _explain(error: Exception, address: str | None) -> ClusterError:
    first = next(iter(str(error).strip().splitlines()), type(error).__name__)
    if address is None:
        return ClusterError(f"Ray cannot be started here: {first}", hint="see whether there is memory and disk left")
    return ClusterError(f"the cluster cannot be reached: {first}", where=address, hint="check host and port")
