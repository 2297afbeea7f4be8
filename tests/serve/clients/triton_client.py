"""Uses `tritonclient[http]` against a running server, whose address is the first argument. Prints "done" at the end."""

from __future__ import annotations

import json
import sys

import numpy as np
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException
from wave_files import encode_loud

CLIENT = InferenceServerClient(sys.argv[1].removeprefix("http://"))


assert CLIENT.is_server_live()
assert CLIENT.is_server_ready()
assert CLIENT.is_model_ready("loud")
assert "binary_tensor_data" in CLIENT.get_server_metadata()["extensions"]
assert CLIENT.get_model_metadata("loud")["inputs"][0]["name"] == "audio"

files = InferInput("audio", [2], "BYTES")
files.set_data_from_numpy(np.array([encode_loud(), b"damaged"], object), binary_data=True)
answered = CLIENT.infer("loud", [files])
assert answered.as_numpy("answer").tolist() == [b"bright", b""], answered.as_numpy("answer")
assert answered.as_numpy("accepted").dtype == bool
assert json.loads(answered.as_numpy("prediction")[0])["answer"] == {"label": "bright"}

for binary in (True, False):
    array = InferInput("audio", [1, 8000], "FP32")
    array.set_data_from_numpy(np.full((1, 8000), 0.9, np.float32), binary_data=binary)
    wanted = [InferRequestedOutput(name, binary_data=binary) for name in ("answer", "confidence")]
    answered = CLIENT.infer("loud", [array], outputs=wanted, request_id="7")
    assert answered.get_response()["id"] == "7"
    assert answered.as_numpy("confidence")[0] > 0.9
try:
    CLIENT.infer("owls", [files])
except InferenceServerException as error:
    assert "no model is called 'owls'" in str(error)
else:
    raise AssertionError("an unknown model was answered")
print("done")
