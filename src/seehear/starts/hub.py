"""Downloads files from the Hugging Face hub, at one commit, with its own client, if the user names the repository."""

from __future__ import annotations

import fnmatch
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from seehear.errors import SeehearError, UsageError
from seehear.files import write_atomically
from seehear.starts.cache import locate_cache

ALLOWED = "hf:OWNER/NAME@COMMIT, such as hf:openai/whisper-base@e37978b90ca9030d5170a5c07aadb050351a65bb"
_SOURCE = re.compile(r"hf:(?P<name>[\w.-]+/[\w.-]+)@(?P<revision>[0-9a-f]{40})")


def is_hub(source: str) -> bool:
    return source.startswith("hf:")


def download(source: str, weights: Iterable[str], others: Iterable[str]) -> Path:
    """Download the first of `weights` that the repository has, and those of `others`. Returns the folder.

    `weights` are patterns such as *.pth. What an earlier call has downloaded is found without asking the hub, as the
    files of a commit do not change. Raises UsageError for a source without a commit, SeehearError if the client is
    missing or cannot get the files.
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
    index = locate_cache() / "hub" / f"{match['name'].replace('/', '--')}@{match['revision']}.json"
    try:
        wanted = _read_index(index)
        if wanted is None:
            there = huggingface_hub.list_repo_files(**place)
            wanted = _find_weights(there, weights)[:1] + [name for name in others if name in there]
        paths = [_get_file(huggingface_hub, place, name) for name in wanted]
    except Exception as error:  # anything that its HTTP client raises
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise SeehearError(f"cannot be downloaded: {reason}", where=source, hint="check the name and network") from None
    if not paths:
        raise SeehearError("the repository has no weights", where=source, allowed=", ".join(weights))
    with suppress(OSError, SeehearError):  # without a cache folder, the hub is asked again
        index.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(index, json.dumps(wanted).encode())
    return paths[0].parent


def _find_weights(names: Sequence[str], patterns: Iterable[str]) -> list[str]:
    """The files in the repository's own folder that match, those of the first pattern first."""
    own = sorted(name for name in names if "/" not in name)
    return [name for pattern in patterns for name in fnmatch.filter(own, pattern)]


def _get_file(client: Any, place: Mapping[str, str], name: str) -> Path:
    """The file in the client's cache, or else from the hub."""
    found = client.try_to_load_from_cache(filename=name, **place)
    return Path(found if isinstance(found, str) else client.hf_hub_download(filename=name, **place))


def _read_index(index: Path) -> list[str] | None:
    """The names of the files of a commit that were downloaded; None if there are none, or the index is damaged."""
    try:
        names = json.loads(index.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return names if isinstance(names, list) and names and all(isinstance(name, str) for name in names) else None
