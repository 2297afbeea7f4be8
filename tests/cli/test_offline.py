"""Every command works offline and writes only where it was told to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import seehear

MINUTES = "0.1"
# No network, and only one writable folder.
ISOLATED = ["unshare", "--net", "--mount", "--map-root-user", "sh", "-c"]
ISOLATED += ['mount --bind "$0" "$0" && mount -o remount,bind,ro / && cd "$PWD" && exec "$@"']
# Python imports this at startup. It records and refuses every connection, and records every attempt to write outside
# of the folder, even if the error is suppressed.
AUDIT = """
import os, sys

FOLDER, LOG = os.environ["AUDIT"], os.environ["AUDIT"] + "/log"
CONNECTING = {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.sendmsg"}
MODIFYING = {"os.mkdir", "os.rename", "os.link", "os.symlink", "os.truncate"}

def record(event, about):
    descriptor = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(descriptor, f"{event} {about}\\n".encode())
    os.close(descriptor)

def is_outside(path):
    path = os.path.abspath(os.fsdecode(path))
    return path != os.devnull and not path.startswith(FOLDER + "/")

def audit(event, arguments):
    if event in CONNECTING:
        record(event, arguments)
        raise OSError("there is no network")
    writes = event in MODIFYING or event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    if writes and not isinstance(arguments[0], int) and is_outside(arguments[0]):
        record(event, arguments)

sys.addaudithook(audit)
"""


def _isolate(folder: Path) -> list[str]:
    """The prefix of a command that isolates it; empty if the system does not allow that."""
    command = [*ISOLATED, str(folder)]
    return command if subprocess.run([*command, "true"], capture_output=True).returncode == 0 else []


@pytest.mark.slow
def test_commands_need_no_network_and_write_only_where_told(tmp_path):
    places = {name: tmp_path / name for name in ("home", "temporary", "here", "audit")}
    for place in places.values():
        place.mkdir()
    (places["audit"] / "sitecustomize.py").write_text(AUDIT)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(places["home"]),
        "TMPDIR": str(places["temporary"]),
        "PYTHONPATH": os.pathsep.join([str(places["audit"]), str(Path(seehear.__file__).parents[1])]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "AUDIT": str(tmp_path),
        "SEEHEAR_CACHE": str(tmp_path / "cache"),
    }

    def python(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [*_isolate(tmp_path), sys.executable, *arguments]
        return subprocess.run(command, env=environment, cwd=places["here"], capture_output=True, text=True)

    def run(*arguments: str) -> str:
        done = python("-m", "seehear", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    python("-c", "import os; os.rename('/none', '/audited')")
    python("-c", "import socket; socket.create_connection(('127.0.0.1', 9))")
    recorded = (tmp_path / "log").read_text()
    assert "os.rename" in recorded and "socket.getaddrinfo" in recorded, "the audit hook does not work"
    (tmp_path / "log").unlink()

    out = run("demo", "--minutes", MINUTES)
    for heading in ("both senses", "image only", "audio only", "letters and words", "seehear predict"):
        assert heading in out
    train = ("train", "demo/test.csv", "--minutes", MINUTES, "--senses", "image", "--cache", "cache")
    run(*train, "-o", "sight.seehear")
    answers = [json.loads(line) for line in run("predict", "sight.seehear", "demo/not-digits", "--json").splitlines()]
    assert len(answers) == 120
    run("evaluate", "demo/digits.seehear", "demo/test.csv", "--report", "report")

    assert not (tmp_path / "log").exists(), (tmp_path / "log").read_text()
    assert sorted(path.name for path in places["here"].iterdir()) == ["cache", "demo", "report", "sight.seehear"]
    assert not list((places["here"] / "cache").iterdir())
    assert not list(places["home"].rglob("*"))
    # PyTorch makes an empty folder for its compiler there.
    assert not [path for path in places["temporary"].rglob("*") if path.is_file()]
