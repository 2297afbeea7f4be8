"""Recordings that the clients send."""

from __future__ import annotations

import wave
from io import BytesIO


def encode_wave(samples: bytes) -> bytes:
    """A WAV file of 16-bit samples at 16 kHz."""
    file = BytesIO()
    with wave.open(file, "wb") as writing:
        writing.setnchannels(1)
        writing.setsampwidth(2)
        writing.setframerate(16_000)
        writing.writeframes(samples)
    return file.getvalue()


def encode_loud() -> bytes:
    """Half a second that is loud from beginning to end."""
    return encode_wave(8000 * (30_000).to_bytes(2, "little"))
