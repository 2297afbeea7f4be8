"""Fetch the JavaScript that the pages use from the npm registry, and put it into the source tree.

    python scripts/vendor.py          # needs npm; run it after changing a version here

The registry's integrity value of each package is pinned below, so the same version always gives the same files. Beside
them goes manifest.json with their SHA-256, licences and sources; the page /licences is made from it, and a test checks
the hashes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "src/seehear/serve/pages/static/vendor"
TESTS = ROOT / "tests/support/vendor"


@dataclass(frozen=True)
class Package:
    """One npm package, and which of its files are wanted under which names.

    integrity   the registry's sha512 of the whole package
    folder      where its files go
    """

    name: str
    version: str
    licence: str
    source: str
    integrity: str
    folder: Path
    files: Mapping[str, str]


PACKAGES = (
    Package(
        "htmx.org",
        "2.0.11",
        "0BSD",
        "https://github.com/bigskysoftware/htmx",
        "sha512-Thx/WtpeOQqSrqBCw/A1cwGJGg4UrVa3+sW0GmrM3p4gJgO89ecH4qtbnyzDDWFvBTqjnIMCgELTNt636dtamA==",
        PAGES,
        {"dist/htmx.min.js": "htmx.min.js", "LICENSE": "htmx.LICENSE.txt"},
    ),
    Package(
        "swagger-ui-dist",
        "5.35.0",
        "Apache-2.0",
        "https://github.com/swagger-api/swagger-ui",
        "sha512-U06rpMtW9V3XPGOBeamTUSr0Z09jMX4IJuANpE/EZbAhw0G8CgwrzU4YmXkn/h0wCDNsXdGarTNNHC3sU8yVUQ==",
        PAGES,
        {
            "swagger-ui-bundle.js": "swagger-ui-bundle.js",
            "swagger-ui.css": "swagger-ui.css",
            "LICENSE": "swagger-ui.LICENSE.txt",
            "NOTICE": "swagger-ui.NOTICE.txt",
            "swagger-ui-bundle.js.LICENSE.txt": "swagger-ui-bundle.LICENSE.txt",
        },
    ),
    Package(
        "axe-core",
        "4.14.1",
        "MPL-2.0",
        "https://github.com/dequelabs/axe-core",
        "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
        TESTS,
        {"axe.min.js": "axe.min.js", "LICENSE": "axe.LICENSE.txt"},
    ),
)


def main() -> None:
    for folder in {each.folder for each in PACKAGES}:
        folder.mkdir(parents=True, exist_ok=True)
        wanted = [each for each in PACKAGES if each.folder == folder]
        manifest = [fetch(package) for package in wanted]
        text = json.dumps(manifest, indent=2) + "\n"
        (folder / "manifest.json").write_text(text, encoding="utf-8")
        print(f"{folder.relative_to(ROOT)}: {', '.join(f'{each.name} {each.version}' for each in wanted)}")


def fetch(package: Package) -> dict[str, object]:
    """Write the package's files; returns its entry in the manifest. Exits if its integrity is not the pinned one."""
    with TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", "--pack-destination", folder, f"{package.name}@{package.version}"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        (archive,) = Path(folder).glob("*.tgz")
        content = archive.read_bytes()
        found = "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()
        if found != package.integrity:
            sys.exit(f"{package.name} {package.version}: integrity is {found}, not {package.integrity}")
        hashes = {}
        with tarfile.open(archive) as packed:
            for name, target in package.files.items():
                member = packed.extractfile(f"package/{name}")
                if member is None:
                    sys.exit(f"{package.name} {package.version}: no file {name}")
                file = member.read()
                (package.folder / target).write_bytes(file)
                hashes[target] = hashlib.sha256(file).hexdigest()
    return {
        "name": package.name,
        "version": package.version,
        "licence": package.licence,
        "source": package.source,
        "files": hashes,
    }


if __name__ == "__main__":
    main()
