"""Benchmarks: how well and how fast, on real data, as `make bench` measures them.

`python -m benchmarks.accuracy`, `.keras_cnn`, `.speed` and `.table` run alone as well; each tells its own by --help.
"""

# Before torch and onnxruntime: the one is told how its threads should wait, the other to send nothing.
import seehear.learn
import seehear.runtime.session  # noqa: F401
