"""Uploads that go on where they were cut off: the protocol of tus, and what becomes of a file."""

from __future__ import annotations

import base64
import hashlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from seehear.projects import Project
from seehear.serve import resumable_uploads
from seehear.serve.settings import ServeSettings
from serving import client, picture_file, registry
from sockets import listening

TUS = {"Tus-Resumable": "1.0.0"}
PATH = "/p/owls/uploads"
PAUSE_S = 0.3


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project.create("Owls", answer="label", home=tmp_path) as made:
        yield made


@pytest.fixture
def served(project: Project, tmp_path: Path) -> Iterator[TestClient]:
    with client(projects=tmp_path, max_upload_bytes=1 << 20) as opened:
        yield opened


def metadata(**values: str) -> str:
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in values.items())


def begin(served: TestClient, length: int, **values: str) -> str:
    headers = TUS | {"Upload-Length": str(length), "Upload-Metadata": metadata(**values)}
    made = served.post(PATH, headers=headers)
    assert made.status_code == 201, made.text
    return made.headers["location"]


def send(served: TestClient, address: str, offset: int, content: bytes, **headers: str) -> Any:
    fixed = TUS | {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
    return served.patch(address, content=content, headers=fixed | headers)


def test_a_file_in_two_parts_becomes_an_example(served: TestClient, project: Project) -> None:
    content = picture_file()
    address = begin(served, len(content), filename="größe.png", put="owl")
    first = send(served, address, 0, content[:30])
    assert (first.status_code, first.headers["upload-offset"], first.content) == (204, "30", b"")
    head = served.head(address, headers=TUS)
    assert (head.status_code, head.headers["upload-offset"], head.headers["upload-length"]) == (
        200, "30", str(len(content)),
    )  # fmt: skip
    assert project.find() == []
    assert send(served, address, 30, content[30:]).status_code == 204
    (number,) = project.find()
    example = project.example(number)
    assert project.counts().classes == {"owl": 1}
    assert "größe.png" in str(example)
    told = served.get(address).json()
    assert (told["added"], told["known"], told["problems"]) == (1, 0, [])
    assert served.head(address, headers=TUS).headers["upload-offset"] == str(len(content))


def test_sending_again_adds_nothing(served: TestClient, project: Project) -> None:
    content = picture_file()
    for expected in ((1, 0), (0, 1)):
        address = begin(served, len(content), filename="a.png")
        send(served, address, 0, content)
        assert send(served, address, 0, content).status_code == 409, "all of it has arrived"
        told = served.get(address).json()
        assert (told["added"], told["known"]) == expected
    assert len(project.find()) == 1


def test_the_answer_to_the_last_part_may_be_lost(
    served: TestClient, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server stopped after the last byte was on the disk: whoever asks next has the file added."""
    content = picture_file()
    address = begin(served, len(content), filename="a.png")

    def stop(*_: Any) -> None:
        raise KeyError("stopped")

    with monkeypatch.context() as patched:
        patched.setattr(resumable_uploads, "_add", stop)
        assert send(served, address, 0, content).status_code == 500
    assert project.find() == []
    assert served.head(address, headers=TUS).headers["upload-offset"] == str(len(content))
    assert len(project.find()) == 1


def test_a_file_that_cannot_be_read_is_named(served: TestClient, project: Project) -> None:
    address = begin(served, 9, filename="a.png")
    send(served, address, 0, b"no image!")
    told = served.get(address).json()
    assert told["added"] == 0
    assert told.get("error") or told["problems"]
    assert project.find() == []


def test_part_of_an_import(served: TestClient, project: Project) -> None:
    place = served.post("/p/owls/arriving", headers={"accept": "application/json"}).json()["address"]
    for path in ("birds/owl/1.png", "birds/wren/2.png", "birds/owl/3.png", "birds/wren/4.png"):
        content = picture_file(0.1 * int(path[-5]))
        address = begin(served, len(content), arriving=place.rpartition("/")[2], path=path)
        assert send(served, address, 0, content).status_code == 204
    assert served.post(place).status_code == 200
    assert project.counts().classes == {"owl": 2, "wren": 2}
    address = begin(served, 3, arriving=place.rpartition("/")[2], path="../../escaped.png")
    refused = send(served, address, 0, b"abc")
    assert refused.status_code == 422
    assert "the path '../../escaped.png'" in refused.json()["error"]
    address = begin(served, 3, arriving="../..", path="a.png")
    assert send(served, address, 0, b"abc").status_code == 404


@pytest.mark.parametrize("name", ["sha256", "sha1"])
def test_checksums(served: TestClient, name: str) -> None:
    content = picture_file()
    address = begin(served, len(content), filename="a.png")
    wrong = {"Upload-Checksum": f"{name} {base64.b64encode(hashlib.new(name, b'x').digest()).decode()}"}
    refused = send(served, address, 0, content, **wrong)
    assert (refused.status_code, f"another {name}" in refused.text) == (460, True)
    assert served.head(address, headers=TUS).headers["upload-offset"] == "0"
    right = {"Upload-Checksum": f"{name} {base64.b64encode(hashlib.new(name, content).digest()).decode()}"}
    assert send(served, address, 0, content, **right).status_code == 204
    assert send(served, address, 0, content, **{"Upload-Checksum": "md5 eA=="}).status_code == 400


def test_wrong_requests(served: TestClient) -> None:
    assert served.post(PATH, headers={"Upload-Length": "3"}).status_code == 412
    assert served.post(PATH, headers=TUS).status_code == 400
    assert served.post(PATH, headers=TUS | {"Upload-Length": "9999999"}).status_code == 413
    assert served.post(PATH, headers=TUS | {"Upload-Length": "3"} | {
        "Upload-Metadata": "filename %%%"}).status_code == 400  # fmt: skip
    address = begin(served, 3, filename="a.png")
    assert send(served, address, 1, b"a").status_code == 409
    assert send(served, address, 0, b"abcd").status_code == 413
    assert served.patch(address, content=b"a", headers=TUS | {"Upload-Offset": "0"}).status_code == 415
    for other in (f"{PATH}/0123456789abcdef", f"{PATH}/..%2f..", "/p/none/uploads/0123456789abcdef"):
        assert served.head(other, headers=TUS).status_code in (400, 404)


def test_what_is_supported(served: TestClient) -> None:
    told = served.options(PATH)
    assert told.status_code == 204
    assert told.headers["tus-version"] == "1.0.0"
    assert told.headers["tus-max-size"] == str(1 << 20)
    assert told.headers["tus-checksum-algorithm"] == "sha256,sha1"


def test_an_upload_can_be_given_up_and_is_forgotten_after_a_day(served: TestClient, project: Project) -> None:
    address = begin(served, 3)
    assert served.delete(address, headers=TUS).status_code == 204
    assert served.head(address, headers=TUS).status_code == 404
    old, new = begin(served, 3), begin(served, 3)
    folder = project.place.folder / "uploads" / old.rpartition("/")[2]
    for path in (folder, *folder.iterdir()):
        os.utime(path, (time.time() - 90_000,) * 2)
    begin(served, 3)
    assert served.head(old, headers=TUS).status_code == 404
    assert served.head(new, headers=TUS).status_code == 200


@pytest.mark.slow
def test_a_cut_connection_loses_nothing_that_arrived(project: Project, tmp_path: Path) -> None:
    content = picture_file()
    with listening(ServeSettings(projects=tmp_path), registry()) as port:

        def request(head: str, body: bytes = b"") -> socket.socket:
            opened = socket.create_connection(("127.0.0.1", port))
            opened.sendall(f"{head}\r\nHost: 127.0.0.1:{port}\r\nTus-Resumable: 1.0.0\r\n\r\n".encode() + body)
            return opened

        def answer(opened: socket.socket) -> str:
            opened.settimeout(20)
            with opened:
                return opened.recv(65536).decode()

        named = f"Upload-Length: {len(content)}\r\nUpload-Metadata: {metadata(filename='a.png')}"
        made = answer(request(f"POST {PATH} HTTP/1.1\r\n{named}"))
        address = made.partition("location: ")[2].partition("\r\n")[0]
        patch = f"PATCH {address} HTTP/1.1\r\nContent-Type: application/offset+octet-stream\r\n"
        whole = f"{patch}Upload-Offset: 0\r\nContent-Length: {len(content)}"
        with request(whole, content[:20]):
            time.sleep(PAUSE_S)
        arrived = [answer(request(f"HEAD {address} HTTP/1.1"))]
        while "upload-offset: 20\r\n" not in arrived[-1] and len(arrived) < 50:
            time.sleep(PAUSE_S)
            arrived.append(answer(request(f"HEAD {address} HTTP/1.1")))
        assert "upload-offset: 20\r\n" in arrived[-1], "what came before the cut is there"
        stale = request(f"{patch}Upload-Offset: 20\r\nContent-Length: {len(content) - 20}", content[20:40])
        time.sleep(PAUSE_S)
        assert "upload-offset: 20\r\n" in answer(request(f"HEAD {address} HTTP/1.1"))
        rest = f"{patch}Upload-Offset: 20\r\nContent-Length: {len(content) - 20}"
        done = answer(request(rest, content[20:]))
        assert done.startswith("HTTP/1.1 204 "), "who comes back goes on, though the old connection is open"
        stale.sendall(content[40:])
        assert answer(stale).startswith("HTTP/1.1 409 ")
    assert len(project.find()) == 1
