"""Compare with PocketSphinx, an English recogniser trained on a thousand hours of other speech.

If sentences follow a pattern, it runs twice: without a grammar, and with a grammar for that pattern.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import soundfile

from benchmarks.data import WORDS
from benchmarks.spoken import Spoken
from seehear.senses.hearing.plan import RATE_HZ

PACKAGE = "pocketsphinx==5.1.1"
LETTERS = "a b c d e f g h i j k l m n o p q r s t u v x y z"
DIGITS = f"<digit> = {' | '.join(WORDS)};"

GRAMMARS = {
    "strings": f"#JSGF V1.0;\ngrammar strings;\n{DIGITS}\npublic <said> = <digit>+;\n",
    "grid": f"""#JSGF V1.0;
grammar grid;
{DIGITS}
<letter> = {LETTERS.replace(" ", " | ")};
public <said> = (bin | lay | place | set) (blue | green | red | white) (at | by | in | with) <letter> <digit>
  (again | now | please | soon);
""",
}


class Heard(NamedTuple):
    texts: list[str]
    seconds: float


def sphinx(python: Path, recordings: Sequence[Spoken], grammar: str | None = None) -> Heard:
    """Its text for each recording, and the seconds it took on one core."""
    with tempfile.TemporaryDirectory(prefix="sphinx-") as temporary:
        folder = Path(temporary)
        for number, spoken in enumerate(recordings):
            soundfile.write(folder / f"{number:06d}.wav", spoken.samples, RATE_HZ, subtype="PCM_16")
        guided = [str(folder / "said.jsgf")] if grammar else []
        if grammar:
            (folder / "said.jsgf").write_text(grammar, encoding="ascii")
        script = Path(__file__).with_name("sphinx_listens.py")
        done = subprocess.run([python, script, folder, *guided], stdout=subprocess.PIPE, text=True, check=True)
    return Heard(**json.loads(done.stdout.splitlines()[-1]))
