"""All benchmarks, or those named, each in a process of its own; then the tables. `make bench NAMES="fsdd speed"`."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from benchmarks import accuracy, guarantees, scenes, starts, transcripts
from benchmarks.data import DATA

RANDOM = ("--start", "none")  # these are compared with other networks with random weights
COMMANDS = (
    {name: ("benchmarks.accuracy", name, *RANDOM) for name in accuracy.TASKS}
    | {name: ("benchmarks.transcripts", name, *RANDOM) for name in transcripts.TASKS}
    | {name: ("benchmarks.scenes", name, *RANDOM) for name in scenes.TASKS}
    | {f"starts-{name}": ("benchmarks.starts", name) for name in starts.TASKS}
    | {f"guarantees-{name}": ("benchmarks.guarantees", name) for name in guarantees.TASKS}
    | {
        "fsdd-speakers": ("benchmarks.speakers", *RANDOM),
        "live": ("benchmarks.live", *RANDOM),
        "grid-noise": ("benchmarks.in_noise", *RANDOM),
        "zero-shot": ("benchmarks.zero_shot",),
        "check-duplicates": ("benchmarks.checking", "duplicates"),
        "check-shortcuts": ("benchmarks.checking", "shortcuts"),
        "check-speed": ("benchmarks.checking", "speed"),
        "label-errors-photos": ("benchmarks.label_errors", "photos"),
        "label-errors-photos-trained": ("benchmarks.label_errors", "photos", "--minutes", "15", "--draws", "1"),
        "label-errors-x-rays": ("benchmarks.label_errors", "x-rays"),
        "label-errors-digits": ("benchmarks.label_errors", "digits"),
        "forecasts-photos": ("benchmarks.forecasts", "photos"),
        "forecasts-x-rays": ("benchmarks.forecasts", "x-rays"),
        "keras": ("benchmarks.keras_cnn",),
        "explaining-planted": ("benchmarks.explaining", "planted"),
        "explaining-cells": ("benchmarks.explaining", "cells"),
        "speed": ("benchmarks.speed",),
        "server": ("benchmarks.server",),
        "server-kills": ("benchmarks.server_kills",),
        "similar-pictures": ("benchmarks.similar", "pictures"),
        "similar-sounds": ("benchmarks.similar", "sounds"),
        "groups": ("benchmarks.groups",),
        "audit-log": ("benchmarks.audit_log",),
        "drift-simulated": ("benchmarks.drift", "simulated"),
        "drift-cifar10": ("benchmarks.drift", "cifar10"),
        "ray-kills": ("benchmarks.on_ray", "kills"),
        "ray-files": ("benchmarks.on_ray", "files"),
        "ray-memory": ("benchmarks.on_ray", "memory"),
        "ray-accuracy": ("benchmarks.on_ray", "accuracy"),
    }
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(COMMANDS)}; all by default")
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of the archives")
    options = parser.parse_args()
    if unknown := set(options.names) - set(COMMANDS):
        parser.error(f"no {', '.join(sorted(unknown))}; there are {', '.join(COMMANDS)}")
    failed = [name for name in options.names or COMMANDS if _run(*COMMANDS[name], "--data", str(options.data))]
    _run("benchmarks.table")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _run(*module: str) -> int:
    return subprocess.run([sys.executable, "-m", *module]).returncode


if __name__ == "__main__":
    sys.exit(main())
