"""Transcribe with PocketSphinx and its own English model. Runs without seehear.

python sphinx_listens.py FOLDER [GRAMMAR.jsgf]; reads wav files of 16 kHz in the order of their names, and prints
one line of JSON. A grammar (JSGF) restricts it to its sentences; without one, it recognises any of its 130,000 words.
"""

from __future__ import annotations

import json
import sys
import time
import wave
from pathlib import Path

from pocketsphinx import Decoder  # type: ignore[import-untyped, import-not-found, unused-ignore]


def main(folder: str, grammar: str | None = None) -> None:
    guided = {"lm": None, "jsgf": grammar} if grammar else {}
    decoder = Decoder(samprate=16_000, loglevel="FATAL", **guided)
    texts = []
    started_s = time.process_time()
    for path in sorted(Path(folder).glob("*.wav")):
        with wave.open(str(path)) as sound:
            samples = sound.readframes(sound.getnframes())
        decoder.start_utt()
        decoder.process_raw(samples, full_utt=True)
        decoder.end_utt()
        heard = decoder.hyp()
        texts.append(heard.hypstr if heard else "")
    print(json.dumps({"texts": texts, "seconds": time.process_time() - started_s}))


if __name__ == "__main__":
    main(*sys.argv[1:])
