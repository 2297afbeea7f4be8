"""Opens the files that tasks name, if they may be opened: any client can send a task, naming any file or address. See
docs/decisions/061-label-studio.md.

    data:image/png;base64,…             the file itself
    /data/local-files/?d=birds/1.jpg    below the folder of --label-studio-files; birds/1.jpg means the same
    /data/upload/1/1.jpg, http://…      from the Label Studio of --label-studio
    s3://…, gs://…, azure-blob://…      by way of it
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path, PurePosixPath
from tempfile import SpooledTemporaryFile
from typing import IO
from urllib.parse import SplitResult, parse_qs, unquote, urlencode, urlsplit

from seehear.errors import InputError
from seehear.serve.label_studio.host import LabelStudioHost
from seehear.serve.settings import ServeSettings
from seehear.serve.uploads import IN_MEMORY_BYTES, UNNAMED, Upload, keep_file

LOCAL_FILES = "/data/local-files/"
CLOUDS = ("s3", "gs", "azure-blob")
SHOWN = 100  # characters of what a task says, in an error


def open_task_files(settings: ServeSettings) -> TaskFiles:
    """Raises UsageError for an invalid address."""
    host = LabelStudioHost(settings.label_studio, settings.label_studio_token) if settings.label_studio else None
    return TaskFiles(settings.label_studio_files, host, settings.max_upload_bytes)


class TaskFiles:
    """What may be opened.

    folder      with files that tasks may name; None for none
    host        Label Studio, if files may be fetched from it
    """

    def __init__(self, folder: Path | None, host: LabelStudioHost | None, most_bytes: int) -> None:
        self._folder = None if folder is None else folder.resolve()
        self._host, self._most_bytes = host, most_bytes

    def open(self, given: object, task: object, on_disk: list[Path]) -> Upload:
        """A file.

        given     what the task says
        task      its number
        on_disk   gets the files that the caller is to delete
        Raises InputError for a file that may not be opened, or cannot be.
        """
        if not isinstance(given, str) or not given:
            raise InputError("it names no file", where=f"task {task}")
        if given.startswith("data:"):
            with SpooledTemporaryFile(max_size=IN_MEMORY_BYTES) as file:
                size = file.write(self._decode(given, task))
                return keep_file(file, UNNAMED, size, on_disk)
        try:
            address = urlsplit(given)
        except ValueError:
            raise InputError("it is not an address", where=given[:SHOWN]) from None
        local = self._find_local(address)
        if local is not None and self._folder is not None:
            return self._open_local(local, self._folder)
        with SpooledTemporaryFile(max_size=IN_MEMORY_BYTES) as file:
            size = self._fetch(address, given, task, file)
            return keep_file(file, PurePosixPath(unquote(address.path)).name or UNNAMED, size, on_disk)

    def _decode(self, given: str, task: object) -> bytes:
        head, comma, content = given.partition(",")
        if not comma or not head.endswith(";base64"):
            raise InputError("its data are not base64", where=f"task {task}", allowed="data:image/png;base64,…")
        if len(content) * 3 // 4 > self._most_bytes:
            raise InputError(f"larger than {self._most_bytes:,} bytes", where=f"task {task}")
        try:
            return base64.b64decode(content, validate=True)
        except (binascii.Error, ValueError):
            raise InputError("its data are not base64", where=f"task {task}") from None

    def _find_local(self, address: SplitResult) -> str | None:
        """The path below the folder, if that is what an address says."""
        if address.path.endswith(LOCAL_FILES) and (named := parse_qs(address.query).get("d")):
            return named[-1]
        relative = not address.scheme and not address.netloc and not address.path.startswith("/")
        return address.path if relative else None

    def _open_local(self, path: str, folder: Path) -> Upload:
        try:
            found = (folder / path).resolve()
            if found.is_relative_to(folder) and found.is_file():
                return Upload(found.name, found, found.stat().st_size)
        except (OSError, ValueError, RuntimeError):  # a name that no file can have, or a loop of links
            pass
        raise InputError("there is no such file below the folder of --label-studio-files", where=path[:SHOWN])

    def _fetch(self, address: SplitResult, given: str, task: object, into: IO[bytes]) -> int:
        if self._host is None:
            hint = "start it with --label-studio URL, or with --label-studio-files DIR for files by their path"
            raise InputError("this server opens no addresses", where=given[:SHOWN], hint=hint)
        if address.scheme in CLOUDS:
            named = base64.urlsafe_b64encode(given.encode()).decode()
            return self._host.fetch(f"/tasks/{task}/resolve/?{urlencode({'fileuri': named})}", into, self._most_bytes)
        if (address.scheme or address.netloc) and not self._host.serves(address):
            hint = "only the Label Studio of --label-studio is asked for files"
            raise InputError("it is on another host", where=given[:SHOWN], hint=hint)
        target = address.path + (f"?{address.query}" if address.query else "")
        return self._host.fetch(target, into, self._most_bytes)
