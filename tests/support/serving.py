"""The server in tests: handmade models behind the application, without a socket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import numpy as np
import soundfile
from PIL import Image
from starlette.testclient import TestClient

import scribe
import tiny
from seehear.api import Recogniser
from seehear.serve.app import create_app
from seehear.serve.models import ModelRegistry
from seehear.serve.settings import ServeSettings

ADDRESS = "http://127.0.0.1:8765"


def registry(**models: tuple[str, ...]) -> ModelRegistry:
    """Served models by name, each with these senses; `bright` unless any are given. `notes` writes "a b"."""
    served = ModelRegistry()
    for name, senses in (models or {"bright": ("image",)}).items():
        served.promote_loaded(
            name, f"{name}.seehear", Recogniser(scribe.bundle() if name == "notes" else tiny.bundle(*senses))
        )
    return served


@contextmanager
def client(models: ModelRegistry | None = None, **settings: Any) -> Iterator[TestClient]:
    """A client of a server that has started."""
    app = create_app(ServeSettings(**settings), models or registry())
    with TestClient(app, base_url=ADDRESS, raise_server_exceptions=False) as opened:
        yield opened


def picture_file(brightness: float = 0.9, size: tuple[int, int] = (8, 8)) -> bytes:
    """A PNG of one grey."""
    file = BytesIO()
    Image.fromarray(tiny.picture(brightness, size)[:, :, 0]).save(file, "PNG")
    return file.getvalue()


def sound_file(loudness: float = 0.9, seconds: float = 0.5) -> bytes:
    """A WAV of constant loudness."""
    file = BytesIO()
    soundfile.write(file, np.full(round(16_000 * seconds), loudness, np.float32), 16_000, format="WAV")
    return file.getvalue()


def burst_file(*starts_s: float, seconds: float) -> bytes:
    """A WAV with half a second of loud sound at these times, and silence otherwise."""
    samples = np.zeros(round(16_000 * seconds), np.float32)
    for start_s in starts_s:
        samples[round(16_000 * start_s) : round(16_000 * (start_s + 0.5))] = 0.9
    file = BytesIO()
    soundfile.write(file, samples, 16_000, format="WAV")
    return file.getvalue()
