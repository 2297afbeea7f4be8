"""A server that is killed during an upload loses nothing that it answered, and adds the file once."""

from __future__ import annotations

import base64
import hashlib
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Timer

import pytest

from seehear.projects import Project
from serving import sound_file
from subprocesses import source_environment

pytestmark = pytest.mark.slow
KILLS = 4
PIECE = 20_000
TUS = {"Tus-Resumable": "1.0.0"}


@contextmanager
def server(home: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    command = [sys.executable, "-m", "seehear", "serve", "--port", "0", "--projects", str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=source_environment()) as process:
        try:
            assert process.stdout is not None
            yield process, int(process.stdout.readline().strip().rpartition(":")[2])
        finally:
            process.send_signal(signal.SIGKILL)


def request(port: int, method: str, address: str, headers: dict[str, str], body: bytes = b"") -> tuple[int, str, str]:
    """Status, offset and location of the answer."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, address, body, TUS | headers)
        response = connection.getresponse()
        response.read()
        return response.status, response.getheader("upload-offset", ""), response.getheader("location", "")
    finally:
        connection.close()


def test_kills_during_an_upload(tmp_path: Path) -> None:
    draw = random.Random(0)
    content, address, answered = sound_file(0.3, 60.0), "", 0
    Project.create("Birds", answer="label", home=tmp_path).close()
    for kills_left in reversed(range(KILLS + 1)):
        with server(tmp_path) as (process, port):
            if not address:
                name = base64.b64encode(b"long.wav").decode()
                headers = {"Upload-Length": str(len(content)), "Upload-Metadata": f"filename {name}"}
                status, _, address = request(port, "POST", "/p/birds/uploads", headers)
                assert status == 201
            offset = int(request(port, "HEAD", address, {})[1])
            assert offset >= answered, "nothing that was answered is lost"
            killer = Timer(draw.uniform(0.0, 0.3), process.kill)
            if kills_left:
                killer.start()
            try:
                while offset < len(content):
                    headers = {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
                    piece = content[offset : offset + PIECE]
                    status, reached, _ = request(port, "PATCH", address, headers, piece)
                    assert (status, int(reached)) == (204, offset + len(piece))
                    answered = offset = int(reached)
                    time.sleep(0.01)
            except (OSError, HTTPException):
                assert kills_left, "only a killed server breaks a connection"
            killer.cancel()
    with Project.open("birds", home=tmp_path) as project:
        (number,) = project.find()
        stored = next(path for path in (tmp_path / "birds" / "files").rglob("*") if path.is_file())
        assert hashlib.sha256(stored.read_bytes()).digest() == hashlib.sha256(content).digest()
        assert project.example(number).id == number
