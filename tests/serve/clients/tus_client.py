"""Uploads to a project with `tuspy`, in pieces, from the address of a running server. Prints "done" at the end."""

from __future__ import annotations

import sys
from io import BytesIO

import numpy as np
import requests
from PIL import Image
from tusclient.client import TusClient

UPLOADS = f"{sys.argv[1]}/p/boards/uploads"


def picture(seed: int) -> BytesIO:
    """Noise, so that it is larger than a few pieces."""
    file = BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (64, 64), dtype=np.uint8)).save(file, "PNG")
    return file


client = TusClient(UPLOADS)
whole = client.uploader(file_stream=picture(0), chunk_size=1000, metadata={"filename": "one.png"}, upload_checksum=True)
whole.upload()
told = requests.get(whole.url, timeout=60).json()
assert (told["added"], told["known"], told["problems"]) == (1, 0, []), told

first = client.uploader(file_stream=picture(1), chunk_size=1000, metadata={"filename": "two.png"})
first.upload_chunk()
resumed = client.uploader(file_stream=picture(1), chunk_size=1000, url=first.url)
assert resumed.get_offset() == 1000
resumed.upload()
assert requests.get(first.url, timeout=60).json()["added"] == 1

again = client.uploader(file_stream=picture(1), metadata={"filename": "three.png"})
again.upload()
assert requests.get(again.url, timeout=60).json()["known"] == 1
print("done")
