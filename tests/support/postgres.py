"""A PostgreSQL server of our own, if its programs are installed: on a socket in a folder, without a network port."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

USER = "nobody"  # the server refuses to run as root


def find_programs() -> Path | None:
    """The folder of the newest `initdb` and `postgres`; None if they are not installed."""
    folders = Path("/usr/lib/postgresql").glob("*/bin")
    found = [folder for folder in folders if (folder / "initdb").exists() and (folder / "postgres").exists()]
    return max(found, key=lambda folder: int(folder.parent.name.partition(".")[0]), default=None)


@contextmanager
def running_server(programs: Path) -> Iterator[str]:
    """The URL of the database of a server that runs for as long as the context lasts."""
    folder = Path(mkdtemp(prefix="pg-", dir="/tmp"))  # a socket's path must be short
    data = folder / "data"
    if sys.platform != "win32" and os.geteuid() == 0:
        shutil.chown(folder, USER)
    control = str(programs / "pg_ctl")
    options = f"-k {folder} -c listen_addresses='' -c shared_buffers=16MB"
    try:
        _run(str(programs / "initdb"), "-D", str(data), "-U", "team", "-A", "trust", "-N", "-E", "UTF8")
        _run(control, "-D", str(data), "-l", str(folder / "log"), "-o", options, "-w", "start")
        try:
            yield f"postgresql+psycopg://team@/postgres?host={folder}"
        finally:
            _run(control, "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(*command: str) -> None:
    """As another user than root, with the locale of C."""
    root = sys.platform != "win32" and os.geteuid() == 0
    subprocess.run(
        command,
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
        cwd="/",
        user=USER if root else None,
        group="nogroup" if root else None,
        timeout=120,
    )
