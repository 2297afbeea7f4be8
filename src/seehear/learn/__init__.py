"""Training: data, model, training loop, calibration and export. The only room that is all torch."""

import os

# Before torch is imported.
# Threads that spin while waiting halve the speed when other programs share the cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Cached kernels of past batch shapes fragment memory: with the default of 1,024, training on recordings of various
# lengths took twice the memory. A step uses up to 140.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "192")
