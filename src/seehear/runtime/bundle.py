"""The model file, M.seehear: a strict zip with a manifest of SHA-256 sums. Reading one runs no code from it."""

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
from seehear.runtime.weights import check_tensors

MANIFEST = "manifest.json"
MODEL = "model.onnx"
MAX_BYTES = 2 << 30  # ONNX's own limit; plain zip headers reach 4 GiB
LIMITS = {  # in the order of the file: small members first, so that their faults are found first
    MANIFEST: 1 << 16,
    "recipe.json": 16 << 20,
    "card.md": 1 << 20,
    "weights.safetensors": MAX_BYTES,
    MODEL: MAX_BYTES,
}
DECODER = "decoder.onnx"  # the last member, in files of recognisers with a decoder network
FEATURES = "features.safetensors"  # the last member, if classes can be added to the recogniser
OPTIONAL = {DECODER: MAX_BYTES, FEATURES: 64 << 20}  # no file has both
CONTROL_CHARACTERS = {
    code: "\N{REPLACEMENT CHARACTER}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"
}
FORMAT_SEARCH_BYTES = LIMITS[MANIFEST] + (1 << 10)  # bytes
FORMAT_PATTERN = re.compile(rb'PK\x03\x04.{26}recipe\.json\{\s{0,9}"format":\s{0,9}([0-9]{1,6})\s{0,9}[,}]', re.DOTALL)
HINT = "make the file again with `seehear train`, or ask for a fresh copy"


@dataclass(frozen=True)
class Bundle:
    """The contents of a model file.

    model     the network as an ONNX graph
    weights   its weights as safetensors, to train it further
    card      the model card, in Markdown
    decoder   a second ONNX graph that decodes answers, for kinds of answer that need one
    features  the last layer's inputs for some examples, as safetensors, for adding classes
    """

    recipe: Recipe
    model: bytes
    weights: bytes
    card: str
    decoder: bytes | None = None
    features: bytes | None = None

    @property
    def size_bytes(self) -> int:
        """The size of the networks and the weights, which are nearly all of the file."""
        return sum(len(content or b"") for content in (self.model, self.weights, self.decoder, self.features))


def write_bundle(path: Path, bundle: Bundle) -> None:
    """Write the file atomically. The same bundle gives the same bytes. Raises BundleError for an unreadable one."""
    members = _to_members(bundle)
    try:
        for name, content in members.items():
            if len(content) > (most := {**LIMITS, **OPTIONAL}[name]):
                raise BundleError(f"{name} is {len(content):,} bytes long", allowed=f"at most {most:,}")
        _check_members(members)
    except BundleError as error:
        raise error.at(str(path)) from None
    write_atomically(path, pack({MANIFEST: _make_manifest(members), **members}))


def hash_bundle(bundle: Bundle) -> str:
    """The SHA-256 of the file that `write_bundle` writes."""
    members, digest = _to_members(bundle), hashlib.sha256()
    for chunk in pack({MANIFEST: _make_manifest(members), **members}):
        digest.update(chunk)
    return digest.hexdigest()


def read_bundle(path: Path) -> Bundle:
    """Raises BundleError, with the reason, for a file that write_bundle could not have written."""
    try:
        members = unpack(path, LIMITS, MAX_BYTES, optional=OPTIONAL)
        _check_manifest(members.pop(MANIFEST), members)
        return _check_members(members)
    except BundleError as error:
        if (number := _read_format(path)) > FORMAT:
            raise BundleError(newer(number), where=str(path), hint=UPGRADE) from None
        refused = BundleError(error.what, where=str(path), allowed=error.allowed, hint=error.hint or HINT)
        raise refused from None


def _to_members(bundle: Bundle) -> dict[str, bytes]:
    return {
        "recipe.json": bundle.recipe.to_json().encode(),
        "card.md": bundle.card.translate(CONTROL_CHARACTERS).encode(),
        "weights.safetensors": bundle.weights,
        MODEL: bundle.model,
        **({} if bundle.decoder is None else {DECODER: bundle.decoder}),
        **({} if bundle.features is None else {FEATURES: bundle.features}),
    }


def _read_format(path: Path) -> int:
    """The format number in the first bytes of a file that was refused; 0 if there is none.

    A future format may have other members, manifests and operators, but its second member is the recipe, which begins
    with the format number, as docs/reference/model-file.md promises.
    """
    if not path.is_file():  # opening a pipe would wait for its writer
        return 0
    try:
        with path.open("rb") as file:
            found = FORMAT_PATTERN.search(file.read(FORMAT_SEARCH_BYTES))
    except OSError:
        return 0
    return int(found[1]) if found else 0


def _check_members(members: Mapping[str, bytes]) -> Bundle:
    for name in members.keys() & {MODEL, DECODER}:
        check_graph(members[name], name)
    for name in members.keys() & {"weights.safetensors", FEATURES}:
        check_tensors(members[name], name)
    recipe = _read_recipe(members["recipe.json"])
    decoding, extension = ANSWERS[recipe.kind].decoding, ANSWERS[recipe.kind].extension
    if FEATURES in members and (extension is None or not extension.supports(recipe.answer)):
        raise BundleError(f"{FEATURES} is there, contrary to the recipe")
    if (DECODER in members) != (decoding is not None and decoding.uses_network(recipe.answer)):
        raise BundleError(f"{DECODER} is {'' if DECODER in members else 'not '}there, contrary to the recipe")
    return Bundle(
        recipe=recipe,
        model=members[MODEL],
        weights=members["weights.safetensors"],
        card=_read_card(members["card.md"]),
        decoder=members.get(DECODER),
        features=members.get(FEATURES),
    )


def _read_recipe(text: bytes) -> Recipe:
    try:
        return Recipe.from_json(text)
    except SeehearError as error:
        raise BundleError(f"recipe.json is refused: {error.what}") from None


def _read_card(text: bytes) -> str:
    try:
        card = text.decode()
    except UnicodeDecodeError as error:
        raise BundleError(f"card.md is refused: it is not UTF-8 ({error.reason})") from None
    if card != card.translate(CONTROL_CHARACTERS):
        raise BundleError("card.md is refused: it contains control characters")
    return card


def _make_manifest(members: Mapping[str, bytes]) -> bytes:
    """One line per member, so that a difference shows which member differs."""
    listed = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in members.items()
    }
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in listed.items())
    return f"{{\n{lines}\n}}\n".encode()


def _check_manifest(found: bytes, members: Mapping[str, bytes]) -> None:
    """Compare with the manifest of these members, byte by byte, so that it need not be parsed or trusted."""
    wanted = _make_manifest(members)
    if found == wanted:
        return
    said = found.splitlines()
    for name, line in zip(members, wanted.splitlines()[1:], strict=False):
        if line not in said:
            raise BundleError(f"the contents of {name} are not those that {MANIFEST} lists")
    raise BundleError(f"{MANIFEST} does not list exactly {', '.join(members)}")
