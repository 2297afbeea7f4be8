"""Benchmarks: how well and how fast, on real data, as `make bench` measures them.

`python -m benchmarks.accuracy`, `.keras_cnn`, `.speed` and `.table` run alone as well; each tells its own by --help.
"""

import seehear.learn  # noqa: F401 - before torch is imported: it tells how torch's threads should wait
