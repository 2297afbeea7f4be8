"""Training: the network, its fit, and its export to the runtime's format. The only room that is all torch."""

import os

# Before torch is imported.
# Threads that spin while they wait halve the speed where other programs share the cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Kernels that were made for one shape of batch lie about in memory among what is freed, which then is never one piece:
# with 1,024 of them kept, a training on recordings of any length held twice what it needed. A step uses up to 140.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "192")
