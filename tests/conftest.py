"""Settings of all tests."""

from __future__ import annotations

import os

# Tests train small networks from random weights, whichever pretrained encoders are installed.
os.environ["SEEHEAR_START"] = "none"
