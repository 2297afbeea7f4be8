"""A file that hangs, crashes or exhausts memory affects only its own answer."""

from __future__ import annotations

import io
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import malformed_corpus
import tiny
from malformed_corpus import SEEDS, dicom, seed
from present import present
from seehear.errors import InputError
from seehear.media import Excerpt
from seehear.runtime.batching import read_ahead
from seehear.runtime.predictor import Predictor
from seehear.senses import SENSES, video
from seehear.senses import decoder_messages as messages
from seehear.senses import isolated_decoding as isolated
from seehear.senses.decoder_process import DecoderProcess, WorkerDiedError
from seehear.senses.sight import SIGHT
from seehear.senses.sight.read import decode
from subprocesses import source_environment


def slow_picture(pixels: int = 30_000_000) -> bytes:
    """A plain ppm, which takes the Python decoder some seconds."""
    return f"P2 4000 {pixels // 4000} 255\n".encode() + b"1 " * pixels


def large_tiff() -> bytes:
    file = io.BytesIO()
    Image.new("F", (6000, 6000)).save(file, "TIFF", compression="tiff_adobe_deflate")
    return file.getvalue()


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[isolated._DecoderPool]:
    """A pool without workers, separate from other tests."""
    processes = isolated._DecoderPool()
    monkeypatch.setattr(isolated, "_POOL", processes)
    yield processes
    processes.close()


def refusal(read: Callable[[], Any]) -> str:
    with pytest.raises(InputError) as caught:
        read()
    return str(caught.value)


def busy(processes: isolated._DecoderPool) -> DecoderProcess:
    """The worker that is decoding."""
    end_s = time.monotonic() + 60
    while not processes._busy and time.monotonic() < end_s:
        time.sleep(0.001)
    process = next(iter(processes._busy))
    while process.ready and time.monotonic() < end_s:
        time.sleep(0.001)
    return process


@pytest.mark.parametrize("name", [name for name, (senses, _) in SEEDS.items() if senses == ("image",)])
def test_a_worker_decodes_the_same_pixels(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(seed(name))
    with path.open("rb") as file:
        here = decode(file)
    with path.open("rb") as file:
        np.testing.assert_array_equal(isolated.decode_isolated("picture", file, path), here)
    np.testing.assert_array_equal(SIGHT.read(path), here)
    np.testing.assert_array_equal(SIGHT.read(seed(name)), here)


def test_slow_files_fail_alone(fresh: isolated._DecoderPool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(isolated.LIMITS_S, "picture", 1)
    for name, data in (("a.tiff", seed("lzw.tiff")), ("b.ppm", slow_picture()), ("c.tiff", seed("lzw.tiff"))):
        (tmp_path / name).write_bytes(data)
    model = Predictor(tiny.bundle())
    said = list(model.predict([tmp_path / name for name in ("a.tiff", "b.ppm", "c.tiff")]))
    assert [bool(each.error) for each in said] == [False, True, False]
    assert (
        said[1].error
        == f"{tmp_path / 'b.ppm'}: decoding it takes too long. Allowed: up to 1 s. Next: copy or export it again."
    )


def test_hanging_decoders_time_out(fresh: isolated._DecoderPool, monkeypatch: pytest.MonkeyPatch) -> None:
    SIGHT.read(seed("lzw.tiff"))
    (idle,) = fresh._idle
    monkeypatch.setitem(isolated.LIMITS_S, "picture", 1)
    monkeypatch.setattr("seehear.senses.decoder_process.PATIENCE", 0.3)
    os.kill(idle._child.pid, signal.SIGSTOP)
    assert "decoding it takes too long. Allowed: up to 1 s" in refusal(lambda: SIGHT.read(seed("lzw.tiff")))
    assert idle._child.poll() is not None and not fresh._busy and not fresh._idle


def test_memory_is_limited(fresh: isolated._DecoderPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated, "MOST_MEMORY_BYTES", 1 << 26)
    assert "decoding it takes too much memory. Allowed: up to 0.0625 GiB" in refusal(lambda: SIGHT.read(large_tiff()))
    assert SIGHT.read(seed("lzw.tiff")).shape == (48, 64, 3), "the process goes on to the next"
    assert len(fresh._idle) == 1


@pytest.mark.parametrize("tags", [{}, {"WindowCenter": 500, "WindowWidth": 900}, {"RescaleSlope": 2.5}], ids=str)
def test_memory_of_a_large_dicom(
    tags: dict[str, Any], fresh: isolated._DecoderPool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(isolated, "MOST_MEMORY_BYTES", 1 << 28)  # of 16 million pixels; in float64 three such arrays
    values = (np.arange(4000 * 4000, dtype=np.uint32) % 4096).astype(np.uint16)
    path = tmp_path / "a.dcm"
    path.write_bytes(dicom(Rows=4000, Columns=4000, PixelData=values.tobytes(), **tags))
    assert SIGHT.read(path).shape == (4000, 4000, 1)


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL])
def test_a_crash_fails_one_input(fresh: isolated._DecoderPool, number: signal.Signals, tmp_path: Path) -> None:
    (tmp_path / "a.ppm").write_bytes(slow_picture())
    words: list[str] = []
    reading = threading.Thread(target=lambda: words.append(refusal(lambda: SIGHT.read(tmp_path / "a.ppm"))))
    reading.start()
    time.sleep(0.01)
    os.kill(busy(fresh)._child.pid, number)
    reading.join()
    assert f"a.ppm: damaged: its decoder failed ({number.name})" in words[0]
    assert SIGHT.read(seed("lzw.tiff")).shape == (48, 64, 3)


def test_a_worker_that_died_while_idle_is_replaced(fresh: isolated._DecoderPool) -> None:
    SIGHT.read(seed("lzw.tiff"))
    (idle,) = fresh._idle
    idle._child.kill()
    idle._child.wait()
    assert SIGHT.read(seed("lzw.tiff")).shape == (48, 64, 3)
    assert fresh._idle != [idle]


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """SIGINT raises KeyboardInterrupt, also in tests that a shell runs in the background, where it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_kill_busy_frees_waiting_threads(fresh: isolated._DecoderPool) -> None:
    def interrupt() -> None:
        busy(fresh)
        signal.pthread_kill(present(threading.main_thread().ident), signal.SIGINT)

    data = slow_picture(40_000_000)
    begun_s = time.monotonic()
    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        list(read_ahead(lambda data: SIGHT.read(data), [data] * 3, threads=2))
    assert time.monotonic() - begun_s < 20, "each of them takes longer"
    assert not fresh._busy


def test_closing_a_video_early_kills_its_worker(fresh: isolated._DecoderPool) -> None:
    shown = video.read_frames(seed("mp4"), 1_000_000)
    next(shown)
    process = busy(fresh)
    assert isinstance(shown, Generator)
    shown.close()
    assert process._child.poll() is not None and not fresh._busy
    assert len(list(video.read_frames(seed("mp4"), 1_000_000))) == 25
    assert len(fresh._idle) == 1


def test_an_input_names_a_worker_that_cannot_start(
    fresh: isolated._DecoderPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/no/python")
    assert "cannot start a process to decode it ([Errno 2]" in refusal(lambda: SIGHT.read(seed("lzw.tiff")))
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert "cannot start a process to decode it (exit code" in refusal(lambda: SIGHT.read(seed("lzw.tiff")))


def test_excerpts_and_unusual_names_reach_the_worker(tmp_path: Path) -> None:
    path = Path(os.fsdecode(bytes(tmp_path) + b"/\xff\n\xe2\x82\xac.mp4"))
    path.write_bytes(seed("mp4") + bytes(1 << 20))  # too large to be sent
    whole = SENSES["audio"].read(path)
    stretch = SENSES["audio"].read(Excerpt(path, 0.25, 0.5))
    np.testing.assert_allclose(stretch, whole[4000:8000], atol=0.02)
    assert refusal(lambda: SENSES["audio"].read(Excerpt(path, 5, 6))).startswith(f"{path} [5.00 s to 6.00 s]: ")


def test_relative_paths_follow_the_current_folder(
    fresh: isolated._DecoderPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    SIGHT.read(seed("lzw.tiff"))
    monkeypatch.chdir(tmp_path)
    Path("a.dcm").write_bytes(seed("dcm") + bytes(1 << 20))
    assert SIGHT.read("a.dcm").shape == (48, 64, 1)


def test_workers_import_nothing_from_the_current_folder(
    fresh: isolated._DecoderPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("json", "struct", "numpy", "site", "sitecustomize"):
        Path(f"{name}.py").write_text("raise SystemExit")
    assert SIGHT.read(seed("lzw.tiff")).shape == (48, 64, 3)


@pytest.fixture(scope="module")
def replaced_worker() -> Iterator[DecoderProcess]:
    """A worker whose own messages are replaced by others."""
    process = DecoderProcess()
    yield process
    process.end()


@pytest.mark.parametrize(
    "message",
    [
        messages.encode_header({"at_s": 0.0, "shape": [1 << 40], "dtype": "u1"}, 5),
        messages.encode_header({"at_s": 0.0, "shape": [5], "dtype": "O"}, 5),
        messages.encode_header({"at_s": 0.0, "shape": [-1], "dtype": "u1"}, 5),
        messages.encode_header({"at_s": 0.0, "shape": [4], "dtype": "u1"}, 5),
        messages.encode_header({"at_s": 0.0, "shape": "no", "dtype": "u1"}, 5),
        messages.encode_header({"at_s": 0.0}, 5),
        struct.pack("<IQ", 1 << 30, 0),
        struct.pack("<IQ", 3, 0) + b"[1]",
        struct.pack("<IQ", 3, 0) + b"\xff\xfe\xfd",
    ],
)
def test_invalid_messages_are_rejected(replaced_worker: DecoderProcess, message: bytes) -> None:
    there, here = os.pipe()
    os.write(here, message + b"12345")
    os.close(here)
    os.dup2(there, replaced_worker._pipes[1])
    os.close(there)
    with pytest.raises(WorkerDiedError):
        replaced_worker.next_item(1)


def test_a_fork_starts_its_own_workers(fresh: isolated._DecoderPool) -> None:
    """In a process of its own, because forking with threads is not safe."""
    script = """
import os, sys
sys.path.insert(0, sys.argv[1])
from malformed_corpus import seed
from seehear.senses.sight import SIGHT
data = seed("lzw.tiff")
SIGHT.read(data)
if child := os.fork():
    assert os.waitpid(child, 0)[1] == 0
assert SIGHT.read(data).shape == (48, 64, 3)
"""
    environment = source_environment()
    here = str(Path(malformed_corpus.__file__).parent)
    subprocess.run([sys.executable, "-c", script, here], env=environment, check=True, timeout=60)
