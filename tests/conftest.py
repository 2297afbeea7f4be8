"""Settings of all tests."""

from __future__ import annotations

import os
from tempfile import TemporaryDirectory

if "SEEHEAR_CACHE" not in os.environ:  # one for all worker processes, instead of the user's
    CACHE = TemporaryDirectory(prefix="seehear-cache-")
    os.environ["SEEHEAR_CACHE"] = CACHE.name
# Tests train small networks from random weights, whichever pretrained encoders are installed.
os.environ["SEEHEAR_START"] = "none"
# Each core has a test to run, and networks this small gain nothing from more threads. Threads that spin while they wait
# take most of the time, where a test asks for more of them than there are idle cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
