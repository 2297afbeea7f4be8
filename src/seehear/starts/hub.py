"""Downloads files from the Hugging Face hub, at one commit, with its own client, if the user names the repository."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from seehear.errors import SeehearError, UsageError

ALLOWED = "hf:OWNER/NAME@COMMIT, such as hf:openai/whisper-base@e37978b90ca9030d5170a5c07aadb050351a65bb"
_SOURCE = re.compile(r"hf:(?P<name>[\w.-]+/[\w.-]+)@(?P<revision>[0-9a-f]{40})")


def is_hub(source: str) -> bool:
    return source.startswith("hf:")


def download(source: str, weights: Iterable[str], others: Iterable[str]) -> Path:
    """Download the first of `weights` that the repository has, and those of `others`. Returns the folder.

    Raises UsageError for a source without a commit, SeehearError if the client is missing or cannot get the files.
    """
    match = _SOURCE.fullmatch(source)
    if match is None:
        what = "a repository on the hub needs a commit, so that its files cannot change"
        raise UsageError(what, where=source, allowed=ALLOWED)
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # before the import, which reads it
    try:
        import huggingface_hub
    except ModuleNotFoundError:
        raise SeehearError(
            "downloading from the hub needs its client", where=source, hint="pip install 'seehear[hub]'"
        ) from None
    place = {"repo_id": match["name"], "revision": match["revision"]}
    try:
        there = huggingface_hub.list_repo_files(**place)
        wanted = [name for name in weights if name in there][:1] + [name for name in others if name in there]
        paths = [Path(huggingface_hub.hf_hub_download(filename=name, **place)) for name in wanted]
    except Exception as error:  # anything that its HTTP client raises
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise SeehearError(f"cannot be downloaded: {reason}", where=source, hint="check the name and network") from None
    if not paths:
        raise SeehearError("the repository has no weights", where=source, allowed=", ".join(weights))
    return paths[0].parent
