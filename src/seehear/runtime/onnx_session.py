"""Runs ONNX graphs with onnxruntime on the CPU: NumPy arrays in, NumPy arrays out."""

from __future__ import annotations

import os
from collections.abc import Mapping

# From version 1.29, wheels store an identifier in the home folder and send telemetry unless this is set before import.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

from seehear.errors import BundleError
from seehear.senses import Array

onnxruntime.set_default_logger_severity(4)  # errors come as exceptions; also before there is a session

NUMBERS = ("tensor(float)", "tensor(float16)", "tensor(double)")


class Session:
    """A graph, ready to run. Raises BundleError for one that onnxruntime refuses, or whose outputs are not floats."""

    def __init__(self, model: bytes) -> None:
        try:
            self._session = onnxruntime.InferenceSession(model, _options(), providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors have no other common base
            raise BundleError(f"onnxruntime refuses the graph: {_first_line(error)}") from None
        self.inputs = tuple(value.name for value in self._session.get_inputs())
        self.outputs = tuple(value.name for value in self._session.get_outputs())
        for value in self._session.get_outputs():
            if value.type not in NUMBERS:
                raise BundleError(f"the graph returns {value.name} as {value.type}", allowed=", ".join(NUMBERS))

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Every output by name. Raises BundleError if the graph cannot take these arrays."""
        try:
            return dict(zip(self.outputs, self._session.run(None, dict(feeds)), strict=True))
        except Exception as error:
            raise BundleError(f"the graph failed: {_first_line(error)}") from None


def threads() -> int:
    """The number of CPU cores that this process may use: all, or at most as many as SEEHEAR_THREADS says."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = os.environ.get("SEEHEAR_THREADS", "")
    return min(there, max(1, int(limit))) if limit.isdecimal() else there


def _options() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads()
    options.log_severity_level = 4  # errors come as exceptions; nothing else may reach stderr
    # A memory plan is kept for every new input shape, and recordings have many: without plans, memory stays flat.
    options.enable_mem_pattern = False
    # Idle threads that spin take cores away from decoding the next inputs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Not a format that onnxruntime detects by itself, which check_graph does not read.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    return options


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
