"""Training: the network, its fit, and its export to the runtime's format. The only room that is all torch."""

import os

# Before torch is imported: threads that spin while they wait halve the speed where other programs share the cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
