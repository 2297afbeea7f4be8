"""One entry of an audit log: a line of JSON, sealed with a hash of itself and chained to the entry before.

The line is {"number":…,"previous":…,"at":…,"event":…,<facts by name>,"hash":…}, in ASCII without spaces. `hash` is the
SHA-256 of the line without `,"hash":"…"`, and `previous` is the `hash` of the entry before. Anybody can recompute
both, with or without a JSON parser.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

START = "0" * 64  # the `previous` of the first entry
MOST_LINE_BYTES = 1 << 20
BEGINNING = b'{"number":'
TORN = "torn"  # the event of an entry that describes the bytes before it, which a crash left
_HASH_MEMBER = ',"hash":"'
_TAIL_BYTES = len(_HASH_MEMBER) + 64 + len('"}')


class Head(NamedTuple):
    """The last entry of a log; number 0 and START before the first."""

    number: int
    hash: str


NOTHING = Head(0, START)


class Entry(NamedTuple):
    """An entry as it was read. `hash` is that of its content."""

    number: int
    previous: str
    at: str
    event: str
    facts: Mapping[str, Any]
    hash: str


def to_canonical_json(value: Any) -> str:
    """The same text for the same value: sorted keys, no spaces, ASCII. Raises ValueError for numbers such as NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def sha256_of_json(value: Any) -> str:
    """The SHA-256 of the canonical JSON of a value."""
    return hashlib.sha256(to_canonical_json(value).encode()).hexdigest()


def seal(head: Head, at: str, event: str, facts: Mapping[str, Any]) -> tuple[bytes, Head]:
    """The line of the entry after `head`, with its line end, and the new head."""
    first = json.dumps(
        {"number": head.number + 1, "previous": head.hash, "at": at, "event": event}, separators=(",", ":")
    )
    rest = to_canonical_json(facts)
    content = first if not facts else f"{first[:-1]},{rest[1:]}"
    digest = hashlib.sha256(content.encode()).hexdigest()
    line = f'{content[:-1]}{_HASH_MEMBER}{digest}"}}\n'.encode()
    if len(line) > MOST_LINE_BYTES:
        raise ValueError(f"an entry of {len(line):,} bytes; at most {MOST_LINE_BYTES:,} are allowed")
    return line, Head(head.number + 1, digest)


def is_torn(rest: bytes) -> bool:
    """Whether bytes after an entry are what a crash leaves: the start of a line, with zeros if the power was cut; or
    several, if the line that should describe it was cut off, too.

    A whole line that was changed is not: it still has its seal.
    """
    lines = rest.split(b"\n")
    begun = bool(lines[-1]) and all(map(_begins_entry, lines))
    return begun and len(rest) <= MOST_LINE_BYTES and not any(map(_has_seal, lines))


def _begins_entry(line: bytes) -> bool:
    written = line.rstrip(b"\0")
    return written.startswith(BEGINNING) or BEGINNING.startswith(written)


def _has_seal(line: bytes) -> bool:
    return line[-_TAIL_BYTES:].startswith(_HASH_MEMBER.encode()) and line.endswith(b'"}')


def unseal(line: bytes) -> Entry:
    """The entry in a line without its line end. Raises ValueError, with the reason, for one that is not as written."""
    if not line.startswith(BEGINNING) or not _has_seal(line):
        raise ValueError("it is not an entry")
    content = line[:-_TAIL_BYTES] + b"}"
    digest = hashlib.sha256(content).hexdigest()
    if line[len(_HASH_MEMBER) - _TAIL_BYTES : -2] != digest.encode():
        raise ValueError("it was changed after it was written: its content does not have its hash")
    try:
        facts = json.loads(content)
        first = {name: facts.pop(name) for name in ("number", "previous", "at", "event")}
        return Entry(int(first["number"]), first["previous"], first["at"], first["event"], facts, digest)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError("it is not an entry") from None
