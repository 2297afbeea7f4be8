"""Offline, and provably so: a whole life without a network, that leaves nothing where nobody asked for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import seehear

MINUTES = "0.3"
# A network of nothing, and a disk of which only one folder can be written.
ALONE = ["unshare", "--net", "--mount", "--map-root-user", "sh", "-c"]
ALONE += ['mount --bind "$0" "$0" && mount -o remount,bind,ro / && cd "$PWD" && exec "$@"']
# Python imports this by itself as it starts: it tells of every try at a connection, refuses it, and tells of every
# try at writing outside of the folder, also of those that are swallowed.
WITNESS = """
import os, sys

FOLDER, TOLD = os.environ["WITNESS"], os.environ["WITNESS"] + "/told"
REACHING = {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.sendmsg"}
CHANGING = {"os.mkdir", "os.rename", "os.link", "os.symlink", "os.truncate"}

def tell(event, about):
    descriptor = os.open(TOLD, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(descriptor, f"{event} {about}\\n".encode())
    os.close(descriptor)

def is_outside(path):
    path = os.path.abspath(os.fsdecode(path))
    return path != os.devnull and not path.startswith(FOLDER + "/")

def witness(event, arguments):
    if event in REACHING:
        tell(event, arguments)
        raise OSError("there is no network")
    writes = event in CHANGING or event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    if writes and not isinstance(arguments[0], int) and is_outside(arguments[0]):
        tell(event, arguments)

sys.addaudithook(witness)
"""


def _alone(folder: Path) -> list[str]:
    """What to put before a command so that it runs alone; empty where this system does not allow it."""
    command = [*ALONE, str(folder)]
    return command if subprocess.run([*command, "true"], capture_output=True).returncode == 0 else []


@pytest.mark.slow
def test_demo_training_and_prediction_need_no_network_and_write_only_where_they_were_told(tmp_path):
    places = {name: tmp_path / name for name in ("home", "temporary", "here", "witness")}
    for place in places.values():
        place.mkdir()
    (places["witness"] / "sitecustomize.py").write_text(WITNESS)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(places["home"]),
        "TMPDIR": str(places["temporary"]),
        "PYTHONPATH": os.pathsep.join([str(places["witness"]), str(Path(seehear.__file__).parents[1])]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "WITNESS": str(tmp_path),
    }

    def python(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [*_alone(tmp_path), sys.executable, *arguments]
        return subprocess.run(command, env=environment, cwd=places["here"], capture_output=True, text=True)

    def run(*arguments: str) -> str:
        done = python("-m", "seehear", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    python("-c", "import os; os.rename('/none', '/witnessed')")
    python("-c", "import socket; socket.create_connection(('127.0.0.1', 9))")
    witnessed = (tmp_path / "told").read_text()
    assert "os.rename" in witnessed and "socket.getaddrinfo" in witnessed, "the witness is blind"
    (tmp_path / "told").unlink()

    told = run("demo", "--minutes", MINUTES)
    for heading in ("both senses", "sight alone", "hearing alone", "letters and words", "seehear predict"):
        assert heading in told
    learn = ("train", "demo/test.csv", "--minutes", MINUTES, "--senses", "image", "--cache", "cache")
    run(*learn, "-o", "sight.seehear")
    answers = [json.loads(line) for line in run("predict", "sight.seehear", "demo/unfamiliar", "--json").splitlines()]
    assert len(answers) == 120
    run("evaluate", "demo/digits.seehear", "demo/test.csv", "--report", "report")

    assert not (tmp_path / "told").exists(), (tmp_path / "told").read_text()
    assert sorted(path.name for path in places["here"].iterdir()) == ["cache", "demo", "report", "sight.seehear"]
    assert not list((places["here"] / "cache").iterdir())
    assert not list(places["home"].rglob("*"))
    # PyTorch makes an empty folder for its compiler there.
    assert not [path for path in places["temporary"].rglob("*") if path.is_file()]
