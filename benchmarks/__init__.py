"""Accuracy and speed benchmarks on real data, as run by `make bench`.

`python -m benchmarks.accuracy`, `.keras_cnn`, `.speed` and `.table` can be run alone; see --help.
"""

# Imported before torch and onnxruntime: sets how torch's threads wait, and turns onnxruntime's telemetry off.
import seehear.learn
import seehear.runtime.onnx_session  # noqa: F401
