"""The model file, M.seehear: one strict zip with a manifest of SHA-256 sums. Reading one runs nothing."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from seehear.answers import ANSWERS
from seehear.errors import BundleError, SeehearError
from seehear.files import write_atomically
from seehear.recipe import FORMAT, UPGRADE, Recipe, newer
from seehear.runtime.archive import pack, unpack
from seehear.runtime.graph_safety import check_graph
from seehear.runtime.weights import check_weights

MANIFEST = "manifest.json"
MODEL = "model.onnx"
MOST_BYTES = 2 << 30  # onnx itself ends at 2 GB, and so do zip's plain headers at 4
LIMITS = {  # in the order of the file: small members first, so that what is wrong with them is found first
    MANIFEST: 1 << 16,
    "recipe.json": 16 << 20,
    "card.md": 1 << 20,
    "weights.safetensors": MOST_BYTES,
    MODEL: MOST_BYTES,
}
DECODER = "decoder.onnx"  # behind all others, in the files of those recognisers that have one
CONTROLS = {code: "\N{REPLACEMENT CHARACTER}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}
FORMAT_WITHIN = LIMITS[MANIFEST] + (1 << 10)  # bytes
FORMAT_PLACE = re.compile(rb'PK\x03\x04.{26}recipe\.json\{\s{0,9}"format":\s{0,9}([0-9]{1,6})\s{0,9}[,}]', re.DOTALL)
HINT = "make the file again with `seehear train`, or ask for a fresh copy"


@dataclass(frozen=True)
class Bundle:
    """A recogniser as it lies in its file: model is ONNX, weights the same network's as safetensors, card Markdown.

    decoder is a second graph, asked while an answer is made, for the kinds of answer that do so.
    """

    recipe: Recipe
    model: bytes
    weights: bytes
    card: str
    decoder: bytes | None = None


def write_bundle(path: Path, bundle: Bundle) -> None:
    """Write the file whole; the same bundle gives the same bytes. Raises BundleError for what would not be read."""
    members = {
        "recipe.json": bundle.recipe.to_json().encode(),
        "card.md": bundle.card.translate(CONTROLS).encode(),
        "weights.safetensors": bundle.weights,
        MODEL: bundle.model,
        **({} if bundle.decoder is None else {DECODER: bundle.decoder}),
    }
    try:
        for name, content in members.items():
            if len(content) > (most := LIMITS.get(name, MOST_BYTES)):
                raise BundleError(f"{name} is {len(content):,} bytes long", allowed=f"at most {most:,}")
        _bundle(members)
    except BundleError as error:
        raise error.at(str(path)) from None
    write_atomically(path, pack({MANIFEST: _manifest(members), **members}))


def read_bundle(path: Path) -> Bundle:
    """Raises BundleError, with the reason, for whatever write_bundle could not have written."""
    try:
        members = unpack(path, {**LIMITS, DECODER: MOST_BYTES}, MOST_BYTES, optional=DECODER)
        _check_manifest(members.pop(MANIFEST), members)
        return _bundle(members)
    except BundleError as error:
        if (number := _format(path)) > FORMAT:
            raise BundleError(newer(number), where=str(path), hint=UPGRADE) from None
        refused = BundleError(error.what, where=str(path), allowed=error.allowed, hint=error.hint or HINT)
        raise refused from None


def _format(path: Path) -> int:
    """What a file that was refused says to be the format of, in its first bytes; 0 where it says nothing of it.

    A format yet to come may have other members, manifests and operators, but its recipe is the second member and begins
    with its format, as docs/reference/model-file.md promises.
    """
    if not path.is_file():  # opening a pipe would wait for whoever writes to it
        return 0
    try:
        with path.open("rb") as file:
            found = FORMAT_PLACE.search(file.read(FORMAT_WITHIN))
    except OSError:
        return 0
    return int(found[1]) if found else 0


def _bundle(members: Mapping[str, bytes]) -> Bundle:
    for name in members.keys() & {MODEL, DECODER}:
        check_graph(members[name], name)
    check_weights(members["weights.safetensors"])
    recipe = _recipe(members["recipe.json"])
    decoding = ANSWERS[recipe.kind].decoding
    if (DECODER in members) != (decoding is not None and decoding.uses_network(recipe.answer)):
        raise BundleError(f"{DECODER} is {'' if DECODER in members else 'not '}there, otherwise than the recipe says")
    return Bundle(
        recipe=recipe,
        model=members[MODEL],
        weights=members["weights.safetensors"],
        card=_card(members["card.md"]),
        decoder=members.get(DECODER),
    )


def _recipe(text: bytes) -> Recipe:
    try:
        return Recipe.from_json(text)
    except SeehearError as error:
        raise BundleError(f"recipe.json is refused: {error.what}") from None


def _card(text: bytes) -> str:
    try:
        card = text.decode()
    except UnicodeDecodeError as error:
        raise BundleError(f"card.md is refused: it is not UTF-8 ({error.reason})") from None
    if card != card.translate(CONTROLS):
        raise BundleError("card.md is refused: it holds control characters")
    return card


def _manifest(members: Mapping[str, bytes]) -> bytes:
    """A line per member, so that a difference tells which one differs."""
    listed = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in members.items()
    }
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in listed.items())
    return f"{{\n{lines}\n}}\n".encode()


def _check_manifest(found: bytes, members: Mapping[str, bytes]) -> None:
    """The one manifest that these members have, byte by byte: nothing in it needs parsing or trusting."""
    wanted = _manifest(members)
    if found == wanted:
        return
    said = found.splitlines()
    for name, line in zip(members, wanted.splitlines()[1:], strict=False):
        if line not in said:
            raise BundleError(f"the contents of {name} are not those that {MANIFEST} lists")
    raise BundleError(f"{MANIFEST} does not list exactly {', '.join(members)}")
