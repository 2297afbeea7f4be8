"""The process of a training job that is handmade: it keeps checkpoints and resumes as a real one, in a second.

    python -m benchmarks.handmade_job PROJECT-FOLDER JOB

The model that it "trains" is a copy of the file that the variable MODEL names.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from seehear import api
from seehear.events import Advanced, Finished, Listener, Started
from seehear.files import write_atomically
from seehear.folders import claim_folder, empty_folder, remove_folder
from seehear.projects import jobs
from seehear.projects.job_process import main
from seehear.run_files import CHECKPOINT, MANIFEST

MODEL = "SEEHEAR_HANDMADE_MODEL"
STEPS, STEP_S = 20, 0.02


def train(_table: Path, out: Path, *, resume: bool, listen: Listener, **_options: Any) -> None:
    run = Path(f"{out}.run")
    with claim_folder(run):
        if not resume:
            empty_folder(run)
        write_atomically(run / MANIFEST, b"{}")
        listen(Started("training", STEPS, "steps"))
        checkpoint = run / CHECKPOINT
        for step in range(int(checkpoint.read_text()) if checkpoint.exists() else 0, STEPS):
            time.sleep(STEP_S)
            write_atomically(checkpoint, str(step + 1).encode())
            listen(Advanced("training", step + 1, f"loss {1 / (step + 1):.3f}"))
        listen(Finished("training", f"{STEPS} steps"))
        write_atomically(out, Path(os.environ[MODEL]).read_bytes())
        remove_folder(run)


if __name__ == "__main__":
    api.train = train  # type: ignore[assignment]
    jobs.PROCESS = "benchmarks.handmade_job"  # it restarts those that were killed, which are handmade too
    main()
