"""Files from one Label Studio: only from it, only files, within limits, and with its token."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from labelling import CHOICES, ask, error_of
from seehear.serve.label_studio import host as host_module
from serving import client, picture_file

LEGACY, PERSONAL = "0123456789abcdef", "head.body.signature"


class FakeLabelStudio(BaseHTTPRequestHandler):
    """Has files as Label Studio has them. `server.asked`: the path and the Authorization of each request."""

    server: Any

    def do_GET(self) -> None:
        shown = self.headers.get("Authorization", "")
        self.server.asked.append((self.path, shown))
        if shown not in (f"Token {LEGACY}", "Bearer access"):
            self._send(401, b"")
        elif self.path.startswith("/data/elsewhere"):
            self._send(302, b"", Location="http://169.254.169.254/")
        elif self.path.startswith("/data/large"):
            self._send(200, b"x" * (1 << 21))
        elif self.path.startswith("/data/cut"):
            self._send(200, picture_file()[:20], **{"Content-Length": "5000"})
        else:
            self._send(200, picture_file())

    def do_POST(self) -> None:
        self.server.asked.append((self.path, ""))
        given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._send(200 if given == {"refresh": PERSONAL} else 401, json.dumps({"access": "access"}).encode())

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def label_studio() -> Iterator[Any]:
    with ThreadingHTTPServer(("127.0.0.1", 0), FakeLabelStudio) as server:
        server.asked = []  # type: ignore[attr-defined]
        server.url = f"http://127.0.0.1:{server.server_port}"  # type: ignore[attr-defined]
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def running() -> Iterator[Any]:
    with label_studio() as server:
        yield server


def test_uploads_and_addresses_of_the_host(running: Any) -> None:
    running.asked.clear()
    with client(label_studio=running.url, label_studio_token=LEGACY) as served:
        named = (
            "/data/upload/1/größe 1.png",
            f"{running.url}/data/upload/1/b.png?x=1",
            "/data/local-files/?d=birds/1.png",
            "s3://bucket/birds/1.png",
        )
        answered = ask(served, CHOICES, *({"image": each} for each in named))
    assert [bool(each["result"]) for each in answered.json()["results"]] == [True] * 4, answered.text
    paths = [path for path, _ in running.asked]
    assert paths[:3] == [
        "/data/upload/1/gr%C3%B6%C3%9Fe%201.png", "/data/upload/1/b.png?x=1", "/data/local-files/?d=birds/1.png",
    ]  # fmt: skip
    assert paths[3].startswith("/tasks/4/resolve/?fileuri=")
    assert {shown for _, shown in running.asked} == {f"Token {LEGACY}"}


def test_a_personal_access_token_is_exchanged_once(running: Any) -> None:
    running.asked.clear()
    with client(label_studio=f"{running.url}/studio", label_studio_token=PERSONAL) as served:
        answered = ask(served, CHOICES, *({"image": "/studio/data/upload/1/a.png"},) * 3)
    assert answered.status_code == 200, answered.text
    assert [path for path, _ in running.asked] == ["/studio/api/token/refresh/", *["/studio/data/upload/1/a.png"] * 3]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("http://169.254.169.254/data/x", "it is on another host"),
        ("https://127.0.0.1/data/x", "it is on another host"),
        ("//evil.example/data/x", "it is on another host"),
        ("http://127.0.0.1@evil.example/data/x", "it is on another host"),
        ("file:///etc/passwd", "it is on another host"),
        ("/api/users/", "Label Studio has no files under this path"),
        ("/data/../api/users/", "Label Studio has no files under this path"),
        ("/data/elsewhere/a.png", "Label Studio redirects elsewhere. Next: switch pre-signed URLs off"),
        ("/data/large.png", "larger than 1,048,576 bytes"),
        ("/data/cut.png", "ended the connection before the end"),
    ],
)
def test_what_is_not_fetched(running: Any, given: str, words: str) -> None:
    settings = {"label_studio": running.url, "label_studio_token": LEGACY, "max_upload_bytes": 1 << 20}
    with client(**settings) as served:
        assert words in error_of(served, given)


def test_a_wrong_token_and_a_host_that_is_not_there(running: Any) -> None:
    with client(label_studio=running.url, label_studio_token="wrong") as served:
        assert "Label Studio answers 401. Next: check LABEL_STUDIO_API_KEY" in error_of(served, "/data/upload/1/a.png")
    with client(label_studio="http://127.0.0.1:9") as served:
        assert "Label Studio does not answer" in error_of(served, "/data/upload/1/a.png")


def test_a_slow_host_is_given_up(running: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_module, "LONGEST_S", -1.0)
    with client(label_studio=running.url, label_studio_token=LEGACY) as served:
        assert "takes longer than" in error_of(served, "/data/upload/1/a.png")


def test_large_files_are_deleted(running: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    with client(label_studio=running.url, label_studio_token=LEGACY) as served:
        assert error_of(served, "/data/large.png").startswith("large.png: ")
    assert not list(tmp_path.glob("seehear-upload-*"))
