"""What was just tried, so that the page can show it beside the answer. It is in memory only, and soon forgotten."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

from PIL import Image

from seehear.errors import InputError
from seehear.media import medium_of
from seehear.projects.picture_views import to_jpeg
from seehear.senses import SENSES
from seehear.serve.uploads import Upload

MOST_BYTES = 64 << 20
LONGEST_SIDE_PX = 1024
SANDBOX = "default-src 'none'; sandbox"  # for untrusted files
SOUND_TYPES = {
    "wav": "audio/wav", "wave": "audio/wav", "flac": "audio/flac", "ogg": "audio/ogg", "oga": "audio/ogg",
    "opus": "audio/ogg", "mp3": "audio/mpeg", "m4a": "audio/mp4", "weba": "audio/webm",
}  # fmt: skip


@dataclass(frozen=True)
class Preview:
    """What a browser can show; or a file as it was sent, with its `name`, which is not shown."""

    content: bytes
    media_type: str
    name: str = ""


class Previews:
    """The newest previews by a key that nobody can guess, MOST_BYTES in all. Safe to use from several threads."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._kept: OrderedDict[str, Preview] = OrderedDict()
        self._lock, self._most_bytes, self._bytes = Lock(), most_bytes, 0

    def keep(self, preview: Preview) -> str:
        """Returns its key."""
        key = secrets.token_urlsafe(12)
        with self._lock:
            self._kept[key] = preview
            self._bytes += len(preview.content)
            while self._bytes > self._most_bytes and len(self._kept) > 1:
                self._bytes -= len(self._kept.popitem(last=False)[1].content)
        return key

    def find(self, key: str) -> Preview | None:
        return self._kept.get(key)


def draw_preview(sense: str, source: Any, answer: Any = None, classes: Sequence[str] = ()) -> Preview:
    """A JPEG of one input: the picture, or the spectrogram of a sound; with the answer drawn on it if it has positions.

    classes   of the project, in their order, which decides the colour of each
    Raises InputError for what cannot be read.
    """
    picture: Image.Image = SENSES[sense].draw(SENSES[sense].read(source))
    if hasattr(answer, "draw_on"):
        picture = answer.draw_on(picture, classes)
    return Preview(to_jpeg(picture, LONGEST_SIDE_PX), "image/jpeg")


def make_previews(inputs: Mapping[str, Upload], answer: Any, classes: Sequence[str] = ()) -> list[Preview]:
    """Of each input, by sense: something to look at, and sound that a browser can play."""
    made = []
    for sense, upload in inputs.items():
        try:
            made.append(draw_preview(sense, upload.source, answer, classes))
        except InputError:  # the answer says why
            continue
        kind = SOUND_TYPES.get(upload.name.rpartition(".")[2].lower())
        if medium_of(upload.name) == "recording" and kind and upload.size <= MOST_BYTES // 4:
            made.append(Preview(upload.read_bytes(), kind))
    return made
